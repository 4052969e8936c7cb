package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

func wholeBlock() *drainlinev1.RawBlock {
	return &drainlinev1.RawBlock{Id: []byte("0123456789abcdef"), Requests: []*drainlinev1.Request{
		{
			Id: []byte("fedcba9876543210"), Door: drainlinev1.Door_DOOR_LOGPLEX, Credential: "c", DrainToken: "d.1", FrameId: "f",
			RequestId: "r", Facts: &drainlinev1.Facts{PathApp: "shop", Apps: []string{"a", "b"}}, Query: map[string]string{"app": "x"},
			ReceivedNs: 1, Trace: &drainlinev1.Trace{Traceparent: "t"}, Encoding: drainlinev1.Encoding_ENCODING_FRAMES,
			Body: []byte("5 hello"), FirstFrame: 3, Defaults: &drainlinev1.Defaults{Host: "h"}, Marks: []string{"m"},
			Ack: &drainlinev1.Ack{Id: 7},
		},
		{},
		{Body: []byte("alone")},
	}}
}

func TestUnmarshalBlock(t *testing.T) {
	t.Parallel()
	want := wholeBlock()
	message, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &drainlinev1.RawBlock{Id: []byte("of before"), Requests: []*drainlinev1.Request{{}}}
	if err := wire.UnmarshalBlock(message, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	got.Requests[0].Body = append(got.Requests[0].Body, '!')
	if again := (&drainlinev1.RawBlock{}); wire.UnmarshalBlock(message, again) != nil || !proto.Equal(want, again) {
		t.Error("whoever appends to a body writes into the message")
	}
}

// UnmarshalBlock reads what the generated code reads, and refuses what that refuses.
func FuzzUnmarshalBlock(f *testing.F) {
	message, err := proto.Marshal(wholeBlock())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add(message[:len(message)-1])
	f.Add([]byte{})
	f.Add([]byte{0x12, 0x04, 0x62, 0x00, 0x60, 0x01}) // a body, and a number in place of one
	f.Add([]byte{0x08, 0x01, 0x10, 0x01, 0x1a, 0x00}) // numbers in place of id and request, and an unknown field
	f.Add([]byte{0x12, 0x03, 0x1a, 0x01, 0xff})       // text that is not UTF-8
	f.Fuzz(func(t *testing.T, message []byte) {
		var want, got drainlinev1.RawBlock
		wantErr, gotErr := proto.Unmarshal(message, &want), wire.UnmarshalBlock(message, &got)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("%v, where the generated code says %v", gotErr, wantErr)
		}
		want.ProtoReflect().SetUnknown(nil)
		if wantErr == nil && !proto.Equal(&want, &got) {
			t.Fatalf("%v, where the generated code reads %v", &got, &want)
		}
	})
}

package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

func letter() *drainlinev1.DeadBlock {
	id := wire.DeadID(wire.PayloadID([]byte("x")), wire.StageTransform, "bad_frame")
	return &drainlinev1.DeadBlock{
		Id: id[:], Stage: wire.StageTransform, Reason: "bad_frame", Sentence: "no header", Content: drainlinev1.Content_CONTENT_PAYLOAD,
		Original: []byte{0, 0xff, 1}, Attempts: 2, ReceivedNs: 3, Trace: &drainlinev1.Trace{Traceparent: "00-1", Tracestate: "v=1"},
		Destination: "splunk", Subject: "t.raw.s0",
	}
}

func startDead(t *testing.T) (*consuming, *Conn) {
	t.Helper()
	c := startConsuming(t, AckWait)
	return c, dial(t, c.url())
}

func TestADeadLetterIsKeptOnceAndWhole(t *testing.T) {
	t.Parallel()
	c, conn := startDead(t)
	before := time.Now().UnixNano()
	for range 3 {
		if err := conn.Dead(soon(t), letter()); err != nil {
			t.Fatal(err)
		}
	}
	letters := deadLetters(t, c.js)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	if died := letters[0].GetDiedNs(); died < before || died > time.Now().UnixNano() {
		t.Errorf("died at %d", died)
	}
	letters[0].DiedNs = 0
	if diff := cmp.Diff(letter(), letters[0], protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatADeadLetterCannotHold(t *testing.T) {
	t.Parallel()
	c, conn := startDead(t)
	noise := sized(1<<20, true).GetBody()
	for i, change := range []func(d *drainlinev1.DeadBlock){
		func(d *drainlinev1.DeadBlock) { d.Original = noise },
		func(d *drainlinev1.DeadBlock) {
			d.Sentence, d.Trace.Traceparent, d.Trace.Tracestate = "a\xffb", "\xc0", "v=\x80"
		},
		func(d *drainlinev1.DeadBlock) { d.Trace = nil },
	} {
		d := letter()
		id := wire.DeadID(wire.PayloadID([]byte{byte(i)}), d.GetStage(), d.GetReason())
		d.Id = id[:]
		change(d)
		if err := conn.Dead(soon(t), d); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	letters := deadLetters(t, c.js)
	if len(letters) != 3 {
		t.Fatalf("%d dead letters", len(letters))
	}
	if got := letters[0]; !bytes.Equal(got.GetOriginal(), noise[:maxOriginal]) ||
		got.GetSentence() != fmt.Sprintf("no header (the first %d of %d bytes are kept)", maxOriginal, len(noise)) {
		t.Errorf("%d bytes kept: %s", len(got.GetOriginal()), got.GetSentence())
	}
	if got := letters[1]; got.GetSentence() != "a\uFFFDb" || got.GetTrace().GetTraceparent() != "" || got.GetTrace().GetTracestate() != "v=" {
		t.Errorf("%v", got)
	}
	if letters[2].GetTrace() != nil {
		t.Errorf("a trace from nowhere: %v", letters[2].GetTrace())
	}
}

func TestDeadGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	c, conn := startDead(t)
	full := deadConfig()
	full.MaxBytes = 1
	if _, err := c.js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reason is told", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := conn.Dead(ctx, letter())
		var retry *RetryError
		return errors.As(err, &retry) && strings.Contains(err.Error(), "maximum bytes exceeded")
	})
}

// A delivery's payload can always be wrapped into a dead letter.
func TestTheLargestPayloadCanDie(t *testing.T) {
	t.Parallel()
	c, conn := startDead(t)
	m := rawMsg("0 ")
	m.Payload = append(m.Payload, sized(wire.MaxPayload-2, true).GetBody()...)
	if err := conn.Publish(soon(t), m); err != nil {
		t.Fatal(err)
	}
	d := next(t, c.consume(c.url()))
	dead := d.Dead(wire.StageTransform, "damaged", strings.Repeat("why ", 1000))
	if err := conn.Dead(soon(t), dead); err != nil {
		t.Fatal(err)
	}
	d.Ack()
	if got := deadLetters(t, c.js); len(got) != 1 || !bytes.Equal(got[0].GetOriginal(), m.Payload) || !proto.Equal(got[0], dead) {
		t.Errorf("%d dead letters", len(got))
	}
}

package wire_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// generated is a Batch as the generated code has it: the plain version that the
// fast one is held to.
func generated(b *wire.Batch) *drainlinev1.EventBatch {
	out := &drainlinev1.EventBatch{
		Id: b.ID[:], BlockId: b.BlockID[:], Destination: b.Destination, FirstFrame: b.FirstFrame, LastFrame: b.LastFrame, Ack: b.Ack,
		Token: b.Token,
	}
	for i := range b.Origins {
		o := &b.Origins[i]
		origin := &drainlinev1.Origin{
			Door: o.Door, Credential: o.Credential, DrainToken: o.DrainToken, App: o.App, ReceivedNs: o.ReceivedNS,
		}
		if !o.RequestID.IsZero() {
			origin.RequestId = o.RequestID[:]
		}
		if o.Traceparent != "" || o.Tracestate != "" {
			origin.Trace = &drainlinev1.Trace{Traceparent: o.Traceparent, Tracestate: o.Tracestate}
		}
		out.Origins = append(out.Origins, origin)
	}
	for i := range b.Events {
		e := &b.Events[i]
		event := &drainlinev1.Event{
			TimeNs: e.TimeNS, Host: e.Host, Source: e.Source, Sourcetype: e.Sourcetype, Index: e.Index, Text: e.Text, Json: e.JSON,
			Origin: e.Origin, Kind: e.Kind, Code: e.Code, Dyno: e.Dyno, Process: e.Process,
			Facility: uint32(e.Facility), Severity: uint32(e.Severity),
		}
		for _, f := range e.Fields {
			event.Fields = append(event.Fields, &drainlinev1.Field{Name: f.Name, Json: f.JSON})
		}
		out.Events = append(out.Events, event)
	}
	return out
}

// plain is the way back.
func plain(m *drainlinev1.EventBatch) wire.Batch {
	b := wire.Batch{
		ID: wire.ToID(m.GetId()), BlockID: wire.ToID(m.GetBlockId()), Destination: m.GetDestination(),
		FirstFrame: m.GetFirstFrame(), LastFrame: m.GetLastFrame(), Ack: m.GetAck(), Token: m.GetToken(),
	}
	for _, o := range m.GetOrigins() {
		b.Origins = append(b.Origins, wire.Origin{
			RequestID: wire.ToID(o.GetRequestId()), Door: o.GetDoor(), Credential: o.GetCredential(), DrainToken: o.GetDrainToken(),
			App: o.GetApp(), ReceivedNS: o.GetReceivedNs(), Traceparent: o.GetTrace().GetTraceparent(), Tracestate: o.GetTrace().GetTracestate(),
		})
	}
	for _, e := range m.GetEvents() {
		event := wire.Event{
			TimeNS: e.GetTimeNs(), Host: e.GetHost(), Source: e.GetSource(), Sourcetype: e.GetSourcetype(), Index: e.GetIndex(),
			Text: e.GetText(), JSON: e.GetJson(), Origin: e.GetOrigin(), Kind: e.GetKind(), Code: e.GetCode(), Dyno: e.GetDyno(),
			Process: e.GetProcess(), Facility: uint8(e.GetFacility()), Severity: uint8(e.GetSeverity()),
		}
		for _, f := range e.GetFields() {
			event.Fields = append(event.Fields, wire.Field{Name: f.GetName(), JSON: f.GetJson()})
		}
		b.Events = append(b.Events, event)
	}
	return b
}

// differ returns what differs between two batches.
func differ(want, got *wire.Batch) string {
	a, b := generated(want), generated(got)
	if proto.Equal(a, b) { // quick, which cmp is not
		return ""
	}
	return cmp.Diff(a, b, protocmp.Transform())
}

// anyBatch draws batches with every field set and unset, short and over the
// bounds where a varint grows.
func anyBatch() *rapid.Generator[*wire.Batch] {
	long := rapid.SampledFrom([]int{0, 127, 128, 16383, 16384})
	text := rapid.OneOf(rapid.String(), rapid.Map(long, func(n int) string { return string(bytes.Repeat([]byte("é"), n/2)) }))
	binary := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(long, func(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }))
	id := rapid.OneOf(rapid.Just(wire.ID{}), rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), wire.ToID))
	number := rapid.OneOf(rapid.Int64(), rapid.Just(int64(0)))
	frame := rapid.OneOf(rapid.Uint32(), rapid.Just(uint32(0)))
	octet := rapid.OneOf(rapid.Uint8(), rapid.Just(uint8(0)))
	origin := rapid.Custom(func(t *rapid.T) wire.Origin {
		return wire.Origin{
			RequestID: id.Draw(t, "request"), Door: drainlinev1.Door(rapid.Int32Min(0).Draw(t, "door")), Credential: text.Draw(t, "credential"),
			DrainToken: text.Draw(t, "drain"), App: text.Draw(t, "app"), ReceivedNS: number.Draw(t, "received"),
			Traceparent: text.Draw(t, "traceparent"), Tracestate: text.Draw(t, "tracestate"),
		}
	})
	field := rapid.Custom(func(t *rapid.T) wire.Field {
		return wire.Field{Name: text.Draw(t, "name"), JSON: binary.Draw(t, "value")}
	})
	return rapid.Custom(func(t *rapid.T) *wire.Batch {
		b := &wire.Batch{
			ID: id.Draw(t, "id"), BlockID: id.Draw(t, "block"), Destination: text.Draw(t, "destination"),
			FirstFrame: frame.Draw(t, "first"), LastFrame: frame.Draw(t, "last"), Ack: rapid.Bool().Draw(t, "ack"),
			Token: text.Draw(t, "token"), Origins: rapid.SliceOfN(origin, 1, 3).Draw(t, "origins"),
		}
		event := rapid.Custom(func(t *rapid.T) wire.Event {
			return wire.Event{
				TimeNS: number.Draw(t, "time"), Host: text.Draw(t, "host"), Source: text.Draw(t, "source"), Sourcetype: text.Draw(t, "sourcetype"),
				Index: text.Draw(t, "index"), Text: binary.Draw(t, "text"), JSON: binary.Draw(t, "json"), Fields: rapid.SliceOfN(field, 0, 3).Draw(t, "fields"),
				Origin: uint32(rapid.IntRange(0, len(b.Origins)-1).Draw(t, "origin")), Kind: text.Draw(t, "kind"), Code: text.Draw(t, "code"),
				Dyno: text.Draw(t, "dyno"), Process: text.Draw(t, "process"), Facility: octet.Draw(t, "facility"), Severity: octet.Draw(t, "severity"),
			}
		})
		b.Events = rapid.SliceOfN(event, 0, 4).Draw(t, "events")
		return b
	})
}

// What is appended is what the generated code reads.
func TestAppendAgreesWithTheGeneratedCode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := anyBatch().Draw(t, "batch")
		got := &drainlinev1.EventBatch{}
		if err := proto.Unmarshal(encodeBatch([]byte{}, b), got); err != nil {
			t.Fatal(err)
		}
		if want := generated(b); !proto.Equal(want, got) {
			t.Fatal(cmp.Diff(want, got, protocmp.Transform()))
		}
	})
}

// What the generated code writes is what is scanned, as is what was appended,
// whether events stand before or behind the rest, into a batch that was used before.
func TestScanAgreesWithTheGeneratedCode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := anyBatch().Draw(t, "batch")
		written, err := proto.Marshal(generated(b))
		if err != nil {
			t.Fatal(err)
		}
		var eventsFirst []byte
		for i := range b.Events {
			eventsFirst = wire.AppendEvent(eventsFirst, &b.Events[i])
		}
		eventsFirst = wire.AppendBatch(eventsFirst, b)
		var got wire.Batch
		for name, message := range map[string][]byte{"generated": written, "appended": encodeBatch(nil, b), "events first": eventsFirst} {
			for range 2 {
				if err := wire.ScanBatch(message, &got); err != nil {
					t.Fatal(err)
				}
				if diff := differ(b, &got); diff != "" {
					t.Fatal(name, diff)
				}
			}
		}
	})
}

// unknown draws a field that no message has, or one with another wire type.
func unknown() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		number := protowire.Number(rapid.IntRange(100, int(protowire.MaxValidNumber)).Draw(t, "number"))
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), rapid.Uint64().Draw(t, "value"))
		case 1:
			return protowire.AppendFixed32(protowire.AppendTag(nil, number, protowire.Fixed32Type), rapid.Uint32().Draw(t, "value"))
		case 2:
			return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), rapid.Uint64().Draw(t, "value"))
		case 3:
			return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		default:
			group := protowire.AppendTag(nil, number, protowire.StartGroupType)
			return protowire.AppendTag(append(group, 0x08, 0x01), number, protowire.EndGroupType)
		}
	})
}

// Fields of a newer Drainline may stand anywhere, and those known in any order.
func TestScanPassesOverUnknownFields(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := anyBatch().Draw(t, "batch")
		shuffled := shuffle(t, encodeBatch(nil, b), map[protowire.Number]map[protowire.Number]bool{6: {7: true}, 7: {8: true}})
		var got wire.Batch
		if err := wire.ScanBatch(shuffled, &got); err != nil {
			t.Fatal(err)
		}
		m := &drainlinev1.EventBatch{}
		if err := proto.Unmarshal(shuffled, m); err != nil {
			t.Fatal(err)
		}
		want := plain(m)
		if diff := differ(&want, &got); diff != "" {
			t.Fatal(diff)
		}
		if len(got.Events) != len(b.Events) || len(got.Origins) != len(b.Origins) || got.ID != b.ID || got.Destination != b.Destination {
			t.Fatalf("%d events, %d origins", len(got.Events), len(got.Origins))
		}
	})
}

// shuffle mixes the fields of a message with unknown ones, and so the messages in it.
func shuffle(t *rapid.T, message []byte, nested map[protowire.Number]map[protowire.Number]bool) []byte {
	var fields [][]byte
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeField(message)
		field := message[:n]
		message = message[n:]
		if inner, ok := nested[number]; ok && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(field)
			value, _ := protowire.ConsumeBytes(field[tag:])
			below := map[protowire.Number]map[protowire.Number]bool{}
			for number := range inner {
				below[number] = nil
			}
			field = protowire.AppendBytes(protowire.AppendTag(nil, number, kind), shuffle(t, value, below))
		}
		fields = append(fields, field)
	}
	fields = append(fields, rapid.SliceOfN(unknown(), 0, 3).Draw(t, "unknown")...)
	return bytes.Join(rapid.Permutation(fields).Draw(t, "order"), nil)
}

// Lengths of nested messages are padded to four bytes, which any decoder takes.
func TestPaddedLengths(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 127, 128, 16383, 16384, 1 << 21, 1<<21 + 1} {
		b := &wire.Batch{Origins: []wire.Origin{{}}, Events: []wire.Event{{Text: make([]byte, size)}}}
		message := encodeBatch(nil, b)
		got := &drainlinev1.EventBatch{}
		if err := proto.Unmarshal(message, got); err != nil {
			t.Fatal(err)
		}
		if len(got.GetEvents()) != 1 || len(got.GetEvents()[0].GetText()) != size {
			t.Errorf("%d bytes became %d", size, len(got.GetEvents()[0].GetText()))
		}
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	origin := []byte{6<<3 | 2, 0}
	event := func(body ...byte) []byte { return append([]byte{7<<3 | 2, byte(len(body))}, body...) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name    string
		message []byte
		want    string // "" is accepted
	}{
		{"nothing", nil, ""},
		{"an event and its origin", join(event(), origin), ""},
		{"an event without origins", event(), "event batch: an event names an origin that is not there"},
		{"an event of another origin", join(origin, event(9<<3, 1)), "event batch: an event names an origin that is not there"},
		{"a facility", join(origin, event(14<<3, 0xff, 0x01)), ""},
		{"a facility over a byte", join(origin, event(14<<3, 0x80, 0x02)), "event batch: number out of range"},
		{"a severity over a byte", join(origin, event(15<<3, 0x80, 0x02)), "event batch: number out of range"},
		{"a negative door", []byte{6<<3 | 2, 11, 2 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, "event batch: number out of range"},
		{"a cut tag", []byte{0x80}, "event batch: field ends after its message"},
		{"field 0", []byte{0, 0}, "event batch: field ends after its message"},
		{"field 0, long", []byte{0x82, 0x80, 0, 0}, "event batch: field ends after its message"},
		{"a field number over all", []byte{0x80, 0x80, 0x80, 0x80, 0x10, 0}, "event batch: field ends after its message"},
		{"a cut length", []byte{7<<3 | 2, 0x80}, "event batch: field ends after its message"},
		{"a cut string", []byte{3<<3 | 2, 2, 'a'}, "event batch: field ends after its message"},
		{"a token with another wire type", []byte{9 << 3, 1}, ""},
		{"a cut token", []byte{9<<3 | 2, 2, 'a'}, "event batch: field ends after its message"},
		{"a cut number", []byte{4 << 3, 0x80}, "event batch: field ends after its message"},
		{"no number", []byte{4 << 3}, "event batch: field ends after its message"},
		{"a length that means gigabytes", []byte{7<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x7f}, "event batch: field ends after its message"},
		{"a cut field in an event", join(origin, event(2<<3|2, 9)), "event batch: field ends after its message"},
		{"a cut field in a field", join(origin, event(8<<3|2, 1, 1<<3|2)), "event batch: field ends after its message"},
		{"a cut field in a trace", []byte{6<<3 | 2, 3, 7<<3 | 2, 1, 1<<3 | 2}, "event batch: field ends after its message"},
		{"a lone end of a group", []byte{1<<3 | 4}, "event batch: field ends after its message"},
		{"an origin with another wire type", []byte{6 << 3, 1}, ""},
		{"an event with another wire type", []byte{7<<3 | 5, 1, 2, 3, 4}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b wire.Batch
			err := wire.ScanBatch(c.message, &b)
			var damaged *wire.DamagedError
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.As(err, &damaged) || damaged.Reason != c.want):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// A few kilobytes of compressed nothing may not become gigabytes of events.
func TestScanBoundsWhatItCounts(t *testing.T) {
	t.Parallel()
	origin, event, field := []byte{6<<3 | 2, 0}, []byte{7<<3 | 2, 0}, []byte{8<<3 | 2, 0}
	withFields := func(n int) []byte {
		return append(bytes.Clone(origin), protowire.AppendBytes([]byte{7<<3 | 2}, bytes.Repeat(field, n))...)
	}
	b := wire.Batch{Events: make([]wire.Event, 0, wire.MaxBlock/2+1)} // one for all: it is large
	for _, c := range []struct {
		name    string
		message []byte
		refused bool
	}{
		{"as many origins as a block can have", bytes.Repeat(origin, wire.MaxBlock/16), false},
		{"more origins", bytes.Repeat(origin, wire.MaxBlock/16+1), true},
		{"as many events as a block can have", append(bytes.Repeat(event, wire.MaxBlock/2), origin...), false},
		{"more events", append(bytes.Repeat(event, wire.MaxBlock/2+1), origin...), true},
		{"many fields", withFields(1000), false},
		{"more fields", withFields(4*wire.MaxBlock + 1), true},
	} {
		err := wire.ScanBatch(c.message, &b)
		if got := err != nil && err.Error() == "damaged payload: event batch: more than a block can hold"; got != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The scanner takes what the generated code takes, and reads the same in it, but
// for three things: it does not look at UTF-8, and refuses numbers and counts
// that no Drainline writes.
func FuzzScanBatch(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeBatch(nil, routerBatch())[:2000])
	small := routerBatch()
	small.Events, small.Token = small.Events[:1], "audit"
	f.Add(encodeBatch(nil, small))
	f.Add([]byte{6<<3 | 2, 0, 7<<3 | 2, 6, 14 << 3, 19, 15 << 3, 6, 9 << 3, 0})
	f.Add([]byte{3<<3 | 2, 1, 0xff, 3<<3 | 2, 0})
	f.Add([]byte{6 << 3, 1, 7<<3 | 5, 1, 2, 3, 4, 1<<3 | 3, 1<<3 | 4})
	f.Fuzz(func(t *testing.T, message []byte) {
		var got wire.Batch
		scanErr := wire.ScanBatch(message, &got)
		m := &drainlinev1.EventBatch{}
		protoErr := proto.Unmarshal(message, m)
		switch {
		case scanErr == nil && protoErr == nil:
			want := plain(m)
			if diff := differ(&want, &got); diff != "" {
				t.Fatal(diff)
			}
		case scanErr == nil && !strings.Contains(protoErr.Error(), "invalid UTF-8"):
			t.Fatalf("scanned what is no message: %v", protoErr)
		case protoErr == nil && believable(m):
			t.Fatalf("refused what is a message: %v", scanErr)
		}
	})
}

// believable reports whether all numbers are in range.
func believable(m *drainlinev1.EventBatch) bool {
	for _, o := range m.GetOrigins() {
		if o.GetDoor() < 0 {
			return false
		}
	}
	for _, e := range m.GetEvents() {
		if e.GetFacility() > math.MaxUint8 || e.GetSeverity() > math.MaxUint8 || int(e.GetOrigin()) >= len(m.GetOrigins()) {
			return false
		}
	}
	return true
}

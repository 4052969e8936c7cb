package transform

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

func awaited(id uint64) func(*drainlinev1.Request) {
	return func(r *drainlinev1.Request) {
		r.Ack = &drainlinev1.Ack{Channel: bytes.Repeat([]byte{9}, 16), Id: id, Parts: 1}
	}
}

// routes are the batches by the ackId of the parts they were told for.
func routes(out output) map[uint64][]wire.ID {
	told := map[uint64][]wire.ID{}
	for _, r := range out.Routed {
		told[r.GetAck().GetId()] = []wire.ID{}
		for _, id := range r.GetBatches() {
			told[r.GetAck().GetId()] = append(told[r.GetAck().GetId()], wire.ToID(id))
		}
	}
	return told
}

func TestRoutesOfAwaitedRequests(t *testing.T) {
	until := config.Drain{Token: "d.1", Until: at(t, "2000-01-01T00:00:00Z")}
	one := config.Drain{Token: "d.2", Destinations: []string{"other"}}
	logplexOf := func(token string) func(*drainlinev1.Request) {
		return func(r *drainlinev1.Request) { awaited(7)(r); r.DrainToken = token }
	}
	const line = "<190>1 - host app web.1 - x"
	for _, c := range []struct {
		name    string
		request *drainlinev1.Request
		want    []string // destinations
	}{
		{"events", envelopes(awaited(7), `{"event":1}{"event":2}`), []string{"other", "splunk"}},
		{"raw lines", rawLines(awaited(7), "1\n2"), []string{"other", "splunk"}},
		{"nothing in it", rawLines(awaited(7), "\n"), nil},
		{"dead in part", envelopes(awaited(7), `{"event":1}{`), []string{"other", "splunk"}},
		{"dead", envelopes(awaited(7), `{`), nil},
		{"frames", request(logplexOf("d.3"), line), []string{"other", "splunk"}},
		{"frames for another to ship", request(logplexOf("d.1"), line), nil},
		{"frames for one destination", request(logplexOf("d.2"), line), []string{"other"}},
		{"an encoding nobody knows", request(func(r *drainlinev1.Request) { logplexOf("d.3")(r); r.Encoding = 99 }, line), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := block(envelopes(nil, `{"event":"nobody waits"}`), c.request)
			out := transformedBy(t, listing(t, until, one), b)
			want := []wire.ID{}
			for _, sealed := range out.Batches {
				routed := slices.Contains(c.want, sealed.Destination)
				if got := scan(t, sealed).Ack; got != routed {
					t.Errorf("%s: ack %v", sealed.Destination, got)
				}
				if routed {
					want = append(want, sealed.ID)
				}
			}
			if diff := cmp.Diff(map[uint64][]wire.ID{7: want}, routes(out)); diff != "" {
				t.Error(diff)
			}
			if got := out.Routed[0].GetAck(); !proto.Equal(got, c.request.GetAck()) {
				t.Errorf("ack %v", got)
			}
		})
	}
	if out := transformed(t, []string{"splunk"}, block(envelopes(nil, `{"event":1}`))); out.Routed != nil || scan(t, out.Batches[0]).Ack {
		t.Error("routes are told to nobody")
	}
}

// When a batch is halved, each request that is waited for is told the halves it is in.
func TestRoutesOfHalves(t *testing.T) {
	noise := noise(600)
	requests := make([]*drainlinev1.Request, 0, 40)
	for id := range uint64(40) {
		var body bytes.Buffer
		for range 100 {
			fmt.Fprintf(&body, `{"event":%q}`, noise())
		}
		change := awaited(id)
		if id >= 20 {
			change = nil
		}
		requests = append(requests, envelopes(change, body.String()))
	}
	out := transformed(t, []string{"a", "b"}, block(requests...))
	if len(out.Batches) < 8 {
		t.Fatalf("%d batches: the test's block is too small to prove anything", len(out.Batches))
	}
	want, silent := map[uint64][]wire.ID{}, 0
	for _, sealed := range out.Batches {
		b := scan(t, sealed)
		for id := uint64(b.FirstFrame / 100); id <= uint64(b.LastFrame/100) && id < 20; id++ {
			want[id] = append(want[id], b.ID)
		}
		if first := b.FirstFrame / 100; b.Ack != (first < 20) {
			t.Errorf("batch from frame %d: ack %v", b.FirstFrame, b.Ack)
		}
		if !b.Ack {
			silent++
		}
	}
	if diff := cmp.Diff(want, routes(out)); diff != "" || silent == 0 {
		t.Errorf("%d batches without ack; %s", silent, diff)
	}
}

// noise makes texts that do not compress.
func noise(n int) func() string {
	random := rand.New(rand.NewPCG(1, 2))
	return func() string {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte(35 + random.IntN(57))
		}
		return string(text)
	}
}

// However little a body needs for an event, and however much each event gets, what
// is published can be read, and all of it comes.
func TestManySmallEvents(t *testing.T) {
	large := func(r *drainlinev1.Request) {
		r.Defaults = &drainlinev1.Defaults{Host: strings.Repeat("h", 1000)}
		for n := range 20 {
			r.Defaults.Fields = append(r.Defaults.Fields, field(fmt.Sprintf("f%d", n), `"`+strings.Repeat("v", 20)+`"`))
		}
	}
	fields := func(n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, `,"%d":%d`, i, i%10)
		}
		return s.String()[1:]
	}
	split := func(r *drainlinev1.Request) { large(r); r.Defaults.SplitArrays = true }
	for name, c := range map[string]struct {
		request *drainlinev1.Request
		events  int
	}{
		"raw lines of a byte":          {rawLines(nil, strings.Repeat("x\n", wire.MaxBlock/2)), wire.MaxBlock / 2},
		"raw lines that get much":      {rawLines(large, strings.Repeat("x\n", 20_000)), 20_000},
		"envelopes that get much":      {envelopes(large, strings.Repeat(`{"event":1}`, 20_000)), 20_000},
		"an array that is split":       {envelopes(split, `{"event":[{}`+strings.Repeat(",{}", 20_000)+`]}`), 20_001},
		"an envelope of fields alone":  {envelopes(large, `{"event":1,"fields":{`+fields(60_000)+`}}`), 1},
		"frames that are hardly there": {request(large, slices.Repeat([]string{"<1>1 - - - - - x"}, wire.MaxBlock/19)...), wire.MaxBlock / 19},
	} {
		t.Run(name, func(t *testing.T) {
			awaited(1)(c.request)
			out := transformed(t, []string{"splunk"}, block(c.request, envelopes(nil, `{"event":"last"}`)))
			n, next := 0, uint32(0)
			var ids []wire.ID
			for _, sealed := range out.Batches {
				if len(sealed.Payload) > wire.MaxPayload {
					t.Fatalf("a payload of %d bytes", len(sealed.Payload))
				}
				b := scan(t, sealed)
				if b.FirstFrame != next {
					t.Fatalf("a batch begins with frame %d, want %d", b.FirstFrame, next)
				}
				next = b.LastFrame + 1
				n += len(b.Events)
				if b.Ack {
					ids = append(ids, b.ID)
				}
			}
			if n != c.events+1 || int(next) != n || out.Counts.Events != n || len(out.Dead) > 0 {
				t.Errorf("%d events up to frame %d, want %d; %d dead letters", n, next, c.events+1, len(out.Dead))
			}
			if diff := cmp.Diff(map[uint64][]wire.ID{1: ids}, routes(out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// anyBlock draws requests of every kind, good and bad in part.
func anyBlock(t *rapid.T) *drainlinev1.RawBlock {
	b := &drainlinev1.RawBlock{Id: bytes.Repeat([]byte{7}, 16)}
	for range rapid.IntRange(0, 6).Draw(t, "requests") {
		change := func(r *drainlinev1.Request) {
			r.DrainToken = rapid.SampledFrom([]string{"", "d.1", "d.2"}).Draw(t, "token")
			if rapid.Bool().Draw(t, "ack") {
				awaited(rapid.Uint64Range(0, 3).Draw(t, "id"))(r)
			}
			r.Marks = rapid.SliceOfN(rapid.SampledFrom([]string{wire.MarkOverRate, wire.MarkUnknownDrain}), 0, 2).Draw(t, "marks")
			r.Defaults = &drainlinev1.Defaults{
				Host: rapid.SampledFrom([]string{"", "h"}).Draw(t, "host"), SplitArrays: rapid.Bool().Draw(t, "split"),
				Fields: []*drainlinev1.Field{field("f", "1")},
			}
		}
		pieces := func(kinds ...string) []string {
			return rapid.SliceOfN(rapid.SampledFrom(kinds), 0, 5).Draw(t, "pieces")
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			b.Requests = append(b.Requests, request(change, pieces("<190>1 - host app web.1 - x",
				"<190>1 2020-01-01T00:00:00Z shop app web.1 - old", "bad",
				"<172>1 - host heroku logplex - Error L10 (output buffer overflow): 3 messages dropped since x")...))
		case 1:
			b.Requests = append(b.Requests, envelopes(change, strings.Join(pieces(`{"event":"a"}`, `{"event":[{},{"b":1}],"fields":{"f":2}}`, `{"evil":1}`, " "), "")))
		case 2:
			b.Requests = append(b.Requests, rawLines(change, strings.Join(pieces("a", "\xff", "", "b\r"), "\n")))
		default:
			b.Requests = append(b.Requests, request(func(r *drainlinev1.Request) { change(r); r.Encoding = 2 }, "x"))
		}
	}
	return b
}

func anySettings(t *rapid.T) *settings {
	s := &settings{destinations: []string{"a", "b"}, appFrom: everywhere, drains: map[string]*drain{}, unknownIndex: "unknown"}
	for _, token := range []string{"d.1", "d.2"} {
		if rapid.Bool().Draw(t, "listed") {
			d, err := newDrain(&config.Drain{
				Token: token, App: "app", Fields: map[string]string{"x": "1", "y": "2", "z": "3"},
				Destinations: rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"a", "b"}}).Draw(t, "destinations"),
				From:         rapid.SampledFrom([]time.Time{{}, time.Unix(1e9, 0), time.Unix(16e8, 0)}).Draw(t, "from"),
			}, nil, s.destinations)
			if err != nil {
				t.Fatal(err)
			}
			s.drains[token] = d
		}
	}
	return s
}

// A block always gives the same output, whatever the transformer did before, and
// every event is in each of its destinations once, or nowhere if it is not to be.
func TestTransformIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, b := anySettings(t), anyBlock(t)
		used := newTransformer(s)
		if _, err := used.transform(anyBlock(t)); err != nil {
			t.Fatal(err)
		}
		used.trim()
		again, err := used.transform(b)
		if err != nil {
			t.Fatal(err)
		}
		once := transformedBy(t, s, b)
		if diff := cmp.Diff(once, again, protocmp.Transform(), cmp.AllowUnexported(lost{})); diff != "" {
			t.Fatal(diff)
		}
		awaited := 0
		for _, r := range b.GetRequests() {
			if r.GetAck() != nil {
				awaited++
			}
		}
		if len(once.Routed) != awaited {
			t.Fatalf("%d routes for %d requests", len(once.Routed), awaited)
		}
	})
}

// A batch that is made again after the configuration has changed has another id if
// it holds other frames: the stream would take it for the one that is stored, and
// frames would be lost.
func TestOtherFramesHaveAnotherID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, n := block(), 0
		for range rapid.IntRange(1, 4).Draw(t, "requests") {
			var frames []string
			for range rapid.IntRange(1, 4).Draw(t, "frames") {
				frames = append(frames, fmt.Sprintf("<190>1 %s host app web.1 - %d",
					rapid.SampledFrom([]string{"-", "2000-01-01T00:00:00Z", "2015-01-01T00:00:00Z"}).Draw(t, "time"), n))
				n++
			}
			token := rapid.SampledFrom([]string{"d.1", "d.2"}).Draw(t, "token")
			b.Requests = append(b.Requests, request(func(r *drainlinev1.Request) { r.DrainToken = token }, frames...))
		}
		stored := map[wire.ID][]string{}
		for range 4 {
			for _, sealed := range transformedBy(t, anySettings(t), b).Batches {
				var texts []string
				for _, e := range scan(t, sealed).Events {
					texts = append(texts, string(e.Text))
				}
				if known, ok := stored[sealed.ID]; ok && !slices.Equal(known, texts) {
					t.Fatalf("%v is %v and %v", sealed.ID, known, texts)
				}
				stored[sealed.ID] = texts
			}
		}
	})
}

package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

const received = 1_714_564_800_000_000_000

func request(change func(*drainlinev1.Request), frames ...string) *drainlinev1.Request {
	r := &drainlinev1.Request{
		Id: bytes.Repeat([]byte{1}, 16), Door: drainlinev1.Door_DOOR_LOGPLEX, Credential: "default",
		DrainToken: "d.1", ReceivedNs: received, Facts: &drainlinev1.Facts{UserAgent: "Logplex/v72"},
		Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Body: frame(frames...),
	}
	if change != nil {
		change(r)
	}
	return r
}

func frame(frames ...string) []byte {
	var body []byte
	for _, f := range frames {
		body = fmt.Appendf(body, "%d %s", len(f), f)
	}
	return body
}

func block(requests ...*drainlinev1.Request) *drainlinev1.RawBlock {
	return &drainlinev1.RawBlock{Id: bytes.Repeat([]byte{7}, 16), Requests: requests}
}

// everywhere is where an app's name is looked for by default.
var everywhere = []string{"drain", "path", "query", "hostname", "credential", "token"}

// fataler is a test, a fuzz target's or a property's.
type fataler interface{ Fatal(args ...any) }

func transformed(t fataler, destinations []string, b *drainlinev1.RawBlock) output {
	return transformedBy(t, &settings{destinations: destinations, appFrom: everywhere}, b)
}

func transformedBy(t fataler, s *settings, b *drainlinev1.RawBlock) output {
	out, err := newTransformer(s).transform(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func scan(t fataler, b sealedBatch) *wire.Batch {
	message, err := wire.Open(nil, b.Payload)
	if err != nil {
		t.Fatal(err)
	}
	var batch wire.Batch
	if err := wire.ScanBatch(message, &batch); err != nil {
		t.Fatal(err)
	}
	return &batch
}

// show writes an event's metadata in one line: host source sourcetype index fields | body.
func show(e *wire.Event) string {
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Name+"="+string(f.JSON))
	}
	index := ""
	if e.Index != "" {
		index = "index:" + e.Index + " "
	}
	return fmt.Sprintf("%s %s %s %s%s | %s%s", e.Host, e.Source, e.Sourcetype, index, strings.Join(fields, " "), e.Text, e.JSON)
}

// events are all events for a destination, in order.
func events(t *testing.T, out output, destination string) []wire.Event {
	t.Helper()
	var all []wire.Event
	for _, b := range out.Batches {
		if b.Destination == destination {
			all = append(all, scan(t, b).Events...)
		}
	}
	return all
}

// shown are the events for the destination splunk.
func shown(t *testing.T, out output) []string {
	t.Helper()
	var all []string
	for _, e := range events(t, out, "splunk") {
		all = append(all, show(&e))
	}
	return all
}

func TestMetadata(t *testing.T) {
	const line = "<190>1 2024-05-01T12:00:00.5+00:00 host app web.1 - hello\n"
	named := strings.Replace(line, " host ", " shop ", 1)
	path := func(r *drainlinev1.Request) { r.Facts.PathApp = "shop" }
	query := func(r *drainlinev1.Request) { r.Query = map[string]string{"app": "shop"} }
	credential := func(r *drainlinev1.Request) { r.Credential = "team_a" }
	for _, c := range []struct {
		name   string
		change func(*drainlinev1.Request)
		frame  string
		want   string
	}{
		{"drain token", nil, line, `d.1 web heroku:app heroku_app="d.1" heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"credential", credential, line, `team_a web heroku:app heroku_app="team_a" heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"frame hostname", credential, named, `shop web heroku:app heroku_app="shop" heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"query", query, line, `shop web heroku:app heroku_app="shop" heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"path before hostname", path, strings.Replace(line, " host ", " other ", 1), `shop web heroku:app heroku_app="shop" heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"router", path, `<158>1 2024-05-01T12:00:00+00:00 host heroku router - at=error code=H12 dyno=web.2 status=503`, `shop router heroku:router heroku_app="shop" heroku_process="router" heroku_dyno="web.2" heroku_kind="router" heroku_code="H12" | at=error code=H12 dyno=web.2 status=503`},
		{"one-off dyno", path, `<190>1 2024-05-01T12:00:00+00:00 host app run.1234 - x`, `shop run heroku:app heroku_app="shop" heroku_process="run" heroku_dyno="run.1234" heroku_kind="app" | x`},
		{"drain token in the frame", func(r *drainlinev1.Request) { r.DrainToken = "" }, strings.Replace(line, " host ", " d.aaaaaaaa-0000-4000-8000-000000000000 ", 1), `d.aaaaaaaa-0000-4000-8000-000000000000 web heroku:app heroku_app="d.aaaaaaaa-0000-4000-8000-000000000000" heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"no app at all", func(r *drainlinev1.Request) { r.DrainToken = "" }, line, ` web heroku:app heroku_process="web" heroku_dyno="web.1" heroku_kind="app" | hello`},
		{"name that is not UTF-8", path, "<190>1 2024-05-01T12:00:00+00:00 host app w\xffb.1 - x", `shop  heroku:app heroku_app="shop" heroku_kind="app" | x`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := transformed(t, []string{"splunk"}, block(request(c.change, c.frame)))
			if len(out.Batches) != 1 {
				t.Fatalf("%d batches, want 1", len(out.Batches))
			}
			batch := scan(t, out.Batches[0])
			if got := show(&batch.Events[0]); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTime(t *testing.T) {
	for stamp, want := range map[string]int64{
		"2024-05-01T12:00:00.123456+00:00": 1_714_564_800_123_456_000,
		"-":                                received,
		"2024-13-45T99:99:99Z":             received,
	} {
		out := transformed(t, []string{"splunk"}, block(request(nil, "<190>1 "+stamp+" host app web.1 - x")))
		if got := scan(t, out.Batches[0]).Events[0].TimeNS; got != want {
			t.Errorf("%s: %d, want %d", stamp, got, want)
		}
	}
}

func TestBatchesKeepWhereEventsComeFrom(t *testing.T) {
	first := request(nil, "<190>1 - host app web.1 - a", "<45>1 - host heroku web.1 - b")
	second := request(func(r *drainlinev1.Request) {
		r.Id, r.DrainToken = bytes.Repeat([]byte{2}, 16), "d.2"
		r.Trace = &drainlinev1.Trace{Traceparent: "00-1-1-01", Tracestate: "s=1"}
	}, "<190>1 - host app web.1 - c")
	out := transformed(t, []string{"a", "b"}, block(first, second))
	if len(out.Batches) != 2 || out.Counts != (counts{Events: 3}) {
		t.Fatalf("%d batches, counts %+v", len(out.Batches), out.Counts)
	}
	for i, destination := range []string{"a", "b"} {
		batch := scan(t, out.Batches[i])
		var texts []string
		for _, e := range batch.Events {
			texts = append(texts, fmt.Sprintf("%s@%d/%d.%d", e.Text, e.Origin, e.Facility, e.Severity))
		}
		if diff := cmp.Diff([]string{"a@0/23.6", "b@0/5.5", "c@1/23.6"}, texts); diff != "" {
			t.Error(diff)
		}
		want := []wire.Origin{
			{RequestID: wire.ToID(first.GetId()), Door: 1, Credential: "default", DrainToken: "d.1", App: "d.1", ReceivedNS: received},
			{
				RequestID: wire.ToID(second.GetId()), Door: 1, Credential: "default", DrainToken: "d.2", App: "d.2", ReceivedNS: received,
				Traceparent: "00-1-1-01", Tracestate: "s=1",
			},
		}
		if diff := cmp.Diff(want, batch.Origins); diff != "" {
			t.Error(diff)
		}
		if batch.Destination != destination || batch.ID != out.Batches[i].ID || batch.FirstFrame != 0 || batch.LastFrame != 2 {
			t.Errorf("batch %s %v frames %d-%d", batch.Destination, batch.ID, batch.FirstFrame, batch.LastFrame)
		}
	}
}

func TestBadFramesDieAloneWithTheirFacts(t *testing.T) {
	good := "<190>1 - host app web.1 - good"
	bad := request(nil, "<999>1 - host app web.1 - x", good, "no priority")
	unframed := request(func(r *drainlinev1.Request) {
		r.Encoding, r.Body = drainlinev1.Encoding_ENCODING_UNFRAMED, []byte("hello world")
	})
	foreign := request(func(r *drainlinev1.Request) { r.Body = append(r.GetBody(), "12 short"...) }, good)
	newer := request(func(r *drainlinev1.Request) {
		r.Encoding, r.Body = 99, []byte("newer")
	})
	out := transformed(t, []string{"splunk"}, block(bad, unframed, foreign, newer))
	if n := len(scan(t, out.Batches[0]).Events); n != 2 {
		t.Errorf("%d events, want the 2 good ones", n)
	}
	got := map[string][]string{}
	for _, d := range out.Dead {
		if d.GetStage() != wire.StageTransform || d.GetSentence() == "" || d.GetReceivedNs() != received || len(d.GetId()) != 16 {
			t.Errorf("incomplete dead letter %v", d)
		}
		var original drainlinev1.RawBlock
		if err := proto.Unmarshal(d.GetOriginal(), &original); err != nil {
			t.Fatal(err)
		}
		for _, r := range original.GetRequests() {
			if r.GetDrainToken() != "d.1" || r.GetFacts().GetUserAgent() != "Logplex/v72" {
				t.Errorf("facts are gone: %v", r)
			}
			got[d.GetReason()] = append(got[d.GetReason()], string(r.GetBody()))
		}
	}
	want := map[string][]string{
		reasonBadFrame:    {"27 <999>1 - host app web.1 - x11 no priority"},
		reasonUnframed:    {"hello world", "12 short"},
		reasonUnsupported: {"newer"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if out.Counts.Bad != 5 {
		t.Errorf("counted %d bad ones, want 5", out.Counts.Bad)
	}
}

func TestSameBlockGivesSameIDs(t *testing.T) {
	b := block(request(nil, "<190>1 - host app web.1 - a", "bad"))
	one := transformed(t, []string{"a", "b"}, b)
	two := transformed(t, []string{"a", "b"}, b)
	if one.Batches[0].ID != two.Batches[0].ID || one.Batches[0].ID == one.Batches[1].ID {
		t.Error("batch ids are not the block's and the destination's")
	}
	if !bytes.Equal(one.Dead[0].GetId(), two.Dead[0].GetId()) {
		t.Error("dead letters have other ids the second time")
	}
}

// A block of incompressible text becomes larger than a payload once every
// event has its metadata.
func TestLargeBatchesAreHalved(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var frames []string
	for n := range 4000 {
		noise := make([]byte, 300)
		for i := range noise {
			noise[i] = byte(33 + random.IntN(94))
		}
		frames = append(frames, fmt.Sprintf("<190>1 - host app web.%d - %s", n, noise))
	}
	out := transformed(t, []string{"splunk"}, block(request(nil, frames...)))
	if len(out.Batches) < 2 {
		t.Fatalf("%d batches: the test's block is too small to prove anything", len(out.Batches))
	}
	next := uint32(0)
	ids := map[wire.ID]bool{}
	for _, sealed := range out.Batches {
		if len(sealed.Payload) > wire.MaxPayload {
			t.Errorf("a payload of %d bytes", len(sealed.Payload))
		}
		b := scan(t, sealed)
		if b.FirstFrame != next || len(b.Events) != sealed.Events {
			t.Errorf("batch begins with frame %d, want %d, and has %d events of %d", b.FirstFrame, next, len(b.Events), sealed.Events)
		}
		for i := range b.Events {
			if want := frames[next]; !strings.HasSuffix(want, string(b.Events[i].Text)) {
				t.Fatalf("frame %d is not in its place", next)
			}
			next++
		}
		ids[sealed.ID] = true
	}
	if int(next) != len(frames) || len(ids) != len(out.Batches) {
		t.Errorf("%d frames in %d ids, want %d in %d", next, len(ids), len(frames), len(out.Batches))
	}
}

// Whatever is in a block, each frame becomes one event or is in one dead letter.
func TestNothingVanishes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b drainlinev1.RawBlock
		good, bad := 0, 0
		for range rapid.IntRange(0, 4).Draw(t, "requests") {
			var frames []string
			for range rapid.IntRange(1, 6).Draw(t, "frames") {
				if rapid.Bool().Draw(t, "good") {
					frames = append(frames, "<190>1 - host app web.1 - "+rapid.String().Draw(t, "text"))
					good++
				} else {
					frames = append(frames, "bad "+rapid.StringN(0, 20, 40).Draw(t, "text"))
					bad++
				}
			}
			b.Requests = append(b.Requests, request(nil, frames...))
		}
		out := transformed(t, []string{"splunk"}, &b)
		if out.Counts.Events != good || out.Counts.Bad != bad {
			t.Fatalf("%d events and %d bad, want %d and %d", out.Counts.Events, out.Counts.Bad, good, bad)
		}
	})
}

// A rare large block does not hold its memory for ever, and the next is none the worse.
func TestBuffersShrink(t *testing.T) {
	random := make([]byte, 3*wire.MaxBlock)
	rand.NewChaCha8([32]byte{1}).Read(random)
	s := &settings{destinations: []string{"a", "b"}, appFrom: everywhere}
	tr := newTransformer(s)
	for name, large := range map[string]*drainlinev1.RawBlock{
		"one event":     block(request(nil, "<190>1 - host app web.1 - "+strings.Repeat("x", 2*keptBuffer))),
		"many batches":  block(request(nil, slices.Repeat([]string{"<190>1 - host app web.1 - " + string(random)}, 2)...)),
		"many events":   block(request(nil, slices.Repeat([]string{"<190>1 - host app web.1 - x"}, 2*sectionEvents)...)),
		"many requests": block(slices.Repeat([]*drainlinev1.Request{request(nil, "<190>1 - host app web.1 - x")}, 2*sectionEvents)...),
	} {
		small := block(request(nil, "<190>1 - host app web.1 - x"))
		for _, b := range []*drainlinev1.RawBlock{large, small} {
			if _, err := tr.transform(b); err != nil {
				t.Fatal(err)
			}
			tr.trim()
		}
		kept := []int{cap(tr.sealer.lanes[0].events), cap(tr.sealer.batch)}
		for _, payload := range tr.sealer.payloads {
			kept = append(kept, cap(payload))
		}
		if slices.Max(kept) > keptBuffer || cap(tr.sealer.lanes[0].frames) > 2*sectionEvents || len(kept) > 5 {
			t.Errorf("%s: kept %v and %d frames", name, kept, cap(tr.sealer.lanes[0].frames))
		}
		again, err := tr.transform(small)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(transformedBy(t, s, small), again, protocmp.Transform(), cmp.AllowUnexported(lost{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// No decoded block has such a string; if one comes it is an error and no panic.
func TestABlockThatWasNeverDecoded(t *testing.T) {
	bad := request(func(r *drainlinev1.Request) { r.Credential = "\xff" }, "no priority")
	if _, err := newTransformer(&settings{}).transform(block(bad)); err == nil {
		t.Error("no error")
	}
}

// What a block costs does not grow with its lines, envelopes and requests.
func TestNothingIsAllocatedForALine(t *testing.T) {
	s := listing(
		t, config.Drain{Token: "d.1", App: "shop", Fields: map[string]string{"env": "prod"}, Destinations: []string{"splunk"}},
		config.Drain{Token: "d.2", Fields: map[string]string{fieldKind: "mine"}},
	)
	change := func(r *drainlinev1.Request) {
		r.Marks = []string{wire.MarkOverRate}
		r.Defaults = &drainlinev1.Defaults{Host: "h", Fields: []*drainlinev1.Field{field("a", "1")}}
	}
	other := func(r *drainlinev1.Request) { change(r); r.DrainToken = "d.2" }
	limited := func(r *drainlinev1.Request) { r.DrainToken, r.Facts.Apps = "", []string{"one", "shop"} }
	const line = "<190>1 2024-05-01T12:00:00.5+00:00 shop app web.1 - hello"
	loss := strings.TrimPrefix(string(logplextest.Body(t, "N5")), "155 ")
	b := block(slices.Repeat([]*drainlinev1.Request{
		request(nil, line, loss), request(change, line), request(other, line), request(limited, line),
		envelopes(change, `{"event":{"a":1},"fields":{"x":1}}{"event":"text","host":"h"}`), rawLines(change, "one\ntwo"),
	}, 300)...)
	tr := newTransformer(s)
	run := func() {
		if out, err := tr.transform(b); err != nil || out.Counts.Events != 300*9 || len(out.Dead) > 0 {
			t.Fatal(out.Counts, err)
		}
	}
	run()
	// An envelope costs its scanner, which is one a request.
	if got := testing.AllocsPerRun(5, run); got > 300+50 {
		t.Errorf("%v allocations", got)
	}
}

func FuzzTransform(f *testing.F) {
	frames, events, raw := int32(1), int32(3), int32(4)
	f.Add([]byte("63 <190>1 2024-05-01T12:00:00.123456+00:00 host app web.1 - hello\n"), "d.1", "Logplex/v72", frames)
	f.Add([]byte("75 <190>1 2026-11-22T01:41:50.321289+00:00 shuttle token shuttle - - line one\n"), "", "log-shuttle/1", frames)
	f.Add([]byte("-5 <190>1 x"), "", "", frames)
	f.Add([]byte("3 <1>"), "\xff", "\xff", frames)
	f.Add([]byte(`{"event":"\ud800 \u00e9","fields":{"a":[1,null],"\xff":"\xff"}} {"event":[{},{"b":1.0}],"time":"1.5","host":"h"}`), "", "", events)
	f.Add([]byte(`[{"event":{"a":{}}},{"event":" "}]`), "", "", events)
	f.Add([]byte("one\r\n\n \xfftwo"), "", "", raw)
	f.Fuzz(func(t *testing.T, body []byte, token, agent string, encoding int32) {
		// A block that was decoded has no string that is not UTF-8.
		token, agent = strings.ToValidUTF8(token, "?"), strings.ToValidUTF8(agent, "?")
		r := request(func(r *drainlinev1.Request) {
			r.Body, r.DrainToken, r.Facts.UserAgent, r.Encoding = body, token, agent, drainlinev1.Encoding(encoding)
			r.Defaults = &drainlinev1.Defaults{SplitArrays: true, Fields: []*drainlinev1.Field{field("a", `"b"`)}}
		})
		out := transformed(t, []string{"splunk"}, block(r))
		for _, b := range out.Batches {
			var generated drainlinev1.EventBatch
			message, err := wire.Open(nil, b.Payload)
			if err != nil {
				t.Fatal(err)
			}
			// The generated reader wants UTF-8 in names, whatever is in a frame.
			if err := proto.Unmarshal(message, &generated); err != nil {
				t.Fatal(err)
			}
			for _, e := range scan(t, b).Events {
				if envelope := hec.AppendEvent(nil, &e); !json.Valid(envelope) {
					t.Fatalf("not JSON: %s", envelope)
				}
			}
		}
	})
}

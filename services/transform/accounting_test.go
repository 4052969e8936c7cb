package transform

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// endings are rules and ways by which events end in every way there is.
func endings(c *config.Config) {
	c.Destinations = map[string]config.Destination{
		"splunk": {When: `not (message contains "nowhere")`},
		"other":  {When: `message contains "other"`, Format: config.FormatJSON},
		"third":  {When: `kind == "router"`},
	}
	c.Unrouted = config.UnroutedDead
	c.Drains = []config.Drain{{Token: "d.1", Join: []string{"java"}}}
	c.Rules = []config.Rule{
		{Name: "drop", When: `message contains "drop"`, Drop: true},
		{Name: "dead", When: `message contains "dead"`, Limit: config.Limit{Bytes: 1, Over: config.OverDead}},
		{Name: "redact", Redact: []config.Redaction{{Preset: "email", With: "***"}}},
		{Name: "fails", When: `message contains "fails"`, Set: map[string]string{"index": "{{ 'NOT AN INDEX' }}"}},
		{Name: "metrics", Metrics: config.MetricsBoth},
	}
}

var lineNumber = regexp.MustCompile(`n=(\d+)`)

// countLines adds how often each line's number is in a text.
func countLines(ends map[string]int, text []byte) {
	for _, m := range lineNumber.FindAllSubmatch(text, -1) {
		ends[string(m[1])]++
	}
}

// Whatever is sent, every line ends once: in an event, of which a destination has one
// copy, filtered, or in a dead letter. The same block always comes to the same.
func TestEveryLineEndsOnce(t *testing.T) {
	words := []string{
		"keep", "other", "drop", "dead", "nowhere", "fails a@b.co", "java.lang.Error: x", "\tat x.Y.z(Y.java:1)", "sample#x=1", "\xff\x00",
	}
	procs := []string{"app web.1", "app web.2", "heroku router", "heroku web.1", "app heroku-postgres"}
	rapid.Check(t, func(t *rapid.T) {
		lines, drops := 0, 0
		line := rapid.Custom(func(t *rapid.T) []byte {
			lines++
			if rapid.IntRange(0, 9).Draw(t, "bad") == 0 {
				return frame("no header n=" + strconv.Itoa(lines))
			}
			word := rapid.SampledFrom(words).Draw(t, "word")
			if word == "drop" {
				drops++
			}
			return frame(fmt.Sprintf("<190>1 - host %s - %s n=%d\n", rapid.SampledFrom(procs).Draw(t, "proc"), word, lines))
		})
		var requests []*drainlinev1.Request
		for i := range rapid.IntRange(1, 3).Draw(t, "requests") {
			requests = append(requests, request(func(r *drainlinev1.Request) {
				r.Id[0], r.Body = byte(i), bytes.Join(rapid.SliceOfN(line, 1, 30).Draw(t, "lines"), nil)
			}))
		}
		out := tried(t, requests)
		ends := map[string]int{}
		for _, letter := range out.Dead {
			countLines(ends, letter.GetOriginal())
		}
		shipped, ids := map[string]bool{}, map[wire.ID]bool{}
		for _, b := range out.Batches {
			if ids[b.ID] {
				t.Fatalf("two batches have the id %v", b.ID)
			}
			ids[b.ID] = true
			copies := map[string]int{}
			for i := range b.Events {
				countLines(copies, b.Events[i].Text)
				countLines(copies, b.Events[i].JSON)
			}
			for n, times := range copies {
				if times > 1 {
					t.Fatalf("line %s is %d times in one batch", n, times)
				}
				shipped[n] = true
			}
		}
		for n := range shipped {
			ends[n]++
		}
		for n, times := range ends {
			if times > 1 {
				t.Fatalf("line %s ends %d times", n, times)
			}
		}
		if out.Filtered != drops || len(ends) != lines-drops {
			t.Fatalf("%d lines, %d to be dropped: %d end, %d are filtered", lines, drops, len(ends), out.Filtered)
		}
		if diff := cmp.Diff(out, tried(t, requests), protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func tried(t fataler, requests []*drainlinev1.Request) TrialOutput {
	trial := &Trial{settings: ruled(t, endings)}
	out, err := trial.Run(requests)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// However many lines wait and are shipped together, each batch has an id of its own.
func TestBatchesOfWaitingLinesHaveTheirOwnIDs(t *testing.T) {
	const traces = 600
	random := rand.NewChaCha8([32]byte{1})
	s := ruled(t, func(c *config.Config) {
		delete(c.Destinations, "other")
		c.Drains = []config.Drain{{Token: "d.1", Join: []string{"java"}}}
	})
	tr := newTransformer(s)
	tr.joining = joining{joiner: join.New[heldLine](maxHeld), delivery: &heldDelivery{}}
	var want []string
	for n := range traces {
		noise := make([]byte, 2500)
		random.Read(noise)
		blk := block(request(nil, fmt.Sprintf("<190>1 - host app web.%d - java.lang.Error: n=%d %x", n, n, noise)))
		binary.BigEndian.PutUint32(blk.GetId(), uint32(n))
		if out, err := tr.transform(blk); err != nil || len(out.Batches) > 0 {
			t.Fatal(len(out.Batches), err)
		}
		want = append(want, strconv.Itoa(n))
	}
	tr.start(wire.ID{})
	tr.joining.joiner.Flush(tr.shipGroup)
	out, err := tr.finish()
	if err != nil {
		t.Fatal(err)
	}
	ids, got := map[wire.ID]bool{}, []string{}
	for _, b := range out.Batches {
		ids[b.ID] = true
		for _, e := range scan(t, b).Events {
			got = append(got, string(lineNumber.FindSubmatch(e.Text)[1]))
		}
	}
	if len(out.Batches) < 3 || len(ids) != len(out.Batches) || !slices.Equal(got, want) {
		t.Errorf("%d batches with %d ids, %d events", len(out.Batches), len(ids), len(got))
	}
}

// Of any bytes, every frame is an event or dead, and every event is shipped, filtered or
// dead.
func TestAnyBytesAreAccounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var body []byte
		frames := 0
		for range rapid.IntRange(1, 20).Draw(t, "frames") {
			content := rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "header") {
				content = append([]byte("<190>1 - host app web.1 - "), content...)
			}
			body = append(body, frame(string(content))...)
			frames++
		}
		s := ruled(t, func(c *config.Config) {
			endings(c)
			delete(c.Destinations, "other")
			delete(c.Destinations, "third")
			c.Rules = c.Rules[:2] // no metrics beside
		})
		out := transformedBy(t, s, block(request(func(r *drainlinev1.Request) { r.Body = body })))
		shipped, buried := 0, out.Counts.Events-out.Counts.Filtered
		for _, b := range out.Batches {
			shipped += b.Events
		}
		if buried -= shipped; out.Counts.Events+out.Counts.Bad-buried != frames || buried < 0 || buried > out.Counts.Bad {
			t.Fatalf("%d frames, %d shipped: %+v", frames, shipped, out.Counts)
		}
	})
}

package shipper

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
	"github.com/drainline/drainline/test/simulators/splunk"
)

func refusal(status int, code hec.Code, named int) *endpoint.RefusedError {
	return &endpoint.RefusedError{Status: status, Answer: hec.Answer{Code: code, InvalidEvent: named}}
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	const bad, large = http.StatusBadRequest, http.StatusRequestEntityTooLarge
	halves := []batch.Span{{From: 10, To: 15}, {From: 15, To: 20}}
	f := func(status int, code hec.Code, named int, distrust bool, want ...batch.Span) {
		t.Helper()
		i := isolation{distrust: distrust}
		var got []batch.Span
		for _, a := range i.narrow(&attempt{events: batch.Selection{{From: 10, To: 20}}}, refusal(status, code, named)) {
			got = append(got, a.events...)
		}
		slices.Reverse(got) // the last is sent first
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d, code %d, event %d: %s", status, code, named, diff)
		}
	}
	f(bad, hec.InvalidFields, 3, false, batch.Span{From: 10, To: 13}, batch.Span{From: 13, To: 14}, batch.Span{From: 14, To: 20})
	f(bad, hec.IncorrectIndex, 4, false, batch.Span{From: 10, To: 13}, batch.Span{From: 13, To: 14}, batch.Span{From: 14, To: 20})
	f(bad, hec.InvalidFields, 0, false, batch.Span{From: 10, To: 11}, batch.Span{From: 11, To: 20})
	f(bad, hec.IncorrectIndex, 1, false, batch.Span{From: 10, To: 11}, batch.Span{From: 11, To: 20})
	f(bad, hec.InvalidFields, 9, false, batch.Span{From: 10, To: 19}, batch.Span{From: 19, To: 20})
	f(bad, hec.InvalidFields, -1, false, halves...)
	f(bad, hec.InvalidFields, 10, false, halves...)
	f(bad, hec.IncorrectIndex, 0, false, halves...)
	f(bad, hec.InvalidFields, int(^uint(0)>>1), false, halves...)
	f(bad, hec.InvalidFields, 3, true, halves...)
	f(large, endpoint.NoCode, -1, false, halves...)
	f(large, hec.InvalidFields, 3, false, halves...)
}

// Whatever a collector says of which event it refuses (the right one, none, a wrong one),
// the poison is found, everything else is delivered, and what is sent is no more than a
// small multiple of all.
func TestIsolation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(t, "events")
		poison := map[int]bool{}
		for _, p := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 20).Draw(t, "poison") {
			poison[p] = true
		}
		tells := rapid.SampledFrom([]string{"right", "nothing", "always the first", "too much"}).Draw(t, "tells")
		var (
			i         isolation
			sent      int
			delivered = map[int]int{}
			dead      = map[int]bool{}
			todo      = []attempt{{events: batch.Select(n), packed: true}}
		)
		for requests := 0; len(todo) > 0; requests++ {
			if requests > 100*(len(poison)+1) {
				t.Fatalf("%d requests for %d events with %d poisonous", requests, n, len(poison))
			}
			a := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if rest := i.cut(&a); rest != nil {
				todo = append(todo, attempt{events: rest})
			}
			events := slices.Collect(a.events.Events())
			sent += len(events)
			bad := slices.IndexFunc(events, func(e int) bool { return poison[e] })
			switch {
			case bad < 0:
				i.delivered(&a)
				for _, e := range events {
					delivered[e]++
				}
			case len(events) == 1:
				dead[events[0]] = true
			default:
				named := map[string]int{"right": bad, "nothing": -1, "always the first": 0, "too much": n}[tells]
				todo = append(todo, i.narrow(&a, refusal(http.StatusBadRequest, hec.InvalidDataFormat, named))...)
			}
		}
		for e := range n {
			if poison[e] != dead[e] || poison[e] == (delivered[e] > 0) || delivered[e] > 1 {
				t.Fatalf("event %d: poison %v, dead %v, delivered %d times", e, poison[e], dead[e], delivered[e])
			}
		}
		if most := 3*n + len(poison)*64 + 20*n*min(1, len(poison))*btoi(tells != "right"); sent > most {
			t.Fatalf("%d events sent for %d with %d poisonous, want %d at most", sent, n, len(poison), most)
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A collector that names an event in the middle of those for one index is not believed
// for ever.
func TestOneIndexIsNarrowed(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(func(r *http.Request) *splunk.Response {
		if r.ContentLength < 3*smallEvent {
			return nil
		}
		return &splunk.Response{Code: int(hec.IncorrectIndex), InvalidEvent: 2, Named: true}
	})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	f.publish("splunk", 20, func(_ int, e *wire.Event) { e.Index = "main" })
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 20)
}

// smallEvent is less than any event of a test has when it is sent, in bytes.
const smallEvent = 60

package cases

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plainMerge is what merge does, in the square of the time.
func plainMerge(all []Event, destination string, events []Event) []Event {
	at := 0
	for _, e := range events {
		same := slices.IndexFunc(all[at:], func(other Event) bool { return other.identity == e.identity })
		if same >= 0 {
			at += same + 1
			all[at-1].Destination = append(all[at-1].Destination, destination)
			continue
		}
		e.Destination = []string{destination}
		for at < len(all) && all[at].request <= e.request {
			at++
		}
		all = slices.Insert(all, at, e)
		at++
	}
	return all
}

func TestMergeIsAsPlainMerge(t *testing.T) {
	t.Parallel()
	event := rapid.Custom(func(t *rapid.T) Event {
		return Event{identity: identity{
			request: rapid.Uint64Range(1, 6).Draw(t, "request"), content: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "content"),
		}}
	})
	rapid.Check(t, func(t *rapid.T) {
		got, want := []Event{}, []Event{}
		for _, destination := range []string{"archive", "splunk", "third"} {
			events := rapid.SliceOfN(event, 0, 8).Draw(t, destination)
			if rapid.Bool().Draw(t, "in order") {
				slices.SortStableFunc(events, func(a, b Event) int { return int(a.request) - int(b.request) })
			}
			got, want = merge(got, destination, events), plainMerge(want, destination, events)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(Event{}, identity{})); diff != "" {
				t.Fatalf("with %s (- wanted, + got):\n%s", destination, diff)
			}
		}
	})
}

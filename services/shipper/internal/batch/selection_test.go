package batch_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/shipper/internal/batch"
)

func selectionOf(events []int) batch.Selection {
	var s batch.Selection
	for _, event := range events {
		s = s.With(event)
	}
	return s
}

// A selection is the events that were put into it, however it is cut.
func TestSelection(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfNDistinct(rapid.IntRange(0, 60), 0, 60, rapid.ID).Draw(t, "events")
		slices.Sort(events)
		s := selectionOf(events)
		if got := slices.Collect(s.Events()); !slices.Equal(got, events) || s.Len() != len(events) {
			t.Fatalf("%v has %v, want %v", s, got, events)
		}
		at := rapid.IntRange(0, 70).Draw(t, "at")
		before := slices.Clone(s)
		first, rest := s.Cut(at)
		at = min(at, len(events))
		if got := slices.Collect(first.Events()); !slices.Equal(got, events[:at]) {
			t.Fatalf("the first %d of %v: %v", at, s, got)
		}
		if got := slices.Collect(rest.Events()); !slices.Equal(got, events[at:]) {
			t.Fatalf("what comes after %d of %v: %v", at, s, got)
		}
		first.With(1000)
		if !slices.Equal(s, before) {
			t.Fatalf("Cut has changed %v to %v", before, s)
		}
		for _, span := range s {
			if span.Len() < 1 {
				t.Fatalf("%v has an empty span", s)
			}
		}
	})
}

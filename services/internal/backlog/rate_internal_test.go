package backlog

import (
	"math"
	"testing"
	"time"
)

// seen is what a stream held after some seconds.
type seen struct {
	seconds         float64
	bytes, messages uint64
}

func TestForecasts(t *testing.T) {
	t.Parallel()
	steady := func(bytes, messages int) (all []seen) { // grows by so much in ten seconds, for ten minutes
		for i := range 60 {
			all = append(all, seen{float64(10 * i), uint64(1_000_000 + bytes*i), uint64(10_000 + messages*i)})
		}
		return all
	}
	const limit, never = 2_000_000, -1.0
	for _, c := range []struct {
		name            string
		looks           []seen
		toFull, toDrain float64
	}{
		{"one look", []seen{{0, 100, 1}}, never, never},
		{"empty", []seen{{0, 0, 0}, {10, 0, 0}}, never, 0},
		{"as it is", steady(0, 0), never, never},
		{"grows", steady(10_000, 10), 410, never},
		{"shrinks", steady(-10_000, -100), never, 410},
		{"grows in bytes, shrinks in messages", steady(10_000, -100), 410, 410},
		{"full", append(steady(0, 0), seen{601, limit, 1}), 0, 100},
		{"drained at last", append(steady(-10_000, -100), seen{601, 0, 0}), never, 0},
		{"no time between", []seen{{0, 100, 1}, {0, 200, 2}}, never, never},
		{"years", []seen{{0, 0, 0}, {10, 0, 0}, {36000, 1, 1}}, never, never},
	} {
		var trend trend
		begin := time.Now()
		for _, l := range c.looks {
			trend.look(begin.Add(time.Duration(l.seconds*float64(time.Second))), l.bytes, l.messages)
		}
		about := func(got *float64, want float64) bool {
			if got == nil || want == never {
				return got == nil && want == never
			}
			return math.Abs(*got-want) <= want/10
		}
		if full := trend.toFull(limit); !about(full, c.toFull) {
			t.Errorf("%s: full in %v, want %v", c.name, text(full), c.toFull)
		}
		if drain := trend.toDrain(); c.name != "full" && !about(drain, c.toDrain) {
			t.Errorf("%s: drained in %v, want %v", c.name, text(drain), c.toDrain)
		}
	}
	var grows trend
	grows.look(time.Now(), 100, 1)
	if grows.toFull(0) != nil {
		t.Error("a stream without limit")
	}
}

func text(seconds *float64) any {
	if seconds == nil {
		return "never"
	}
	return *seconds
}

package rate_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/rate"
)

var start = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

const mebi = 1 << 20

// near allows for the rounding of a division.
func near(a, b time.Duration) bool { return (a - b).Abs() < time.Microsecond }

func TestAllow(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration // since the start
		bytes int
		wait  time.Duration // 0: let in
	}
	for name, c := range map[string]struct {
		rate  config.Rate
		steps []step
	}{
		"no bound": {config.Rate{}, []step{{0, 1 << 40, 0}, {0, 1 << 40, 0}}},
		"requests": {config.Rate{Requests: 2}, []step{
			{0, 0, 0},
			{0, 1 << 40, 0},
			{0, 0, time.Second / 2},
			{time.Second / 4, 0, time.Second / 4},
			{time.Second / 2, 0, 0},
			{time.Second / 2, 0, time.Second / 2},
			{time.Minute, 0, 0},
			{time.Minute, 0, 0},
			{time.Minute, 0, time.Second / 2}, // a minute saves up a second
		}},
		"bytes":                     {config.Rate{Bytes: 2 * mebi}, []step{{0, 2 * mebi, 0}, {0, 1, 0}, {0, 1, time.Second / (2 * mebi)}}},
		"a body over the rate":      {config.Rate{Bytes: 2 * mebi}, []step{{0, 7 * mebi, 0}, {0, 1, 5 * time.Second / 2}, {3 * time.Second, 1, 0}}},
		"a rate below a body":       {config.Rate{Bytes: mebi / 4}, []step{{0, mebi, 0}, {0, 1, 3 * time.Second}, {4 * time.Second, mebi, 0}}},
		"the stricter of the two":   {config.Rate{Requests: 1, Bytes: mebi}, []step{{0, 4 * mebi, 0}, {0, 0, 3 * time.Second}}},
		"requests are the stricter": {config.Rate{Requests: 1, Bytes: mebi}, []step{{0, 1, 0}, {0, 0, time.Second}}},
	} {
		b := rate.New(c.rate)
		for i, s := range c.steps {
			now := start.Add(s.after)
			if peeked := b.Peek(now); !near(peeked, s.wait) {
				t.Errorf("%s: step %d: peek says %v, want %v", name, i, peeked, s.wait)
			}
			if wait, ok := b.Allow(now, s.bytes); !near(wait, s.wait) || ok != (s.wait == 0) {
				t.Errorf("%s: step %d: wait %v, ok %v, want %v", name, i, wait, ok, s.wait)
			}
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	b := rate.New(config.Rate{Requests: 10, Bytes: mebi})
	for i, s := range []struct {
		bytes      int
		most, wait time.Duration
		ok         bool
	}{
		{mebi, time.Second, 0, true},
		{mebi / 2, time.Second, time.Second / 2, true},
		{mebi / 2, time.Second, time.Second, true},
		{mebi, time.Second, 2 * time.Second, false}, // not counted
		{mebi, 2 * time.Second, 2 * time.Second, true},
		{0, 0, 2 * time.Second, false},
	} {
		if wait, ok := b.Delay(start, s.bytes, s.most); !near(wait, s.wait) || ok != s.ok {
			t.Errorf("step %d: wait %v, ok %v, want %v, %v", i, wait, ok, s.wait, s.ok)
		}
	}
	if wait, ok := (*rate.Bound)(nil).Delay(start, 1<<40, 0); wait != 0 || !ok {
		t.Errorf("without a bound: wait %v, ok %v", wait, ok)
	}
}

// Who waits as told brings no more than the rate and one burst, and is never
// told to wait longer than for what he has brought.
func TestDelayKeepsTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		perSecond := rapid.IntRange(1, 8*mebi).Draw(r, "rate")
		b := rate.New(config.Rate{Bytes: config.Bytes(perSecond)})
		now, brought := start, 0
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 16*mebi), 1, 20).Draw(r, "bodies") {
			wait, ok := b.Delay(now, n, time.Hour)
			if !ok {
				continue
			}
			now, brought = now.Add(wait), brought+n
			elapsed := now.Sub(start).Seconds()
			if may := float64(perSecond)*(elapsed+0.001) + float64(max(perSecond, mebi)); float64(brought) > may {
				r.Fatalf("%d bytes in %v s at %d a second", brought, elapsed, perSecond)
			}
			if elapsed > float64(brought)/float64(perSecond)+0.001 {
				r.Fatalf("waited %v s for %d bytes at %d a second", elapsed, brought, perSecond)
			}
		}
	})
}

func TestNextKeepsWhatWasUsed(t *testing.T) {
	t.Parallel()
	used := func(b *rate.Bound) bool { return b.Peek(start) > 0 }
	var bounds rate.Bounds
	bounds = bounds.Next(map[string]config.Rate{"same": {Requests: 1}, "other": {Requests: 1}, "gone": {Requests: 1}, "none": {}})
	for _, name := range []string{"same", "other", "gone", "none"} {
		bounds[name].Allow(start, 0)
	}
	if used(bounds["none"]) || !used(bounds["same"]) {
		t.Fatal("what is bounded is not what was told")
	}
	next := bounds.Next(map[string]config.Rate{"same": {Requests: 1}, "other": {Requests: 2}, "none": {Requests: 1}})
	for name, want := range map[string]bool{"same": true, "other": false, "gone": false, "none": false} {
		if used(next[name]) != want {
			t.Errorf("%s: used %v", name, !want)
		}
	}
}

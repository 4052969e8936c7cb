package rules

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/services/transform/internal/event"
)

// arrival is an event of an app at a time after received.
func arrival(t *testing.T, app string, after time.Duration, body string) *event.Event {
	t.Helper()
	e := input(t, "app/web.1: "+body)
	e.App, e.Request.ReceivedNs = app, received+int64(after)
	return e
}

func passed(r *Runner, events ...*event.Event) int {
	n := 0
	for _, e := range events {
		if r.Apply(e).Fate == Ship {
			n++
		}
	}
	return n
}

func repeat(t *testing.T, n int, app string, after time.Duration, body string) []*event.Event {
	t.Helper()
	events := make([]*event.Event, n)
	for i := range events {
		events[i] = arrival(t, app, after, body)
	}
	return events
}

func TestLimit(t *testing.T) {
	t.Parallel()
	r := newTrial(t, these{`limit: {events: 5}`}.yaml()).runner
	for _, c := range []struct {
		events []*event.Event
		want   int
	}{
		{repeat(t, 20, "shop", 0, "x"), 5},
		{repeat(t, 20, "shop", 0, "x"), 0},
		{repeat(t, 20, "blog", 0, "x"), 5}, // apps do not share
		{repeat(t, 20, "shop", time.Second/5, "x"), 1},
		{repeat(t, 20, "shop", time.Second, "x"), 4},
		{repeat(t, 20, "shop", time.Second/2, "x"), 0}, // a little out of order
		{repeat(t, 20, "shop", 30*time.Second, "x"), 5},
		{repeat(t, 20, "shop", -time.Hour, "x"), 5}, // old ones have their own
		{repeat(t, 20, "shop", 30*time.Second, "x"), 0},
	} {
		if got := passed(r, c.events...); got != c.want {
			t.Errorf("%d passed, not %d", got, c.want)
		}
	}
	if got := (Count{Matched: 180, Limited: 155}); r.Counts[0] != got {
		t.Errorf("%+v", r.Counts[0])
	}
}

func TestLimitOfBytes(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 300)
	r := newTrial(t, these{`limit: {bytes: 1024, events: 100}`}.yaml()).runner
	for _, c := range []struct {
		events []*event.Event
		want   int
	}{
		{repeat(t, 5, "shop", 0, body), 3},
		{repeat(t, 5, "shop", 0, "x"), 5},
		{repeat(t, 5, "large", 0, strings.Repeat(body, 100)), 1}, // larger than the bucket, which is full
		{repeat(t, 5, "large", time.Second/2, strings.Repeat(body, 100)), 0},
		{repeat(t, 5, "large", time.Second/2, body), 1},
	} {
		if got := passed(r, c.events...); got != c.want {
			t.Errorf("%d passed, not %d", got, c.want)
		}
	}
	// What the bytes refuse takes nothing from the events.
	few := newTrial(t, these{`limit: {bytes: 1024, events: 4}`}.yaml()).runner
	large := repeat(t, 3, "shop", 0, strings.Repeat(body, 100))
	if got := passed(few, append(repeat(t, 1, "shop", 0, body), append(large, repeat(t, 9, "shop", 0, "x")...)...)...); got != 4 {
		t.Errorf("%d passed, not 4", got)
	}
}

func TestLimitKey(t *testing.T) {
	t.Parallel()
	r := newTrial(t, these{`limit: {events: 1, key: 'app + message'}`}.yaml()).runner
	for _, c := range []struct {
		app, body string
		want      int
	}{{"a", "b", 1}, {"a", "c", 1}, {"b", "b", 1}, {"a", "b", 0}, {"", "", 1}, {"", "", 0}} {
		if got := passed(r, repeat(t, 3, c.app, 0, c.body)...); got != c.want {
			t.Errorf("%v: %d passed", c, got)
		}
	}
}

func TestOverLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, want string }{
		{`limit: {events: 1}`, `filtered`},
		{`limit: {events: 1, over: dead}`, `dead, over_limit: rule "r1": over its limit of 1 events a second`},
		{`limit: {bytes: 1KiB, over: dead}`, `dead, over_limit: rule "r1": over its limit of 1KiB a second`},
		{`limit: {events: 2, bytes: 1KiB, over: dead}`, `dead, over_limit: rule "r1": over its limit of 2 events or 1KiB a second`},
	} {
		trial := newTrial(t, these{c.rule}.yaml())
		large := strings.Repeat("x", 1000)
		if passed(trial.runner, repeat(t, 3, "shop", 0, large)...) == 0 {
			t.Errorf("%s: nothing passed", c.rule)
		}
		if got := trial.run(arrival(t, "shop", 0, large)); got != c.want {
			t.Errorf("%s: %s", c.rule, got)
		}
	}
}

// What was received over an hour passes when it comes all at once, between new events too.
func TestLimitLetsBacklogPass(t *testing.T) {
	t.Parallel()
	r := newTrial(t, these{`limit: {events: 4}`}.yaml()).runner
	const perSecond = 3
	for second := range 3600 {
		for n := range perSecond {
			at := time.Duration(second)*time.Second + time.Duration(n)*time.Second/perSecond
			if got := passed(r, arrival(t, "shop", at-2*time.Hour, "old")); got != 1 {
				t.Fatalf("an event of second %d is over the limit", second)
			}
			if got := passed(r, arrival(t, "shop", at, "new")); got != 1 {
				t.Fatalf("a new event of second %d is over the limit", second)
			}
		}
	}
}

// Keys beyond the bound replace those that are idle longest, and no others.
func TestLimitIsBounded(t *testing.T) {
	t.Parallel()
	set, err := Compile(load(t, these{`limit: {events: 1}`}.yaml()))
	if err != nil {
		t.Fatal(err)
	}
	r := set.NewRunner()
	for n := range 2 * maxBuckets {
		if passed(r, arrival(t, fmt.Sprint(n), 0, "x")) != 1 {
			t.Fatalf("app %d has no bucket", n)
		}
		if n > 0 && n%100 == 0 && passed(r, arrival(t, "0", 0, "x")) != 0 {
			t.Fatalf("the bucket of app 0 was forgotten at %d, although it is in use", n)
		}
	}
	l := set.rules[0].limit
	if len(l.buckets) != maxBuckets || l.recent.Len() != maxBuckets {
		t.Errorf("%d buckets in the map, %d in the list", len(l.buckets), l.recent.Len())
	}
}

// All runners of a set share its limits.
func TestLimitIsShared(t *testing.T) {
	t.Parallel()
	set, err := Compile(load(t, these{`limit: {events: 100}`}.yaml()))
	if err != nil {
		t.Fatal(err)
	}
	var total atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		events := repeat(t, 200, "shop", 0, "x")
		group.Go(func() { total.Add(int64(passed(set.NewRunner(), events...))) })
	}
	group.Wait()
	if total.Load() != 100 {
		t.Errorf("%d passed, not 100", total.Load())
	}
}

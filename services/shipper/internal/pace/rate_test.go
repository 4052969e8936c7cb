package pace_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/shipper/internal/pace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type request struct{ events, bytes int }

// leave sends requests one after another, and returns when each left, in milliseconds.
func leave(t *testing.T, r *pace.Rate, requests ...request) []int {
	t.Helper()
	var left []int
	started := time.Now()
	for _, q := range requests {
		if err := r.Wait(t.Context(), q.events, q.bytes); err != nil {
			t.Error(err)
		}
		left = append(left, int(time.Since(started).Round(time.Millisecond).Milliseconds()))
	}
	return left
}

func TestRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		limit    config.RateLimit
		requests []request
		want     []int
	}{
		{"no bound", config.RateLimit{}, []request{{1e9, 1e9}, {1e9, 1e9}, {1, 1}}, []int{0, 0, 0}},
		{"requests", config.RateLimit{Requests: 2}, []request{{1, 1}, {9, 9}, {1, 1}, {9, 9}}, []int{0, 0, 500, 1000}},
		{"events", config.RateLimit{Events: 100}, []request{{60, 1}, {60, 1}, {60, 1}, {1, 1}}, []int{0, 200, 800, 810}},
		{"bytes", config.RateLimit{Bytes: 1000}, []request{{1, 1000}, {1, 1}, {1, 499}}, []int{0, 1, 500}},
		{"the slowest counts", config.RateLimit{Requests: 10, Events: 10, Bytes: 1}, []request{{5, 1}, {5, 1}, {5, 1}, {5, 1}}, []int{0, 1000, 2000, 3000}},
		{"nothing in it", config.RateLimit{Events: 1, Bytes: 1}, []request{{0, 0}, {0, 0}, {0, 0}}, []int{0, 0, 0}},
		{"larger than a second's worth", config.RateLimit{Events: 100}, []request{{1000, 1}, {1, 1}, {1000, 1}, {1, 1}}, []int{0, 9010, 10010, 19020}},
		{"much larger", config.RateLimit{Bytes: 1}, []request{{1, 1e6}, {1, 1}}, []int{0, 1e9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got := leave(t, pace.NewRate(c.limit), c.requests...)
				for i, want := range c.want {
					if got[i] != want {
						t.Fatalf("left at %v ms, want %v", got, c.want)
					}
				}
			})
		})
	}
}

// What is not used for long is no reason to send more than a second's worth.
func TestRateAfterIdleTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := pace.NewRate(config.RateLimit{Events: 10})
		leave(t, r, request{35, 1})
		time.Sleep(time.Hour)
		if got := leave(t, r, request{10, 1}, request{1, 1}); got[0] != 0 || got[1] != 100 {
			t.Errorf("left at %v ms", got)
		}
	})
}

func TestRateGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := pace.NewRate(config.RateLimit{Requests: 1000, Events: 10, Bytes: 100})
		leave(t, r, request{10, 100})
		ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("the machine stops"))
		defer cancel()
		if err := r.Wait(ctx, 1000, 100_000); err == nil || err.Error() != "waiting for rate_limit: the machine stops" {
			t.Errorf("got %v", err)
		}
		if err := r.Wait(ctx, 1000, 0); err == nil {
			t.Error("waited for a context that had ended")
		}
		// 200 ms have passed, which are paid for 2 events and 20 bytes.
		if got := leave(t, r, request{2, 20}, request{1, 10}); got[0] != 0 || got[1] != 100 {
			t.Errorf("left at %v ms", got)
		}
	})
}

func TestRateSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		first, then config.RateLimit
		want        time.Duration // of a request that waits when it is set, after a second
	}{
		{"the same", config.RateLimit{Events: 1}, config.RateLimit{Events: 1}, 100 * time.Second},
		{"no bound", config.RateLimit{Events: 1}, config.RateLimit{}, time.Second},
		{"faster", config.RateLimit{Events: 1}, config.RateLimit{Events: 1000}, time.Second},
		{"another", config.RateLimit{Events: 1}, config.RateLimit{Bytes: 1}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := pace.NewRate(c.first)
				leave(t, r, request{100, 1})
				started := time.Now()
				var running sync.WaitGroup
				running.Go(func() { leave(t, r, request{1, 1}) })
				time.Sleep(time.Second)
				r.Set(c.then)
				running.Wait()
				if got := time.Since(started).Round(time.Millisecond); got != c.want {
					t.Errorf("left after %v, want %v", got, c.want)
				}
			})
		})
	}
}

// Whatever is asked for at once, at most a second's worth and what is owed leaves
// before it is paid for, and everything leaves in time.
func TestRateIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		second := rapid.IntRange(1, 1000).Draw(rt, "second")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 3000), 1, 30).Draw(rt, "sizes")
		type departure struct {
			after  time.Duration
			events int
		}
		var mu sync.Mutex
		var left []departure
		synctest.Test(t, func(t *testing.T) {
			r := pace.NewRate(config.RateLimit{Events: second})
			started := time.Now()
			var running sync.WaitGroup
			for _, n := range sizes {
				running.Go(func() {
					err := r.Wait(t.Context(), n, 1)
					mu.Lock()
					defer mu.Unlock()
					left = append(left, departure{time.Since(started), n})
					if err != nil {
						t.Error(err)
					}
				})
			}
			running.Wait()
		})
		paid := func(after time.Duration) float64 { return float64(second) * (1 + after.Seconds()) }
		total := 0.0
		for _, d := range left {
			now := total + float64(min(d.events, second))
			if now > paid(d.after)+1 {
				rt.Fatalf("%v left after %v at %d a second: %v", now, d.after, second, left)
			}
			if now < paid(d.after)-float64(second)-1 {
				rt.Fatalf("%v left only after %v at %d a second: %v", now, d.after, second, left)
			}
			total += float64(d.events)
		}
	})
}

package shipper

import (
	"errors"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	r := config.Retry{Initial: 500 * time.Millisecond, Max: 30 * time.Second}
	f := func(try int, err error, least, most time.Duration) {
		t.Helper()
		var shortest, longest time.Duration = time.Hour, 0
		for range 2000 {
			wait := backoff(r, try, err)
			shortest, longest = min(shortest, wait), max(longest, wait)
		}
		if shortest < least || longest > most {
			t.Errorf("try %d, %v: %v to %v, want %v to %v", try, err, shortest, longest, least, most)
		}
		// Full jitter uses the whole range; of 2000 draws some are in its outer tenths.
		if room := (most - least) / 10; shortest > least+room || longest < most-room {
			t.Errorf("try %d, %v: %v to %v of %v to %v: not jittered", try, err, shortest, longest, least, most)
		}
	}
	network := &endpoint.RetryError{Err: errors.New("reset")}
	f(0, network, 0, 500*time.Millisecond)
	f(1, network, 0, time.Second)
	f(3, network, 0, 4*time.Second)
	f(6, network, 0, 30*time.Second)
	f(1_000_000, network, 0, 30*time.Second)
	f(0, &endpoint.RetryError{After: 7 * time.Second, Err: errors.New("busy")}, 7*time.Second, 7*time.Second)
	f(0, errors.New("bus"), 0, 500*time.Millisecond)
}

func TestPause(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	f := func(wait time.Duration, draining, replaced, parking <-chan struct{}, want bool) {
		t.Helper()
		for range 100 {
			if got := pause(wait, draining, replaced, parking); got != want {
				t.Errorf("pause(%v) = %v", wait, got)
			}
		}
	}
	f(0, nil, nil, nil, true)
	f(time.Hour, nil, ended, nil, true)
	f(time.Hour, nil, nil, ended, true)
	f(time.Hour, ended, nil, nil, false)
	f(0, ended, ended, ended, false)
}

func TestLatency(t *testing.T) {
	t.Parallel()
	l := newLatency()
	if p50, p99 := l.quantiles(); p50 != 0 || p99 != 0 {
		t.Errorf("without a request: %v, %v", p50, p99)
	}
	for range 98 {
		l.record(time.Now().Add(-time.Minute).UnixNano())
	}
	l.record(time.Now().Add(time.Hour).UnixNano()) // a clock that is ahead
	l.record(0)                                    // no time at all
	p50, p99 := l.quantiles()
	if p50 < 59*time.Second || p50 > 62*time.Second || p99 < p50 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
	l.turned = l.turned.Add(-latencySlices * latencySlice) // as if ten seconds had passed
	if p50, p99 := l.quantiles(); p50 != 0 || p99 != 0 {
		t.Errorf("after the window: %v, %v", p50, p99)
	}
}

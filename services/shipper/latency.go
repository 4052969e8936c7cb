package shipper

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The window is slices of two seconds, so quantiles cover between eight and ten
// seconds.
const (
	latencySlices = 5
	latencySlice  = 2 * time.Second

	latencyLowest  = time.Microsecond
	latencyHighest = time.Hour
	latencyDigits  = 2
)

// latency records one value a request.
type latency struct {
	mu     sync.Mutex
	window *hdrhistogram.WindowedHistogram // in microseconds
	turned time.Time                       // when the current slice began
}

func newLatency() *latency {
	return &latency{
		window: hdrhistogram.NewWindowed(latencySlices, latencyLowest.Microseconds(), latencyHighest.Microseconds(), latencyDigits),
		turned: time.Now(),
	}
}

// record notes a request whose oldest event was received then.
func (l *latency) record(receivedNS int64) {
	now := time.Now()
	took := now.Sub(time.Unix(0, receivedNS))
	// Clocks of two machines may disagree; the bounds keep the histogram from refusing.
	took = min(max(took, latencyLowest), latencyHighest)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	_ = l.window.Current.RecordValue(took.Microseconds())
}

func (l *latency) quantiles() (p50, p99 time.Duration) {
	const median, high = 50, 99
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(time.Now())
	all := l.window.Merge()
	return time.Duration(all.ValueAtQuantile(median)) * time.Microsecond, time.Duration(all.ValueAtQuantile(high)) * time.Microsecond
}

// turn starts as many slices as have passed. The caller holds mu.
func (l *latency) turn(now time.Time) {
	passed := now.Sub(l.turned).Truncate(latencySlice)
	for range min(passed/latencySlice, latencySlices) {
		l.window.Rotate()
	}
	l.turned = l.turned.Add(passed)
}

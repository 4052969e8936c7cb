package player

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Result is what a run has come to, so far or in the end. In the end Sent = Accepted + Dropped + Abandoned.
type Result struct {
	Sent      int64 // messages sent at least once
	Accepted  int64 // messages answered 2xx
	Dropped   int64 // messages given up as Logplex does: after three tries or a 4xx
	Abandoned int64 // messages sent without success when the run ended
	Bytes     int64 // bytes of accepted bodies

	Requests        int64 // requests sent, retries included
	Retried         int64 // requests sent again, under the same frame id
	ConnectFailures int64 // connections that could not be made, which cost no try
	Violations      int64 // answers Logplex's HTTP client cannot read

	Latency Latency       // of accepted requests, from the start of sending to the end of the answer
	Elapsed time.Duration // since Run began, until it ended

	// LastFailure is the latest reason for a retry, a drop or a failed connection, nil if there was none.
	LastFailure error
}

// Latency holds percentiles, exact to two digits.
type Latency struct {
	P50, P90, P99, Max time.Duration
}

// A tally counts for all drains.
type tally struct {
	mu      sync.Mutex // guards what follows
	result  Result
	latency *hdrhistogram.Histogram // in microseconds
}

func newTally(timeout time.Duration) *tally {
	const digits = 2
	return &tally{latency: hdrhistogram.New(1, timeout.Microseconds(), digits)}
}

// connectFailed notes a connection that could not be made.
func (t *tally) connectFailed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.ConnectFailures++
	t.result.LastFailure = err
}

// sending notes that a batch is about to be sent.
func (t *tally) sending(b *batch, try int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Requests++
	if try == 1 {
		t.result.Sent += int64(b.messages)
	} else {
		t.result.Retried++
	}
}

// accept notes a 2xx.
func (t *tally) accept(b *batch, a answer, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.breach != nil {
		t.fail(a.breach)
	}
	t.result.Accepted += int64(b.messages)
	t.result.Bytes += int64(b.size())
	// The only error is a value out of range, and this one is not.
	_ = t.latency.RecordValue(min(took.Microseconds(), t.latency.HighestTrackableValue()))
}

// refuse notes any other answer, or that there was none.
func (t *tally) refuse(a answer, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.fail(err)
	case a.breach != nil:
		t.fail(a.breach)
	default:
		t.fail(statusError(a.status))
	}
}

// fail notes why a request failed. The caller holds t.mu.
func (t *tally) fail(err error) {
	t.result.LastFailure = err
	if _, ok := errors.AsType[violationError](err); ok {
		t.result.Violations++
	}
}

// drop notes that Logplex would drop the batch.
func (t *tally) drop(b *batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Dropped += int64(b.messages)
}

// abandon notes that the run ended on a batch that was sent.
func (t *tally) abandon(b *batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Abandoned += int64(b.messages)
}

// snapshot returns the result so far, without its Elapsed.
func (t *tally) snapshot() Result {
	const p50, p90, p99 = 50, 90, 99
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.result
	at := func(percentile float64) time.Duration {
		return time.Duration(t.latency.ValueAtQuantile(percentile)) * time.Microsecond
	}
	r.Latency = Latency{P50: at(p50), P90: at(p90), P99: at(p99), Max: time.Duration(t.latency.Max()) * time.Microsecond}
	return r
}

// A statusError is an answer other than 2xx.
type statusError int

func (e statusError) Error() string {
	return "answered " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e))
}

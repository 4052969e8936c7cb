// Package pace is how fast a destination is sent to: how many requests may be in
// flight, and how many requests, events and bytes may leave in a second.
package pace

import (
	"sync"
	"time"
)

// start is the size of an adaptive window before anything is known.
const start = 2

// Window is how many requests may be in flight. An adaptive one starts small and grows
// while it is used up and answers are no slower than they were when little was in
// flight; pressure halves it. Its methods may be called from any goroutine.
//
// It is TCP's way with a bound on latency: up to the first sign of too much it doubles
// from one round of requests to the next, after that it grows by one a round. Slower
// answers alone never shrink it: they may be slow for reasons of their own. Neither do
// they stop it for ever: what is slow for minutes becomes the measure, so a window that
// is used up all that time grows by about half every few minutes, up to its most.
type Window struct {
	mu        sync.Mutex
	most      int
	adaptive  bool
	size      int
	slowStart bool
	successes int       // since it last grew or shrank
	shrunk    time.Time // the last time; zero before
	latency   latency
}

// NewWindow makes a window of at most so many requests.
func NewWindow(most int, adaptive bool) *Window {
	w := &Window{}
	w.SetMost(most, adaptive)
	return w
}

// SetMost is for a new configuration. A window that is adaptive and stays so keeps its
// size, as far as that is allowed; one that becomes adaptive starts anew.
func (w *Window) SetMost(most int, adaptive bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	most = max(most, 1)
	switch {
	case !adaptive:
		w.size = most
	case w.adaptive:
		w.size = min(w.size, most)
	default:
		w.size, w.slowStart, w.successes, w.latency = min(start, most), true, 0, latency{}
	}
	w.most, w.adaptive = most, adaptive
}

// Size is how many requests may be in flight now: one at least.
func (w *Window) Size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size
}

// Succeeded notes an answer that came after took, with so many requests in flight,
// itself included.
func (w *Window) Succeeded(took time.Duration, inFlight int, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.adaptive {
		return
	}
	w.latency.note(took, now)
	if !w.latency.flat() {
		w.slowStart = false
		return
	}
	if inFlight < w.size || w.size >= w.most {
		return
	}
	w.successes++
	if w.slowStart || w.successes >= w.size {
		w.size++
		w.successes = 0
	}
}

// Pressed notes that the collector asked for less, or did not answer in time, on a
// request that was sent at. What was sent before the last time it shrank shrinks it no more.
func (w *Window) Pressed(sent, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.adaptive || !sent.After(w.shrunk) {
		return
	}
	w.size = max(w.size/2, 1)
	w.slowStart = false
	w.successes = 0
	w.shrunk = now
}

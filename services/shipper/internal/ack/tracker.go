// Package ack follows HEC requests that Splunk has accepted and not yet acknowledged
// as indexed.
package ack

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/services/internal/bus"
)

const (
	// Rounds of questions are so far apart: shortest at best, first while it is not
	// known how long Splunk takes, longest what Splunk's documentation advises.
	shortest = 250 * time.Millisecond
	first    = time.Second
	longest  = 10 * time.Second

	// atOnce is how many questions are open at a time. One session that does not
	// answer must not delay the others.
	atOnce = 8

	// smoothing is how many rounds it takes, about, to learn of a longer latency.
	smoothing = 16
)

var (
	errConfused = errors.New("the collector has begun to count ackIds anew: it has restarted, or the load balancer is not sticky")
	errDrained  = errors.New("acknowledgements are not asked for any more")
)

// Session is what is asked, an *endpoint.Session. It has a time limit of its own.
type Session interface {
	// Ask asks which of at most 1000 ackIds are acknowledged. Splunk says so once.
	// Whatever the error, nothing is known; a *endpoint.HoldError says that nothing
	// ever will be.
	Ask(ctx context.Context, ids []int64) (acked []int64, err error)
	// Confused says that what was sent on the session cannot be asked for any more.
	Confused() bool
	// Retire keeps further requests from the session.
	Retire()
	// Close says that nothing is pending. It may be asked again even so, when another
	// request was accepted meanwhile.
	Close()
}

// Options are what a Tracker works with.
type Options[T any] struct {
	// Acked and Lost get each item once. They are called from several goroutines, and
	// are quick. Lost says why it will never be known whether Splunk has indexed it.
	Acked func(item T)
	Lost  func(item T, why error)
	// Log gets a line, once a minute at most, when a collector does not answer.
	Log *slog.Logger
}

// Tracker asks for acknowledgement until each item is acknowledged or lost. Its
// methods may be called from any goroutine.
type Tracker[T any] struct {
	o       Options[T]
	asking  chan struct{} // holds one for each open question
	running sync.WaitGroup
	pending atomic.Int64
	alarm   bus.Alarm // of collectors that do not answer

	mu        sync.Mutex
	timeout   time.Duration
	latency   time.Duration // moving average from acceptance to acknowledgement; zero before the first
	draining  bool
	followers map[Session]*follower[T] // of sessions with something pending
}

// New makes a tracker. Before SetTimeout, whatever is tracked is lost at once.
func New[T any](o Options[T]) *Tracker[T] {
	return &Tracker[T]{o: o, asking: make(chan struct{}, atOnce), followers: map[Session]*follower[T]{}}
}

// Track follows the request that session has given this ackId. On a confused session,
// or one that gives an ackId twice, it is lost at once, with all that is pending there.
func (t *Tracker[T]) Track(session Session, ackID int64, item T) {
	confused := session.Confused()
	if confused {
		session.Retire() // before who follows it can be done with it, and close it
	}
	t.mu.Lock()
	if t.draining {
		t.mu.Unlock()
		t.o.Lost(item, errDrained)
		return
	}
	f, ok := t.followers[session]
	if !ok {
		f = t.follow(session)
	}
	added := !confused && f.add(ackID, item)
	t.mu.Unlock()
	if !added {
		f.lose(all[T], errConfused)
		t.o.Lost(item, errConfused)
		f.wake()
	}
}

// SetTimeout says how long after a request was accepted its acknowledgement is waited
// for. It holds for what is pending, too.
func (t *Tracker[T]) SetTimeout(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timeout = d
	t.wake()
}

// Pending is how many items are neither acknowledged nor lost.
func (t *Tracker[T]) Pending() int { return int(t.pending.Load()) }

// Drain waits until nothing is pending or ctx ends, asking more often. It returns what
// is pending then, oldest first, of which neither Acked nor Lost hears any more. Nothing
// may be tracked any more: it would be lost at once.
func (t *Tracker[T]) Drain(ctx context.Context) []T {
	t.mu.Lock()
	t.draining = true
	t.wake()
	t.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		t.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	t.mu.Lock()
	for _, f := range t.followers {
		f.cancel()
	}
	t.mu.Unlock()
	<-ended
	return t.abandon()
}

// abandon takes what is pending when nobody follows it any more.
func (t *Tracker[T]) abandon() []T {
	t.mu.Lock()
	followers := slices.Collect(maps.Values(t.followers))
	clear(t.followers)
	t.mu.Unlock()
	left := make([]entry[T], 0, t.Pending())
	for _, f := range followers {
		left = append(left, f.take(all[T])...)
		f.session.Close()
	}
	slices.SortFunc(left, func(a, b entry[T]) int { return a.since.Compare(b.since) })
	items := make([]T, len(left))
	for i, e := range left {
		items[i] = e.item
	}
	return items
}

// wake has every follower look at the settings. The caller holds mu.
func (t *Tracker[T]) wake() {
	for _, f := range t.followers {
		f.wake()
	}
}

// pause is the time between two rounds of questions: about half of what an
// acknowledgement takes. It doubles with each round in a row that failed, and is no
// shorter than a collector asked for, as long as that leaves some rounds to go.
func (t *Tracker[T]) pause(failures int, after time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return shortest
	}
	pause := first
	if t.latency > 0 {
		pause = max(t.latency/2, shortest)
	}
	for ; failures > 0 && pause < longest; failures-- {
		pause *= 2
	}
	return max(min(pause, longest), min(after, t.timeout/4))
}

// measure notes how long one answer's acknowledgements took: shorter counts at once, longer
// by and by. Behind a load balancer that is not sticky acknowledgement takes several
// questions, however long the pause between them, and must not make that longer.
func (t *Tracker[T]) measure(mean time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.latency == 0 || mean < t.latency {
		t.latency = mean
		return
	}
	t.latency += (mean - t.latency) / smoothing
}

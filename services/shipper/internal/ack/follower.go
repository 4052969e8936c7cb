package ack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

const (
	// askMost is how many ackIds are asked for in one request.
	askMost = 1000
	// tolerated is how many rounds in a row may fail before people should hear of it.
	tolerated = 2
)

// follower asks one session for everything pending on it, in a goroutine of its own
// that ends when nothing is.
type follower[T any] struct {
	tracker *Tracker[T]
	session Session
	cancel  context.CancelFunc
	woken   chan struct{} // when what the next round depends on has changed
	pending []entry[T]    // oldest first; under the tracker's mu

	// Of the goroutine alone: how many rounds failed in a row, and how long the
	// collector then asked to be left alone.
	failures int
	after    time.Duration
}

// entry is something pending.
type entry[T any] struct {
	id    int64
	item  T
	since time.Time
}

// follow begins to follow a session. The caller holds mu.
func (t *Tracker[T]) follow(session Session) *follower[T] {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // the follower calls it in the end
	f := &follower[T]{tracker: t, session: session, cancel: cancel, woken: make(chan struct{}, 1)}
	t.followers[session] = f
	t.running.Go(func() { f.run(ctx) })
	return f
}

// add reports false when the ackId is pending already. The caller holds mu.
func (f *follower[T]) add(ackID int64, item T) bool {
	if slices.ContainsFunc(f.pending, func(e entry[T]) bool { return e.id == ackID }) {
		return false
	}
	f.pending = append(f.pending, entry[T]{id: ackID, item: item, since: time.Now()})
	f.tracker.pending.Add(1)
	return true
}

func (f *follower[T]) wake() {
	select {
	case f.woken <- struct{}{}:
	default: // it is about to look
	}
}

// run asks in rounds until nothing is pending or ctx ends.
func (f *follower[T]) run(ctx context.Context) {
	defer f.cancel()
	asked, late := time.Now(), 0.0
	for !f.ended() {
		pause := f.tracker.pause(f.failures, f.after)
		next := asked.Add(pause + time.Duration(late*float64(pause)))
		if !f.sleep(ctx, next) {
			return
		}
		if f.session.Confused() {
			f.lose(all[T], errConfused)
		} else if !time.Now().Before(next) {
			f.round(ctx)
			asked, late = time.Now(), jitter()
		}
		f.expire()
	}
}

// jitter is by what part of a pause a question comes late, up to a quarter, which keeps
// questions out of step with a load balancer that takes turns.
func jitter() float64 {
	const most = 0.25
	return most * rand.Float64() //nolint:gosec // jitter needs no secrecy
}

// sleep waits until the next round, or until something expires or has changed. It
// reports false when ctx ended.
func (f *follower[T]) sleep(ctx context.Context, next time.Time) bool {
	if expiry := f.expiry(); expiry.Before(next) {
		next = expiry
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.woken:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// round asks once for everything.
func (f *follower[T]) round(ctx context.Context) {
	for ids := range slices.Chunk(f.ids(), askMost) {
		if err := f.ask(ctx, ids); err != nil {
			f.failed(ctx, err)
			return
		}
	}
	f.failures, f.after = 0, 0
}

func (f *follower[T]) ask(ctx context.Context, ids []int64) error {
	select {
	case f.tracker.asking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // nobody reads it: it is the end
	}
	acked, err := f.session.Ask(ctx, ids)
	<-f.tracker.asking
	switch {
	case f.session.Confused(): // what is true may be so of another request
		return errConfused
	case err == nil:
		f.succeed(acked)
	}
	return err
}

// failed is the policy for a question without an answer.
func (f *follower[T]) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if _, hold := errors.AsType[*endpoint.HoldError](err); hold || errors.Is(err, errConfused) {
		f.lose(all[T], err)
		return
	}
	f.failures++
	f.after = 0
	if retry, ok := errors.AsType[*endpoint.RetryError](err); ok {
		f.after = retry.After
	}
	if f.failures > tolerated && f.tracker.alarm.Due() {
		f.tracker.o.Log.Warn("a collector does not say what it has indexed, and is asked again", "error", err)
	}
}

// succeed hands over what was acknowledged.
func (f *follower[T]) succeed(ids []int64) {
	slices.Sort(ids)
	acked := f.take(func(e entry[T]) bool {
		_, found := slices.BinarySearch(ids, e.id)
		return found
	})
	if len(acked) == 0 {
		return
	}
	now := time.Now()
	var total time.Duration
	for _, e := range acked {
		total += now.Sub(e.since)
	}
	f.tracker.measure(total / time.Duration(len(acked)))
	for _, e := range acked {
		f.tracker.o.Acked(e.item)
	}
}

// lose hands over what will never be acknowledged. A session that has lost something
// takes no more.
func (f *follower[T]) lose(which func(entry[T]) bool, why error) {
	lost := f.take(which)
	if len(lost) == 0 {
		return
	}
	f.session.Retire()
	for _, e := range lost {
		f.tracker.o.Lost(e.item, why)
	}
}

// expire loses what was not acknowledged in time.
func (f *follower[T]) expire() {
	t := f.tracker
	t.mu.Lock()
	timeout := t.timeout
	t.mu.Unlock()
	f.lose(func(e entry[T]) bool { return time.Since(e.since) >= timeout },
		fmt.Errorf("not acknowledged within %v: the collector may have restarted, or the load balancer is not sticky", timeout))
}

// expiry is when the next item expires; in the past when nothing is pending.
func (f *follower[T]) expiry() time.Time {
	t := f.tracker
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(f.pending) == 0 {
		return time.Time{}
	}
	return f.pending[0].since.Add(t.timeout)
}

// ids are all that is pending, oldest first.
func (f *follower[T]) ids() []int64 {
	f.tracker.mu.Lock()
	defer f.tracker.mu.Unlock()
	ids := make([]int64, len(f.pending))
	for i, e := range f.pending {
		ids[i] = e.id
	}
	return ids
}

func all[T any](entry[T]) bool { return true }

// take removes some of what is pending.
func (f *follower[T]) take(which func(entry[T]) bool) []entry[T] {
	f.tracker.mu.Lock()
	defer f.tracker.mu.Unlock()
	var taken []entry[T]
	kept := f.pending[:0]
	for _, e := range f.pending {
		if which(e) {
			taken = append(taken, e)
		} else {
			kept = append(kept, e)
		}
	}
	clear(f.pending[len(kept):])
	f.pending = kept
	f.tracker.pending.Add(-int64(len(taken)))
	return taken
}

// ended reports whether nothing is pending, and closes the session then. What is
// tracked while it closes is followed like anything else.
func (f *follower[T]) ended() bool {
	t := f.tracker
	t.mu.Lock()
	busy := len(f.pending) > 0
	t.mu.Unlock()
	if busy {
		return false
	}
	f.session.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(f.pending) > 0 {
		return false
	}
	delete(t.followers, f.session)
	return true
}

package endpoint

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// ejectAfter is how many failures in a row have a URL ejected.
const ejectAfter = 3

// balancer says which URL a request goes to: of those that take events the one with the
// fewest in flight. A URL that fails is left alone for a while and comes back slowly; when
// all are left alone, the one that was longest is tried. A single URL is never left alone.
type balancer struct {
	now    func() time.Time
	normal int // requests in flight that a URL has to be good for

	mu      sync.Mutex
	targets []*target
	next    int
}

// turn is one request at one URL. Its outcome says nothing about a URL that was ejected
// meanwhile.
type turn struct {
	target *target
	epoch  int
}

func (b *balancer) pick(r *Request) turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake()
	b.next = (b.next + 1) % len(b.targets)
	best := b.targets[b.next]
	for i := range b.targets {
		if t := b.targets[(b.next+i)%len(b.targets)]; t.before(best, r.failed) {
			best = t
		}
	}
	best.inFlight++
	return turn{best, best.epoch}
}

// wake lets targets back whose time has come. It wants mu held.
func (b *balancer) wake() {
	if b.single() {
		return
	}
	now := b.now()
	for _, t := range b.targets {
		if (t.state == Ejected || t.state == Held) && !now.Before(t.until) {
			t.comeBack(now)
		}
	}
}

func (b *balancer) single() bool { return len(b.targets) < 2 }

// done takes the outcome of a turn.
func (b *balancer) done(of turn, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, now := of.target, b.now()
	t.inFlight--
	if of.epoch != t.epoch {
		return
	}
	_, refused := errors.AsType[*RefusedError](err)
	_, retry := errors.AsType[*RetryError](err)
	hold, held := errors.AsType[*HoldError](err)
	switch {
	case err == nil, refused:
		normal := b.normal
		if b.single() {
			normal = 1 // it has to be good for everything
		}
		t.succeeded(now, normal)
	case held && !hold.Token:
		t.leave(Held, now)
	case retry:
		b.failed(t, now)
	}
}

// failed wants mu held.
func (b *balancer) failed(t *target, now time.Time) {
	t.failures++
	switch {
	case b.single():
	case t.state == Up && t.failures < ejectAfter:
	case t.state == Held:
		t.leave(Held, now)
	default:
		t.leave(Ejected, now)
	}
}

// verdict is what the error of one URL means for a request that may go to another.
func (b *balancer) verdict(t *target, r *Request, err error) error {
	if retry, ok := errors.AsType[*RetryError](err); ok {
		retry.Elsewhere = b.elsewhere(t, r)
		return retry
	}
	hold, ok := errors.AsType[*HoldError](err)
	if !ok {
		return err
	}
	elsewhere := b.elsewhere(t, r)
	if !elsewhere && (hold.Token || b.allHeld()) {
		return hold
	}
	return &RetryError{Elsewhere: elsewhere, Taken: hold.Taken, Err: hold.Err}
}

// elsewhere notes that t has failed a request, and reports whether another URL takes
// events that has not. When none has not, a new round begins.
func (b *balancer) elsewhere(t *target, r *Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(r.failed, t.base) {
		r.failed = append(r.failed, t.base)
	}
	b.wake()
	for _, other := range b.targets {
		if other != t && other.rank(r.failed) == rankFresh {
			return true
		}
	}
	r.failed = r.failed[:0]
	return false
}

func (b *balancer) allHeld() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.targets {
		if t.state != Held {
			return false
		}
	}
	return true
}

// is reports whether a target is in a state.
func (b *balancer) is(t *target, s State) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return t.state == s
}

// well lets a target back before its time, because it has said that it is well.
func (b *balancer) well(t *target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case t.state != Ejected && t.state != Held:
	case b.single():
		t.become(Up, b.now())
	default:
		t.comeBack(b.now())
	}
}

// unwell ejects a target that takes requests.
func (b *balancer) unwell(t *target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.single() && (t.state == Up || t.state == Returning) {
		t.leave(Ejected, b.now())
	}
}

func (b *balancer) states() []URLState {
	b.mu.Lock()
	defer b.mu.Unlock()
	states := make([]URLState, len(b.targets))
	for i, t := range b.targets {
		states[i] = URLState{URL: t.base, State: t.state, Since: t.since, InFlight: t.inFlight}
	}
	return states
}

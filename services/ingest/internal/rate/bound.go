// Package rate bounds what a sender may bring in a second.
package rate

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/drainline/drainline/config"
)

// Bound bounds the requests and the bytes of one sender. Unused seconds do not
// add up: at most one second's worth comes at once. It is for concurrent use, and
// nil bounds nothing.
type Bound struct {
	rate config.Rate

	mu              sync.Mutex
	requests, bytes *rate.Limiter // nil without a bound
}

// New makes a bound, nil where the rate has none.
func New(r config.Rate) *Bound {
	if r == (config.Rate{}) {
		return nil
	}
	return &Bound{
		rate:     r,
		requests: limiter(r.Requests, r.Requests),
		bytes:    limiter(int(r.Bytes), int(r.Bytes)),
	}
}

func limiter(perSecond, burst int) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// Peek is how long it takes from now until Allow could let a request in, zero
// when it could now.
func (b *Bound) Peek(now time.Time) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until(now, 0)
}

// Allow lets a request with that many bytes in now, or says how long it takes
// until one may come. A body may be larger than what is left: those that follow
// wait for it. So a body larger than a second's worth comes in, too.
func (b *Bound) Allow(now time.Time, bytes int) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait = b.until(now, 0); wait > 0 {
		return wait, false
	}
	b.take(now, bytes)
	return 0, true
}

// Delay says how long a request with that many bytes has to wait so that the
// rate is kept. If that is longer than most, it says false and the request is
// not counted: whoever lets it in nevertheless does not make the next wait longer.
func (b *Bound) Delay(now time.Time, bytes int, most time.Duration) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait = b.until(now, bytes); wait > most {
		return wait, false
	}
	b.take(now, bytes)
	return wait, true
}

// Spend counts the bytes of a request that Delay let in before its body was read:
// those that follow wait for it.
func (b *Bound) Spend(now time.Time, bytes int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takeBytes(now, bytes)
}

// until is how long it takes until there is room for one request and the bytes.
func (b *Bound) until(now time.Time, bytes int) time.Duration {
	return max(untilRoom(b.requests, now, 1), untilRoom(b.bytes, now, bytes))
}

func untilRoom(l *rate.Limiter, now time.Time, n int) time.Duration {
	if l == nil {
		return 0
	}
	missing := float64(n) - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.Limit()) * float64(time.Second))
}

// take counts a request, on credit if need be.
func (b *Bound) take(now time.Time, bytes int) {
	if b.requests != nil {
		b.requests.ReserveN(now, 1)
	}
	b.takeBytes(now, bytes)
}

func (b *Bound) takeBytes(now time.Time, bytes int) {
	for b.bytes != nil && bytes > 0 { // a reservation is at most a burst
		n := min(bytes, b.bytes.Burst())
		b.bytes.ReserveN(now, n)
		bytes -= n
	}
}

// Bounds are those of several senders, by name.
type Bounds map[string]*Bound

// Next makes the bounds for new rates. Who keeps his rate keeps what he has used
// of it.
func (b Bounds) Next(rates map[string]config.Rate) Bounds {
	next := make(Bounds, len(rates))
	for name, r := range rates {
		if was := b[name]; was != nil && was.rate == r {
			next[name] = was
		} else if bound := New(r); bound != nil {
			next[name] = bound
		}
	}
	return next
}

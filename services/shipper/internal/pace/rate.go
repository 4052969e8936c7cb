package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/drainline/drainline/config"
)

// Rate bounds what leaves in a second. What could have left in the last second and has
// not may leave in the next. Its methods may be called from any goroutine.
type Rate struct {
	mu       sync.Mutex
	config   config.RateLimit
	limits   limits
	replaced chan struct{} // closed when limits are
}

// NewRate makes a rate for a configuration, of which zero is no bound.
func NewRate(c config.RateLimit) *Rate {
	return &Rate{config: c, limits: newLimits(c), replaced: make(chan struct{})}
}

// Set is for a new configuration. Who waits already waits by the new bounds from
// then on.
func (r *Rate) Set(c config.RateLimit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c == r.config {
		return
	}
	close(r.replaced)
	r.config, r.limits, r.replaced = c, newLimits(c), make(chan struct{})
}

// Wait waits until a request with so many events and bytes may leave. One that is larger
// than what may leave in a second leaves when its turn comes, and those after it wait the
// longer. It fails as ctx does, and then the request counts for nothing.
func (r *Rate) Wait(ctx context.Context, events, bytes int) error {
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for rate_limit: %w", context.Cause(ctx))
		}
		r.mu.Lock()
		turn, replaced := r.limits.reserve(time.Now(), events, bytes), r.replaced
		r.mu.Unlock()
		if turn.wait == 0 {
			return nil
		}
		timer := time.NewTimer(turn.wait)
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			turn.giveBack(time.Now())
		case <-replaced:
		}
		timer.Stop()
	}
}

// limits are of requests, events and bytes; nil is no bound.
type limits [3]*rate.Limiter

func newLimits(c config.RateLimit) limits {
	limiter := func(second int) *rate.Limiter {
		if second <= 0 {
			return nil
		}
		return rate.NewLimiter(rate.Limit(second), second)
	}
	return limits{limiter(c.Requests), limiter(c.Events), limiter(int(c.Bytes))}
}

// turn is what is reserved for one request, and how long it has to wait.
type turn struct {
	reserved [len(limits{})]*rate.Reservation
	wait     time.Duration
}

// reserve wants the limiters for itself: it changes their bursts for a moment.
func (l limits) reserve(now time.Time, events, bytes int) turn {
	var t turn
	for i, n := range [len(l)]int{1, events, bytes} {
		if l[i] == nil {
			continue
		}
		second := l[i].Burst()
		// A limiter gives no more than its burst at once, after it was all paid for.
		// A larger request leaves when a second's worth is paid, and owes the rest.
		l[i].SetBurstAt(now, max(n, second))
		t.reserved[i] = l[i].ReserveN(now, n)
		l[i].SetBurstAt(now, second)
		owed := time.Duration(max(n-second, 0)) * time.Second / time.Duration(second)
		t.wait = max(t.wait, t.reserved[i].DelayFrom(now)-owed)
	}
	return t
}

func (t *turn) giveBack(now time.Time) {
	for _, reservation := range t.reserved {
		if reservation != nil {
			reservation.CancelAt(now)
		}
	}
}

// Package notice keeps a log readable when one thing happens again and again.
package notice

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// quiet is how long what goes on is not spoken of again.
const quiet = 10 * time.Second

// Seldom lets one kind of thing be logged every ten seconds at most. It is for
// concurrent use, and its zero value is ready.
type Seldom struct {
	mu     sync.Mutex
	told   time.Time
	untold int
}

// Speak is called every time, and reports whether to log it, for how many times.
func (s *Seldom) Speak() (times int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.untold++
	if time.Since(s.told) < quiet {
		return 0, false
	}
	times, s.told, s.untold = s.untold, time.Now(), 0
	return times, true
}

// Trouble logs that requests cannot be stored, and that they can again, without a
// line for each.
type Trouble struct {
	log *slog.Logger
	on  atomic.Bool
	Seldom
}

// NewTrouble makes a Trouble that begins without any.
func NewTrouble(log *slog.Logger) *Trouble { return &Trouble{log: log} }

// Failed is called for every request that could not be stored, whose context ctx is.
func (t *Trouble) Failed(ctx context.Context, err error) {
	if n, ok := t.Speak(); ok {
		t.log.WarnContext(ctx, "logs cannot be stored, senders are told to try again", "error", err, "requests", n)
		t.on.Store(true)
	}
}

// Passed is called for every request that was stored: it is one load of a flag.
func (t *Trouble) Passed() {
	if t.on.Load() && t.on.CompareAndSwap(true, false) {
		t.log.Info("logs are stored again")
	}
}

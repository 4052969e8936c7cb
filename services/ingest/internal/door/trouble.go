package door

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// quiet is how long a trouble that goes on is not spoken of again.
const quiet = 10 * time.Second

// seldom keeps a log readable when one thing happens again and again.
type seldom struct {
	mu     sync.Mutex
	told   time.Time
	untold int
}

// speak is told every time, and reports whether to log it, for how many times.
func (s *seldom) speak() (times int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.untold++
	if time.Since(s.told) < quiet {
		return 0, false
	}
	times, s.told, s.untold = s.untold, time.Now(), 0
	return times, true
}

// trouble logs that requests cannot be stored, and that they can again, without
// a line for each.
type trouble struct {
	log *slog.Logger
	on  atomic.Bool
	seldom
}

func (t *trouble) failed(err error) {
	if n, ok := t.speak(); ok {
		t.log.Warn("logs cannot be stored, senders are told to try again", "error", err, "requests", n)
		t.on.Store(true)
	}
}

// passed is called for every request that was stored: it is one load of a flag.
func (t *trouble) passed() {
	if t.on.Load() && t.on.CompareAndSwap(true, false) {
		t.log.Info("logs are stored again")
	}
}

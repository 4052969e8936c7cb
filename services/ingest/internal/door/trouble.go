package door

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// quiet is how long a trouble that goes on is not spoken of again.
const quiet = 10 * time.Second

// trouble logs that requests cannot be stored, and that they can again, without
// a line for each.
type trouble struct {
	log *slog.Logger
	on  atomic.Bool

	mu     sync.Mutex
	told   time.Time
	untold int
}

func (t *trouble) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.untold++
	if time.Since(t.told) < quiet {
		return
	}
	t.log.Warn("logs cannot be stored, senders are told to try again", "error", err, "requests", t.untold)
	t.told, t.untold = time.Now(), 0
	t.on.Store(true)
}

// passed is called for every request that was stored: it is one load of a flag.
func (t *trouble) passed() {
	if t.on.Load() && t.on.CompareAndSwap(true, false) {
		t.log.Info("logs are stored again")
	}
}

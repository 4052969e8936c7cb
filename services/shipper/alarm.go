package shipper

import (
	"sync"
	"time"
)

// alarmEvery keeps what happens again and again from filling the log.
const alarmEvery = time.Minute

// alarm decides whether something is worth another line in the log.
type alarm struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether it is a while since it last did.
func (a *alarm) due() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if !a.last.IsZero() && now.Sub(a.last) < alarmEvery {
		return false
	}
	a.last = now
	return true
}

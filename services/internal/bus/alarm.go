package bus

import (
	"sync"
	"time"
)

// alarmEvery keeps what happens again and again from filling the log.
const alarmEvery = time.Minute

// Alarm decides whether something is worth another line in the log. The zero
// value is ready.
type Alarm struct {
	mu   sync.Mutex
	last time.Time
}

// Due reports whether it is a minute since it last did.
func (a *Alarm) Due() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if !a.last.IsZero() && now.Sub(a.last) < alarmEvery {
		return false
	}
	a.last = now
	return true
}

// silent reports whether it is long since Due said yes.
func (a *Alarm) silent() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.last) > 2*alarmEvery
}

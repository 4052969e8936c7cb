package endpoint

import (
	"net/http"
	"sync"
	"time"
)

// renewEvery bounds how often connections are renewed because of an answer.
const renewEvery = 10 * time.Second

// lines are the connections to one URL that all requests share. They are renewed now and
// then, and when a collector is in trouble: so changes of DNS are followed, and a load
// balancer can lead elsewhere. What is in flight ends on the old ones.
type lines struct {
	open func() *http.Transport

	mu      sync.Mutex
	current *http.Transport
	until   time.Time // when it has served long enough
	renewed time.Time
	closed  bool
}

// take is what a request is sent over. Whoever takes it releases it.
func (l *lines) take(now time.Time) *http.Transport {
	l.mu.Lock()
	old := l.current
	if old == nil || now.After(l.until) {
		l.current, l.until = l.open(), now.Add(jitter(lifetime))
	}
	current := l.current
	l.mu.Unlock()
	if old != nil && old != current {
		old.CloseIdleConnections()
	}
	return current
}

func (l *lines) release(used *http.Transport) {
	l.mu.Lock()
	served := used != l.current || l.closed
	l.mu.Unlock()
	if served {
		used.CloseIdleConnections()
	}
}

// renew reports whether it is time for new connections; then the next request has one.
func (l *lines) renew(now time.Time) bool {
	l.mu.Lock()
	if now.Sub(l.renewed) < renewEvery {
		l.mu.Unlock()
		return false
	}
	old := l.current
	l.current, l.renewed = nil, now
	l.mu.Unlock()
	if old != nil {
		old.CloseIdleConnections()
	}
	return true
}

// close closes what is idle, and what becomes so.
func (l *lines) close() {
	l.mu.Lock()
	l.closed = true
	old := l.current
	l.mu.Unlock()
	if old != nil {
		old.CloseIdleConnections()
	}
}

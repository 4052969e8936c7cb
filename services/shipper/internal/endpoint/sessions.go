package endpoint

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/drainline/drainline/config"
)

// unsharedFor is how long each request has a channel of its own after ackIds were counted
// anew.
const unsharedFor = 10 * time.Minute

// sessions are those of one URL that have no request in flight. The one used last is used
// next, so that a few do most of the work and the others grow old.
type sessions struct {
	open func(config.Secret) *Session
	most int // idle ones for each token
	log  *slog.Logger
	now  func() time.Time

	mu            sync.Mutex
	idle          []*Session
	unsharedUntil time.Time
	closed        bool
}

// take gives a session for one request. Whoever takes it gives it back.
func (p *sessions) take(token config.Secret) *Session {
	now := p.now()
	var old []*Session
	p.mu.Lock()
	p.idle = slices.DeleteFunc(p.idle, func(s *Session) bool {
		if s.served(now) {
			old = append(old, s)
			return true
		}
		return false
	})
	found := p.find(token)
	p.mu.Unlock()
	retire(old)
	if found == nil {
		return p.open(token)
	}
	return found
}

// find wants mu held.
func (p *sessions) find(token config.Secret) *Session {
	for i, s := range slices.Backward(p.idle) {
		if s.token == token {
			p.idle = slices.Delete(p.idle, i, i+1)
			return s
		}
	}
	return nil
}

func (p *sessions) give(s *Session) {
	if !p.keep(s) {
		s.Retire()
	}
}

func (p *sessions) keep(s *Session) bool {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || now.Before(p.unsharedUntil) || s.served(now) {
		return false
	}
	same := 0
	for _, other := range p.idle {
		if other.token == s.token {
			same++
		}
	}
	if same >= p.most {
		return false
	}
	p.idle = append(p.idle, s)
	return true
}

// scatter gives each request a session of its own for a while: the collector counts ackIds
// anew, so what is sent on one channel does not come to one indexer.
func (p *sessions) scatter() {
	now := p.now()
	p.mu.Lock()
	begins := !now.Before(p.unsharedUntil)
	p.unsharedUntil = now.Add(unsharedFor)
	old := p.idle
	p.idle = nil
	p.mu.Unlock()
	retire(old)
	if begins {
		p.log.Warn("ackIds of a channel are counted anew: the load balancer in front of Splunk is not sticky, or an indexer has "+
			"restarted. Each request has a channel of its own for a while; enable stickiness by cookie, or set the destination's ack to off",
			"for", unsharedFor)
	}
}

// close retires all sessions, those in flight when they are given back.
func (p *sessions) close() {
	p.mu.Lock()
	p.closed = true
	old := p.idle
	p.idle = nil
	p.mu.Unlock()
	retire(old)
}

func retire(old []*Session) {
	for _, s := range old {
		s.Retire()
	}
}

package bus

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// stallAfter is how long tries to store a message fail before the log says so.
// An election or a restart is over by then.
const stallAfter = 5 * time.Second

// stalls tells the operator which subjects take nothing: whoever publishes holds
// its input meanwhile and says nothing itself.
type stalls struct {
	mu    sync.Mutex
	known map[string]*Alarm
}

// failed takes the outcome of a try of a message that has been tried since then.
func (s *stalls) failed(ctx context.Context, log *slog.Logger, subject string, since time.Time, err error) {
	lasted := time.Since(since)
	if lasted < stallAfter {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.known[subject]
	if a == nil {
		// Those whose publishers gave up are never told of success.
		maps.DeleteFunc(s.known, func(_ string, a *Alarm) bool { return a.silent() })
		if s.known == nil {
			s.known = map[string]*Alarm{}
		}
		a = &Alarm{}
		s.known[subject] = a
	}
	if a.Due() {
		log.WarnContext(ctx, "bus stores nothing, trying on", "subject", subject, "for", lasted.Round(time.Second), "error", err)
	}
}

// worked says that a subject takes messages.
func (s *stalls) worked(ctx context.Context, log *slog.Logger, subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, stalled := s.known[subject]; stalled {
		delete(s.known, subject)
		log.InfoContext(ctx, "bus stores again", "subject", subject)
	}
}

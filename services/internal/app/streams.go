package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/bus"
)

// look is how often it is looked whether the bus has come back.
const look = time.Second

// again is how often the streams are made sure of while nothing happens: somebody may
// have deleted one.
const again = time.Minute

// streams makes sure of the streams that a configuration needs: at the start, before
// another configuration is put in force, every minute, and whenever the bus has come back,
// which may have lost its disk.
type streams struct {
	conn    *bus.Conn
	ensure  func(ctx context.Context, c *config.Config) error
	timeout time.Duration
	log     *slog.Logger

	ensuring sync.Mutex // held by whoever makes sure

	mu      sync.Mutex // of the others, never held for long
	config  *config.Config
	ensured int64 // conn.Connects when they were last made sure of
}

// prepare makes sure of what c needs. While the bus is away that is left to keep:
// what comes in meanwhile is taken by the rules of c all the same.
func (s *streams) prepare(ctx context.Context, c *config.Config) error {
	s.ensuring.Lock()
	defer s.ensuring.Unlock()
	return s.prepareAlone(ctx, c)
}

// prepareAlone wants ensuring held.
func (s *streams) prepareAlone(ctx context.Context, c *config.Config) error {
	connects := s.conn.Connects()
	if !s.conn.Away() {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		if err := s.ensure(ctx, c); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config, s.ensured = c, connects
	return nil
}

// renew makes sure again of what is there.
func (s *streams) renew(ctx context.Context) error {
	s.ensuring.Lock()
	defer s.ensuring.Unlock()
	return s.prepareAlone(ctx, s.current())
}

// current is the configuration whose streams are there.
func (s *streams) current() *config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// keep makes sure again after each reconnect and every so often, until ctx ends.
func (s *streams) keep(ctx context.Context, every time.Duration) {
	routine := time.NewTicker(every)
	defer routine.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	var trouble bus.Alarm
	for {
		due := false
		select {
		case <-tick.C:
		case <-routine.C:
			due = true
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		due = (due || s.conn.Connects() != s.ensured) && !s.conn.Away()
		s.mu.Unlock()
		if !due {
			continue
		}
		if err := s.renew(ctx); err != nil && ctx.Err() == nil && trouble.Due() {
			s.log.Error("the bus is there, but its streams are not as they have to be, trying on", "error", err)
		}
	}
}

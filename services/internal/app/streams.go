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

// streams makes sure of the streams that a configuration needs: at the start, before
// another configuration is put in force, and whenever the bus has come back, which
// may have lost its disk.
type streams struct {
	conn    *bus.Conn
	ensure  func(ctx context.Context, c *config.Config) error
	timeout time.Duration
	log     *slog.Logger

	mu      sync.Mutex
	config  *config.Config
	ensured int64 // conn.Connects when they were last made sure of
}

// prepare makes sure of what c needs. While the bus is away that is left to keep:
// what comes in meanwhile is taken by the rules of c all the same.
func (s *streams) prepare(ctx context.Context, c *config.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	connects := s.conn.Connects()
	if s.conn.Away() {
		s.config, s.ensured = c, connects
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.ensure(ctx, c); err != nil {
		return err
	}
	s.config, s.ensured = c, connects
	return nil
}

// current is the configuration whose streams are there.
func (s *streams) current() *config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// keep makes sure again after each reconnect, until ctx ends.
func (s *streams) keep(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var trouble bus.Alarm
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		c, due := s.config, s.conn.Connects() != s.ensured && !s.conn.Away()
		s.mu.Unlock()
		if !due {
			continue
		}
		if err := s.prepare(ctx, c); err != nil && ctx.Err() == nil && trouble.Due() {
			s.log.Error("the bus is there, but its streams are not as they have to be, trying on", "error", err)
		}
	}
}

// Package shipper delivers what is on the bus to Splunk's HTTP Event Collector.
// Each destination has its own stream, consumer and client, so that one of them
// in trouble does not touch another. A message on the bus is acknowledged only
// when Splunk has answered success for every event in it, or when the event is
// kept as a dead letter.
package shipper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

// Options are what a Shipper works with. All are needed, but for Tracer.
type Options struct {
	Config  *config.Config
	Bus     *bus.Conn
	Metrics *telemetry.Metrics
	Log     *slog.Logger
	// Tracer makes spans of requests to Splunk; nil makes none.
	Tracer trace.Tracer
	// Version of Drainline, which destinations see in their requests' headers.
	Version string
}

// Shipper ships to every configured destination.
type Shipper struct {
	o        Options
	latency  *latency
	books    *ledger.Ledger
	reloaded chan struct{}

	mu           sync.Mutex
	destinations map[string]*destination
	meters       map[string]*meters // by destination, also of those that are gone
}

// New prepares a shipper. It fails with one sentence when no destination is
// configured or a destination's TLS files cannot be used.
func New(o Options) (*Shipper, error) {
	if err := o.Config.RequireDestination(); err != nil {
		return nil, err
	}
	s := &Shipper{
		o: o, latency: newLatency(), reloaded: make(chan struct{}, 1),
		books:        ledger.New(ledger.Options{Bus: o.Bus, Stage: wire.StageShipper, Log: o.Log}),
		destinations: map[string]*destination{}, meters: map[string]*meters{},
	}
	configure, err := s.prepare(o.Config)
	if err != nil {
		return nil, err
	}
	configure()
	return s, nil
}

// Run ships until ctx ends. Then it takes nothing more from the bus, gives what
// it has taken a last try of at most ten seconds, acknowledges what arrived, and
// returns nil. What did not arrive is on the bus still.
func (s *Shipper) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for {
		s.mu.Lock()
		for _, d := range s.destinations {
			if !d.started {
				d.started = true
				running.Go(func() { d.run(ctx) })
			}
		}
		s.mu.Unlock()
		select {
		case <-s.reloaded:
		case <-ctx.Done():
			running.Wait()
			return nil
		}
	}
}

// Reload prepares a new configuration, which commit puts in force. It fails, and
// changes nothing, when there is no destination or a TLS file cannot be used.
// Destinations that changed keep what they have in hand: its next try goes out
// under the new settings. Removed ones stop as Run does.
func (s *Shipper) Reload(c *config.Config) (commit func(), err error) {
	if err := c.RequireDestination(); err != nil {
		return nil, err
	}
	configure, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	return func() {
		configure()
		select {
		case s.reloaded <- struct{}{}:
		default: // Run has not looked yet
		}
	}, nil
}

// prepare makes what c asks for; configure makes it the destinations.
func (s *Shipper) prepare(c *config.Config) (configure func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[string]*destination, len(c.Destinations))
	tokens := tokensOf(c)
	renewed := map[string]*settings{}
	for _, name := range topology.Destinations(c) {
		d, exists := s.destinations[name]
		if !exists {
			d = s.destination(name)
		}
		next[name] = d
		if exists && d.settings().same(c.Destinations[name], tokens) {
			continue
		}
		made, err := d.prepare(c.Destinations[name], tokens)
		if err != nil {
			return nil, fmt.Errorf("destinations.%s.%w", name, err)
		}
		renewed[name] = made
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for name, d := range s.destinations {
			if _, stays := next[name]; stays {
				continue
			}
			close(d.removed)
			s.meters[name].leave(d)
			if !d.started {
				d.settings().client.Close()
			}
		}
		for name, made := range renewed {
			next[name].use(made)
		}
		s.destinations = next
	}, nil
}

// destination wants mu held.
func (s *Shipper) destination(name string) *destination {
	m, ok := s.meters[name]
	if !ok {
		m = newMeters(s.o.Metrics, name)
		s.meters[name] = m
	}
	return newDestination(name, s.o, m, s.latency, s.books)
}

// Healthy is nil while every destination takes events, else names those that do
// not and says why.
func (s *Shipper) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var troubles []error
	for _, name := range slices.Sorted(maps.Keys(s.destinations)) {
		if err := s.destinations[name].healthy(); err != nil {
			troubles = append(troubles, fmt.Errorf("destination %s: %w", name, err))
		}
	}
	return errors.Join(troubles...)
}

// Ledger gives the books.
func (s *Shipper) Ledger() *ledger.Ledger { return s.books }

// Counts are the totals of all destinations since the start.
func (s *Shipper) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c Counts
	for _, m := range s.meters {
		c.Delivered += m.delivered.Load()
		c.Dead += m.dead.Load()
		c.Dropped += m.dropped.Load()
		c.PossibleDuplicates += m.possibleDuplicates.Load()
		c.LostAcks += m.lostAcks.Load()
		c.Requests += m.requests.Load()
		c.Retries += m.retries.Load()
		c.Bytes += m.bytes.Load()
		c.SentBytes += m.sent.Load()
	}
	c.LatencyP50, c.LatencyP99 = s.latency.quantiles()
	return c
}

// Package backlog watches what waits on the bus: how much, since when, and how long the
// streams have room for it.
package backlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	// every is the time between two looks.
	every = 10 * time.Second
	// patience is for one look.
	patience = 5 * time.Second
	// nearlyFull of a stream's limit, in percent, is worth saying.
	nearlyFull = 95
)

// Options say what to watch. All are needed but Disk and Every.
type Options struct {
	Bus *bus.Conn
	// Plan is what is there by the configuration in force.
	Plan    func() topology.Plan
	Metrics *telemetry.Metrics
	Log     *slog.Logger
	// Disk of the server in this process; nil without one.
	Disk Disk
	// Every is the time between two looks. Default 10 s.
	Every time.Duration
}

// Disk is the disk that a server keeps its streams on.
type Disk interface {
	// Space is what is free, and what has to stay free, in bytes.
	Space() (free, needed int64, err error)
	// TimeSync writes a little and says how long that took to be safe.
	TimeSync() (time.Duration, error)
}

// Stream is what waits in one stream.
type Stream struct {
	topology.Holding

	// ToFull is in how many seconds the stream is full as it goes now, nil if it does not
	// grow. ToDrain is in how many it is empty, nil if it does not shrink.
	ToFull  *float64 `json:"seconds_to_full,omitempty"`
	ToDrain *float64 `json:"seconds_to_drain,omitempty"`
}

// Watch looks again and again. Its methods may be called at any time.
type Watch struct {
	o    Options
	sync *telemetry.Histogram

	mu      sync.Mutex
	streams []Stream
	trends  map[string]*trend
	blind   bool // the last look saw nothing, which has been said
}

// New watches nothing before Run.
func New(o Options) *Watch {
	if o.Every == 0 {
		o.Every = every
	}
	w := &Watch{o: o, trends: map[string]*trend{}}
	w.measure()
	return w
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(w.o.Every)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watch) look(ctx context.Context) {
	if w.o.Disk != nil {
		// A disk that takes nothing is told by the server's own health.
		if took, err := w.o.Disk.TimeSync(); err == nil {
			w.sync.Record(ctx, took.Seconds())
		}
	}
	if w.o.Bus.Away() {
		w.see(nil, time.Now())
		return
	}
	looking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	holdings, err := w.o.Plan().Holdings(looking, w.o.Bus)
	if ctx.Err() != nil {
		return
	}
	w.see(holdings, time.Now())
	if err != nil && !w.blind {
		w.o.Log.Warn("it cannot be seen what waits on the bus: metrics and checks of the backlog are missing", "error", err)
	}
	w.blind = err != nil
}

// see takes what was looked at. What was not seen is not told any more.
func (w *Watch) see(holdings []topology.Holding, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	trends := make(map[string]*trend, len(holdings))
	w.streams = make([]Stream, len(holdings))
	for i, h := range holdings {
		t := w.trends[h.Name]
		if t == nil {
			t = &trend{}
		}
		trends[h.Name] = t
		t.look(now, h.Bytes, h.Messages)
		w.streams[i] = Stream{Holding: h, ToFull: t.toFull(h.MaxBytes)}
		if h.Consumed {
			w.streams[i].ToDrain = t.toDrain()
		}
	}
	w.trends = trends
}

// Streams are what was seen at the last look, some seconds ago; none while nothing can be seen.
func (w *Watch) Streams() []Stream {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Stream{}, w.streams...)
}

// Healthy names the streams that are nearly full.
func (w *Watch) Healthy() error {
	var full []string
	for _, s := range w.Streams() {
		if s.Full() {
			full = append(full, fmt.Sprintf("%s holds %d %% of %d bytes", s.Name, int64(s.Bytes)*100/s.MaxBytes, s.MaxBytes))
		}
	}
	if full == nil {
		return nil
	}
	return fmt.Errorf("streams are nearly full: %s", strings.Join(full, ", "))
}

// Full says that there is no room to speak of.
func (s *Stream) Full() bool {
	return s.MaxBytes > 0 && s.Bytes >= uint64(s.MaxBytes)/100*nearlyFull
}

// measure makes the metrics.
func (w *Watch) measure() {
	m := w.o.Metrics
	of := func(name string, value func(*Stream) (float64, bool)) {
		m.Observe(name, func(tell func(value float64, values ...string)) {
			for _, s := range w.Streams() {
				if v, ok := value(&s); ok {
					tell(v, s.Name, s.Destination)
				}
			}
		})
	}
	of("drainline_backlog_messages", func(s *Stream) (float64, bool) { return float64(s.Messages), true })
	of("drainline_backlog_pending", func(s *Stream) (float64, bool) { return float64(s.Pending), s.Consumed })
	of("drainline_backlog_unacked", func(s *Stream) (float64, bool) { return float64(s.Unacked), s.Consumed })
	of("drainline_backlog_size", func(s *Stream) (float64, bool) { return float64(s.Bytes), true })
	of("drainline_backlog_limit", func(s *Stream) (float64, bool) { return float64(s.MaxBytes), true })
	of("drainline_backlog_oldest_age", func(s *Stream) (float64, bool) { return s.age(time.Now()).Seconds(), true })
	of("drainline_backlog_seconds_to_full", func(s *Stream) (float64, bool) { return known(s.ToFull) })
	of("drainline_backlog_seconds_to_drain", func(s *Stream) (float64, bool) { return known(s.ToDrain) })
	if w.o.Disk == nil {
		return
	}
	w.sync = m.Histogram("drainline_disk_sync_duration")
	m.Observe("drainline_disk_free", func(tell func(value float64, values ...string)) {
		if free, _, err := w.o.Disk.Space(); err == nil {
			tell(float64(free))
		}
	})
	m.Observe("drainline_disk_headroom", func(tell func(value float64, values ...string)) {
		if free, needed, err := w.o.Disk.Space(); err == nil {
			tell(float64(free - needed))
		}
	})
}

// age is how long the oldest message waits, 0 without one.
func (s *Stream) age(now time.Time) time.Duration {
	if s.Oldest.IsZero() {
		return 0
	}
	return max(now.Sub(s.Oldest), 0)
}

func known(seconds *float64) (float64, bool) {
	if seconds == nil {
		return 0, false
	}
	return *seconds, true
}

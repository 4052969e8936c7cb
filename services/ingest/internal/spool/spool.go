// Package spool is the small JetStream beside ingest that takes blocks while the
// bus does not, and forwards them with their ids when it does again.
package spool

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	// folder is below ingest.spool.dir, so that a directory can be shared with what
	// is no spool.
	folder = "spool"
	// connectTime bounds connecting to the server, which is in this process and up.
	connectTime = 10 * time.Second
	// glance is how often it is asked what the spool holds while it holds something.
	glance = time.Second
)

// Options are what a Spool works with.
type Options struct {
	Config *config.Config
	// Main is the bus that blocks are forwarded to.
	Main    *bus.Conn
	Metrics *telemetry.Metrics
	Log     *slog.Logger
}

// Spool is an open spool, which forwards what it holds for as long as it is open.
type Spool struct {
	server *natsd.Server
	conn   *bus.Conn
	main   *bus.Conn
	plan   topology.Plan
	// subjects are the bus's, by shard; blocks of the ordered keep their order.
	subjects, ordered []string
	log               *slog.Logger
	refused           bus.Alarm
	consumer          *bus.Consumer
	stop              context.CancelFunc
	done              sync.WaitGroup

	spooled, forwarded *telemetry.Counter
	bytes              atomic.Int64 // as of the last glance

	mu    sync.Mutex
	taken int  // blocks since the start
	inUse bool // from the first block on until the spool is empty
}

// Open starts the server on its directory and forwards what is there from before.
// ctx bounds the start only. Errors are sentences for the operator.
func Open(ctx context.Context, o Options) (*Spool, error) {
	c := o.Config.Ingest.Spool
	s := &Spool{main: o.Main, log: o.Log.With("dir", c.Dir)}
	s.subjects = subjects(o.Main.Names(), o.Config.Bus.Raw.Shards, wire.Shard)
	s.ordered = subjects(o.Main.Names(), o.Config.Bus.Raw.OrderedShards, wire.OrderedShard)
	var err error
	s.server, err = natsd.Start(ctx, natsd.Options{
		Key: "ingest.spool", Dir: filepath.Join(c.Dir, folder), SyncAlways: true, MaxBytes: int64(c.MaxBytes),
		EncryptionKey: c.EncryptionKey.Reveal(), Log: s.log,
	})
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if err := s.connect(ctx, o.Config); err != nil {
		s.shut()
		return nil, fmt.Errorf("spool: %w", err)
	}
	s.measure(o.Metrics)
	if err := s.begin(ctx); err != nil {
		s.shut()
		return nil, err
	}
	return s, nil
}

func (s *Spool) connect(ctx context.Context, c *config.Config) error {
	var err error
	s.conn, err = bus.Connect(ctx, bus.Options{
		InProcess: s.server, Name: "spool", Names: s.main.Names(), ConnectTimeout: connectTime, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.plan = topology.Spool(c, s.server.Capacity())
	return s.plan.ApplySpool(ctx, s.conn)
}

func (s *Spool) measure(m *telemetry.Metrics) {
	s.spooled = m.Counter("drainline_ingest_spooled")
	s.forwarded = m.Counter("drainline_ingest_forwarded")
	m.Gauge("drainline_ingest_spool", func() float64 { return float64(s.bytes.Load()) })
}

// begin looks what is there and starts to forward it.
func (s *Spool) begin(ctx context.Context) error {
	held, err := s.held(ctx)
	if err != nil {
		return err
	}
	if held.Messages > 0 {
		s.inUse = true
		s.log.Info("the spool holds blocks from before the start, forwarding them", "blocks", held.Messages, "bytes", held.Bytes)
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.consumer = s.conn.Consume(bus.ConsumerOptions{Stream: wire.SpoolStream, Durable: wire.ForwardConsumer, Ordered: true})
	ordered, others := make(chan *bus.Delivery), make(chan *bus.Delivery)
	s.done.Go(func() { s.deal(ctx, ordered, others) })
	s.done.Go(func() { s.forward(ctx, ordered) })
	for range inFlight {
		s.done.Go(func() { s.forward(ctx, others) })
	}
	s.done.Go(func() { s.watch(ctx) })
	return nil
}

// Fallback is where block writers put what the bus does not take.
func (s *Spool) Fallback() *bus.Fallback {
	return &bus.Fallback{Conn: s.conn, Healthy: s.server.Healthy, Took: s.took}
}

// Conn is for reading back what the spool holds, in the stream wire.SpoolStream.
func (s *Spool) Conn() *bus.Conn { return s.conn }

// Healthy is nil while the spool can take blocks, as far as its disk is concerned.
func (s *Spool) Healthy() error { return s.server.Healthy() }

// took is told of each block that is stored here, and why.
func (s *Spool) took(why error) {
	s.spooled.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	if !s.inUse {
		s.inUse = true
		s.log.Warn("the bus takes no blocks, they go to the spool", "error", why)
	}
}

// watch tells when the spool is empty again.
func (s *Spool) watch(ctx context.Context) {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		s.mu.Lock()
		taken, inUse := s.taken, s.inUse
		s.mu.Unlock()
		if inUse {
			s.look(ctx, taken)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Spool) look(ctx context.Context, taken int) {
	held, err := s.held(ctx)
	if err != nil {
		s.log.Debug("it cannot be told what the spool holds", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if held.Messages == 0 && s.taken == taken {
		s.inUse = false
		s.log.Info("the spool is empty again")
	}
}

// held asks what the spool holds.
func (s *Spool) held(ctx context.Context) (topology.Holding, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	all, err := s.plan.Holdings(ctx, s.conn)
	if err != nil {
		return topology.Holding{}, err
	}
	s.bytes.Store(int64(all[0].Bytes))
	return all[0], nil
}

// Close stops forwarding. What the spool holds stays there for the next start.
func (s *Spool) Close() {
	s.stop()
	s.done.Wait()
	s.consumer.Close()
	held, err := s.held(context.Background())
	switch {
	case err != nil:
		s.log.Warn("it cannot be told what stays in the spool", "error", err)
	case held.Messages > 0:
		s.log.Warn("blocks stay in the spool until the next start", "blocks", held.Messages, "bytes", held.Bytes)
	}
	s.shut()
}

func (s *Spool) shut() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.server.Shutdown()
}

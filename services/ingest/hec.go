package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/ack"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/collector"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

// hecMemory bounds the bodies of all requests at the HEC door, in bytes. Where
// bodies may be large it is more: two of the largest.
const hecMemory = 32 << 20

// errHECClosed is what a reload says: listeners are opened at start only.
var errHECClosed = errors.New("ingest.hec.tokens: there was none at start, so the HEC door is closed: restart to open it")

// openHEC opens the door for HEC clients, if there is a token that lets them in:
// without one, nobody needs the port, which a Splunk beside us may have.
func (i *Ingest) openHEC(ctx context.Context, o Options) error {
	h := o.Config.Ingest.HEC
	if len(h.Tokens) == 0 {
		return nil
	}
	s, err := collector.FromConfig(o.Config)
	if err != nil {
		return err
	}
	i.acks = &acks{bus: o.Bus, metrics: o.Metrics, log: o.Log}
	i.acks.set(o.Config)
	bodies := body.NewReader(max(hecMemory, 2*int64(h.MaxBody)))
	i.collector = collector.New(collector.Options{
		Store: i.store, Healthy: i.healthy, Trouble: i.trouble, Stopping: i.Stopping, Acks: i.acks, Logplex: i.door,
		Bodies: bodies, Counts: collector.NewCounts(o.Metrics), Log: o.Log,
		Tracer: o.Tracer,
	}, s)
	o.Metrics.Gauge("drainline_ingest_bodies", func() float64 { return float64(bodies.Lent()) }, "hec")
	i.hec, err = i.open(ctx, opening{
		key: "ingest.hec", listen: h.Listen,
		tls:    func(c *config.Config) config.ServerTLS { return c.Ingest.HEC.TLS },
		limits: h.Limits, handler: i.collector, drain: i.collector.Drain,
	}, o.Metrics)
	return err
}

// reloadHEC prepares other settings for the HEC door.
func (i *Ingest) reloadHEC(c *config.Config) (commit func(), err error) {
	if i.collector == nil {
		if len(c.Ingest.HEC.Tokens) > 0 {
			return nil, errHECClosed
		}
		return func() {}, nil
	}
	s, err := collector.FromConfig(c)
	if err != nil {
		return nil, err
	}
	return func() {
		i.acks.set(c)
		i.collector.Set(s)
	}, nil
}

// HECURL is the address of the HEC door, as clients and Splunk's own tools want
// it. It is empty when the door is closed because there is no token.
func (i *Ingest) HECURL() string {
	if i.hec == nil {
		return ""
	}
	return localURL(i.hec.listener.Addr(), i.config.Load().Ingest.HEC.TLS.CertFile != "")
}

// acks are there as soon as a token acknowledges: their streams are, too, then.
type acks struct {
	bus     *bus.Conn
	metrics *telemetry.Metrics
	log     *slog.Logger
	index   atomic.Pointer[ack.Index]
}

// set puts a configuration in force, for one caller at a time.
func (a *acks) set(c *config.Config) {
	if a.index.Load() == nil && topology.Acknowledges(c) {
		a.index.Store(ack.New(ack.Options{Bus: a.bus, Config: c.Ingest.HEC.Acks, Metrics: a.metrics, Log: a.log}))
	}
}

// Issue implements collector.Acks.
func (a *acks) Issue(ctx context.Context, token, channel string) (*drainlinev1.Ack, error) {
	index := a.index.Load()
	if index == nil {
		return nil, ack.ErrUnready
	}
	return index.Issue(ctx, token, channel)
}

// Withdraw implements collector.Acks.
func (a *acks) Withdraw(issued *drainlinev1.Ack) {
	if index := a.index.Load(); index != nil {
		index.Withdraw(issued)
	}
}

// Query implements collector.Acks.
func (a *acks) Query(ctx context.Context, token, channel string, ids []uint64) (map[uint64]bool, error) {
	index := a.index.Load()
	if index == nil {
		return nil, ack.ErrUnready
	}
	return index.Query(ctx, token, channel, ids)
}

func (a *acks) close() {
	if index := a.index.Load(); index != nil {
		index.Close()
	}
}

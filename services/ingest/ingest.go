package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/collector"
	"github.com/drainline/drainline/services/ingest/internal/door"
	"github.com/drainline/drainline/services/ingest/internal/spool"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// errLogplexClosed is what a reload says: listeners are opened at start only.
var errLogplexClosed = errors.New("ingest.logplex.credentials: there was none at start, so the Logplex door is closed: restart to open it")

// errNoNeedOfSpool is what the all-in-one says.
var errNoNeedOfSpool = errors.New("ingest.spool.dir is set without bus.url: the NATS server inside this process keeps what comes in, " +
	"and a spool beside it would only be a second one on the same disk: remove ingest.spool")

const (
	// answering is how long held requests have at the end to get their answer, more
	// than the longest hold. Uploads that take longer are cut.
	answering = 5 * time.Second
	// flushing is how long the bus then has to answer for what is on its way.
	flushing = 5 * time.Second
)

// Options are what ingest works with.
type Options struct {
	Config  *config.Config
	Bus     *bus.Conn
	Metrics *telemetry.Metrics
	Log     *slog.Logger
	// DataDir keeps the credential that is made when none is configured. Empty means
	// that none can be made.
	DataDir string
	// Healthy returns an error while nothing may be stored, because the disk is full
	// for instance. Every request asks it. Nil means that there is nothing to ask.
	Healthy func() error
	// Tracer makes spans of requests; nil makes none.
	Tracer trace.Tracer
}

// Counts are what ingest counts, exported as drainline_ingest_*.
type Counts = door.Counts

// Ingest is the doors and what stands behind them.
type Ingest struct {
	log      *slog.Logger
	config   atomic.Pointer[config.Config]
	counts   *Counts
	secret   *madeSecret
	settings atomic.Pointer[settings]
	healthy  func() error
	spool    *spool.Spool // nil without one
	store    *store
	door     *door.Door
	// collector and acks are nil while the HEC door is closed.
	collector *collector.Collector
	acks      *acks
	doorways  []*doorway // all that are open
	logplex   *doorway   // nil while nobody could come in
	hec       *doorway   // the same
	stopping  atomic.Bool
}

// New opens the doors. Senders are answered once Run is called, which has to
// follow, since it also closes what New opens. Errors are sentences for the
// operator. What is still on the bus is read first, three seconds at most, to
// recognise retries of it.
func New(ctx context.Context, o Options) (*Ingest, error) {
	i := &Ingest{
		log: o.Log, counts: door.NewCounts(o.Metrics), secret: &madeSecret{dir: o.DataDir}, healthy: o.Healthy,
	}
	i.config.Store(o.Config)
	if i.healthy == nil {
		i.healthy = func() error { return nil }
	}
	s, err := newSettings(o.Config, i.secret)
	if err != nil {
		return nil, err
	}
	i.settings.Store(s)
	if i.spool, err = openSpool(ctx, o); err != nil {
		return nil, err
	}
	if i.store, err = newStore(ctx, o, i.spool, i.counts); err != nil {
		return nil, errors.Join(err, i.abandon(ctx))
	}
	i.door = door.New(door.Options{
		Store: i.store, Healthy: i.healthy, Stopping: i.Stopping, Counts: i.counts, Log: o.Log, Tracer: o.Tracer,
	}, s.door)
	// Last, because a connection that is refused costs Logplex none of its tries.
	if len(s.door.Credentials) > 0 {
		i.logplex, err = i.open(ctx, opening{
			key: "ingest.logplex", listen: o.Config.Ingest.Logplex.Listen,
			tls:     func(c *config.Config) config.ServerTLS { return c.Ingest.Logplex.TLS },
			limits:  o.Config.Ingest.Logplex.Limits,
			handler: i.door, gated: true,
		}, o.Metrics)
	}
	if err == nil {
		err = i.openHEC(ctx, o)
	}
	if err != nil {
		return nil, errors.Join(err, i.abandon(ctx))
	}
	o.Metrics.Gauge("drainline_ingest_bodies", func() float64 { return float64(i.door.Lent()) }, "logplex")
	return i, nil
}

// openSpool opens the spool that is configured.
func openSpool(ctx context.Context, o Options) (*spool.Spool, error) {
	if o.Config.Ingest.Spool.Dir == "" {
		return nil, nil //nolint:nilnil // to have none is a choice, no error
	}
	if o.Config.Bus.URL == "" {
		return nil, &app.UsageError{Err: errNoNeedOfSpool}
	}
	return spool.Open(ctx, spool.Options{Config: o.Config, Main: o.Bus, Metrics: o.Metrics, Log: o.Log})
}

// open opens a door to the network.
func (i *Ingest) open(ctx context.Context, o opening, m *telemetry.Metrics) (*doorway, error) {
	d, err := openDoorway(ctx, o, i.config.Load(), m, i.log)
	if err == nil {
		i.doorways = append(i.doorways, d)
	}
	return d, err
}

// abandon closes what New has opened.
func (i *Ingest) abandon(ctx context.Context) error {
	var err error
	for _, d := range i.doorways {
		err = errors.Join(err, d.listener.Close())
	}
	if i.acks != nil {
		i.acks.close()
	}
	if i.store != nil {
		err = errors.Join(err, i.store.close(ctx))
	}
	if i.spool != nil {
		i.spool.Close()
	}
	return err
}

// Run serves until ctx ends, and then goes on for ingest.shutdown_delay while
// every answer ends its connection. Then it stops accepting, answers the requests
// it holds, has the bus answer for what is on its way, and returns nil, within
// ten seconds.
func (i *Ingest) Run(ctx context.Context) error {
	end := context.WithoutCancel(ctx)
	gates, openForGood := context.WithCancel(end)
	defer openForGood()
	var serving, watching sync.WaitGroup
	failed := make(chan error, len(i.doorways))
	for _, d := range i.doorways {
		serving.Go(func() { failed <- d.serve() })
		if d.gated {
			g := &gate{listener: d.listener, trouble: i.shutting, log: i.log}
			watching.Go(func() { g.run(gates) })
		}
	}
	var err error
	select {
	case <-ctx.Done():
		err = i.drain(failed)
	case err = <-failed:
	}
	i.stopping.Store(true)
	openForGood()
	watching.Wait()
	i.closeDoors(end)
	serving.Wait()
	i.flush(end)
	return err
}

// drain lets senders go elsewhere in their own time. It returns early, with the
// reason, when a door does not serve any more.
func (i *Ingest) drain(failed <-chan error) error {
	i.stopping.Store(true)
	for _, d := range i.doorways {
		d.startDraining()
	}
	select {
	case <-time.After(i.config.Load().Ingest.ShutdownDelay):
		return nil
	case err := <-failed:
		return err
	}
}

// Stopping returns an error from the end of Run's context on: it is time for
// senders to go elsewhere.
func (i *Ingest) Stopping() error {
	if i.stopping.Load() {
		return errors.New("ingest is stopping")
	}
	return nil
}

// shutting is why connections are better refused. Behind a proxy they never are:
// it would answer 502 at once in our place, which burns Logplex's tries.
func (i *Ingest) shutting() error {
	if i.config.Load().Ingest.BehindProxy {
		return nil
	}
	return i.trouble()
}

// trouble is why nothing can be stored, nil while something can.
func (i *Ingest) trouble() error {
	if err := i.healthy(); err != nil {
		return err
	}
	return i.store.trouble()
}

func (i *Ingest) closeDoors(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	var closing sync.WaitGroup
	for _, d := range i.doorways {
		closing.Go(func() { d.close(ctx) })
	}
	closing.Wait()
}

// flush waits for handlers, of which those that were cut off may still be storing,
// and for what they have stored.
func (i *Ingest) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushing) // more than the longest hold, too
	defer cancel()
	for _, d := range i.doorways {
		d.server.Wait()
	}
	if i.acks != nil {
		i.acks.close()
	}
	if err := i.store.close(ctx); err != nil {
		i.log.Warn("requests that were on their way are not stored, their senders were told so", "error", err)
	}
	if i.spool != nil {
		i.spool.Close()
	}
}

// Reload prepares what can change while the doors are open: all but listeners,
// the spool and what is marked so in the configuration; commit puts it in force
// at once. It fails when the new configuration has no credential and none can be
// made, when a certificate cannot be loaded, or when the HEC door would have to be
// opened.
func (i *Ingest) Reload(c *config.Config) (commit func(), err error) {
	s, err := newSettings(c, i.secret)
	if err != nil {
		return nil, err
	}
	if i.logplex == nil && len(s.door.Credentials) > 0 {
		return nil, errLogplexClosed
	}
	hec, err := i.reloadHEC(c)
	if err != nil {
		return nil, err
	}
	commits := []func(){hec, func() {
		i.config.Store(c)
		i.settings.Store(s)
		i.door.Set(s.door)
	}}
	for _, d := range i.doorways {
		certificates, err := d.listener.reload(d.tls(c))
		if err != nil {
			return nil, err
		}
		commits = append(commits, certificates)
	}
	return func() {
		for _, commit := range commits {
			commit()
		}
	}, nil
}

// DrainURL is what Heroku's drains:add wants. It has *** for the secret unless
// that is to be revealed. It is empty when the Logplex door is closed because
// there are only HEC tokens.
func (i *Ingest) DrainURL(reveal bool) string {
	if i.logplex == nil {
		return ""
	}
	return i.settings.Load().drainURL(i.logplex.listener.Addr(), reveal)
}

// SecretFile is where the secret is kept if it was made here, empty if it was
// configured.
func (i *Ingest) SecretFile() string {
	if !i.settings.Load().made {
		return ""
	}
	return i.secret.path()
}

// Ledger gives the books.
func (i *Ingest) Ledger() *ledger.Ledger { return i.store.books }

// Counts are live.
func (i *Ingest) Counts() *Counts { return i.counts }

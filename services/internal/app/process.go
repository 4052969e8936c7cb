// Package app is what every Drainline program does around its services: load
// the configuration, log, connect to the bus, serve health and metrics, reload,
// and stop in order.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/backlog"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

// Version is stamped by the linker in releases (-X). Otherwise the module's
// version stands in.
var Version string //nolint:gochecknoglobals // the linker sets nothing else

// Build is the version in one word.
func Build() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// Service is one of the parts of a program. Run returns when ctx has ended and
// what is in hand is finished, or with the reason why it cannot go on.
type Service interface {
	Run(ctx context.Context) error
}

// Reloader is a service that takes a new configuration while it runs. Reload
// prepares it, or says why it cannot be used, and changes nothing; commit puts it
// in force and cannot fail.
type Reloader interface {
	Reload(c *config.Config) (commit func(), err error)
}

// Process is what a program gives its services.
type Process struct {
	Config  *config.Config
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	// Tracer makes spans; it is nil where none are wanted.
	Tracer trace.Tracer
	// Instance is a name of this process that no other has.
	Instance string
	// Out is standard output; Terminal says that a person reads it, and secrets
	// may be shown.
	Out      io.Writer
	Terminal bool

	loader   config.Loader
	log      *telemetry.Log
	hangup   chan os.Signal
	checks   []check
	facts    []fact
	atEnd    []func()
	streams  *streams       // nil before Connect
	backlog  *backlog.Watch // nil before Connect
	refused  refusal
	presence presence
	inForce  atomic.Pointer[string] // SHA of the configuration
}

// refusal is why the configuration that is in the files is not in force.
type refusal struct{ reason atomic.Pointer[error] }

func (r *refusal) set(reason error) { r.reason.Store(&reason) }

func (r *refusal) get() error {
	if reason := r.reason.Load(); reason != nil && *reason != nil {
		return fmt.Errorf("what is in the files is not in force: %w", *reason)
	}
	return nil
}

// alarm is 1 while there is one.
func (r *refusal) alarm() float64 {
	if r.get() != nil {
		return 1
	}
	return 0
}

// newProcess loads the configuration and sets up what does not need the network. The
// name is that of the command.
func newProcess(name string, loader config.Loader, out io.Writer, terminal bool) (*Process, error) {
	c, err := loader.Load()
	if err != nil {
		return nil, &UsageError{Err: fmt.Errorf("configuration:\n%w", err)}
	}
	instance := wire.RandomID().String()
	res, err := telemetry.NewResource(context.Background(), service(name), Build(), instance)
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	metrics, err := telemetry.NewMetrics(context.Background(), c.Telemetry.Metrics, res)
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	log, err := telemetry.NewLog(context.Background(), os.Stderr, c.Telemetry.Logs, res)
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	p := &Process{
		Config: c, Log: log.Logger, Metrics: metrics, Instance: instance, Out: out, Terminal: terminal,
		loader: loader, log: log, hangup: make(chan os.Signal, 1), presence: newPresence(),
	}
	sha := c.SHA()
	p.inForce.Store(&sha)
	p.AtEnd(func() {
		if err := log.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "drainline: "+err.Error())
		}
	})
	traces, err := telemetry.NewTraces(context.Background(), c.Telemetry.Traces, res)
	if err != nil {
		p.end()
		return nil, &UsageError{Err: err}
	}
	p.Tracer = traces.Tracer
	p.AtEnd(func() {
		var closing sync.WaitGroup // they may have to wait for the same collector
		closing.Go(func() {
			if err := traces.Close(); err != nil {
				p.Log.Warn("traces", "error", err)
			}
		})
		if err := metrics.Close(context.Background()); err != nil {
			p.Log.Warn("metrics", "error", err)
		}
		closing.Wait()
	})
	p.Check("configuration", false, p.refused.get)
	metrics.Gauge("drainline_configuration_refused", p.refused.alarm)
	metrics.Gauge("drainline_build_info", func() float64 { return 1 }, Build(), runtime.Version())
	metrics.Observe("drainline_configuration_info", func(tell func(value float64, values ...string)) { tell(1, *p.inForce.Load()) })
	return p, nil
}

// service is what OpenTelemetry knows a program as.
func service(command string) string {
	switch command {
	case "run", "demo": // all in one
		return "drainline"
	default:
		return "drainline-" + command
	}
}

// AtEnd adds something to do when the program ends; the last added is done first.
func (p *Process) AtEnd(f func()) { p.atEnd = append(p.atEnd, f) }

func (p *Process) end() {
	for _, f := range slices.Backward(p.atEnd) {
		f()
	}
}

// Connect reaches the bus for one service, within bus.connect_timeout, and makes
// sure of its streams. An ingest with a spool, or behind a proxy, starts also while the bus is
// away, and makes sure of them when it comes, as all do when it comes back. Embedded is the server inside
// this process and its capacity in bytes; without one, bus.url is where the bus is.
func (p *Process) Connect(ctx context.Context, service string, embedded Embedded) (*bus.Conn, error) {
	c := p.Config.Bus
	if embedded == nil && c.URL == "" {
		return nil, &UsageError{Err: fmt.Errorf(
			"bus.url is not set: %s needs a NATS server, set DRAINLINE_BUS__URL (only `drainline run` has one inside)", service)}
	}
	o := bus.Options{
		URL: c.URL, Name: service, Names: wire.Names{Prefix: c.Prefix}, CredsFile: c.CredsFile, Seed: c.Seed,
		ConnectTimeout: c.ConnectTimeout, Log: p.Log, Tracer: p.Tracer, Metrics: p.Metrics,
		// A proxy would answer 502 for an ingest that is not there, which burns Logplex's tries.
		Patient: service == "ingest" && embedded == nil && (p.Config.Ingest.Spool.Dir != "" || p.Config.Ingest.BehindProxy),
	}
	if embedded != nil {
		o.InProcess, o.URL = embedded, ""
	} else if c.TLS != (config.ClientTLS{MinVersion: c.TLS.MinVersion}) { // which has a default
		t, err := c.TLS.Load()
		if err != nil {
			return nil, fmt.Errorf("bus.%w", err)
		}
		o.TLS = t
	}
	conn, err := bus.Connect(ctx, o)
	if err != nil {
		return nil, err
	}
	p.AtEnd(conn.Close)
	p.presence.services = append(p.presence.services, connected{service, conn})
	// An ingest that cannot reach the bus holds requests; nothing is gained by
	// taking it out of service. The all-in-one has its bus with it.
	p.Check(service+" bus", embedded == nil && service != "ingest", conn.Healthy)
	p.Metrics.Gauge("drainline_bus_connected", func() float64 {
		if conn.Healthy() != nil {
			return 0
		}
		return 1
	}, service)
	var told []string // ensure is called by one at a time
	ensure := func(ctx context.Context, c *config.Config) error {
		if embedded != nil {
			return topology.New(c, embedded.Capacity()).Apply(ctx, conn)
		}
		differences, err := topology.New(c, 0).Ensure(ctx, conn)
		for _, d := range differences {
			if !slices.Contains(told, d) {
				p.Log.Warn("the bus differs from the configuration", "difference", d)
			}
		}
		told = differences
		return err
	}
	if p.streams != nil {
		return conn, nil
	}
	p.streams = &streams{conn: conn, ensure: ensure, timeout: c.ConnectTimeout, log: p.Log, config: p.Config}
	p.watchBacklog(conn, embedded)
	return conn, p.streams.prepare(ctx, p.Config)
}

// Names under which a status has the backlog.Streams, and the capacity in bytes of the
// server inside, by which its streams are planned.
const (
	FactBacklog  = "backlog"
	FactCapacity = "capacity"
)

// watchBacklog tells what waits on the bus, which never makes a process unable to do its job.
func (p *Process) watchBacklog(conn *bus.Conn, embedded Embedded) {
	o := backlog.Options{Bus: conn, Metrics: p.Metrics, Log: p.Log}
	capacity := int64(0)
	if embedded != nil {
		o.Disk, capacity = embedded, embedded.Capacity()
		p.Tell(FactCapacity, func() any { return capacity })
	}
	o.Plan = func() topology.Plan { return topology.New(p.streams.current(), capacity) }
	p.backlog = backlog.New(o)
	p.Check("streams", false, p.backlog.Healthy)
	p.Tell(FactBacklog, func() any { return p.backlog.Streams() })
}

// Embedded is the NATS server inside a process.
type Embedded interface {
	nats.InProcessConnProvider
	backlog.Disk
	Capacity() int64
}

// run serves until ctx ends, then stops the services in order: the next one is
// told to stop when the one before has finished, so that what the first still
// passes on is still taken.
func (p *Process) run(ctx context.Context, services []Service) error {
	p.show()
	defer func() { p.hideAll(p.presence.hide) }()
	watchCtx, stopWatch := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() {
		apply := func(c *config.Config) error {
			err := p.reload(watchCtx, c, services)
			background.Go(func() { p.recordReload(watchCtx, c, err) })
			return err
		}
		if err := p.loader.Watch(watchCtx, p.Log, p.Config, p.hangup, apply, p.refused.set); err != nil {
			p.Log.Error("the configuration is no longer watched", "error", err)
		}
	})
	if p.streams != nil {
		background.Go(func() { p.streams.keep(watchCtx, again) })
		background.Go(func() { p.backlog.Run(watchCtx) })
	}
	defer background.Wait()
	defer stopWatch()

	failed := make(chan error, len(services))
	stops := make([]context.CancelFunc, len(services))
	done := make([]chan struct{}, len(services))
	for i, s := range services {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		stops[i], done[i] = stop, make(chan struct{})
		go func() {
			defer close(done[i])
			if err := s.Run(own); err != nil {
				failed <- err
			}
		}()
	}
	var errs []error
	select {
	case <-ctx.Done():
	case err := <-failed:
		errs = append(errs, err)
	}
	for i := range services {
		stops[i]()
		<-done[i]
	}
	close(failed)
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reload puts a configuration in force whole, or not at all.
func (p *Process) reload(ctx context.Context, c *config.Config, services []Service) error {
	var commits []func()
	for _, s := range services {
		if r, ok := s.(Reloader); ok {
			commit, err := r.Reload(c)
			if err != nil {
				return err
			}
			commits = append(commits, commit)
		}
	}
	if p.streams != nil {
		if err := p.streams.prepare(ctx, c); err != nil {
			return fmt.Errorf("the bus could not be prepared: %w", err)
		}
	}
	p.log.SetLevel(c.Telemetry.Logs)
	for _, commit := range commits {
		commit()
	}
	sha := c.SHA()
	p.inForce.Store(&sha)
	p.show()
	return nil
}

// recordReload leaves a record of a configuration that was put in force, or refused by
// what runs. The log has those that were refused before.
func (p *Process) recordReload(ctx context.Context, c *config.Config, refused error) {
	if p.streams == nil {
		return
	}
	err := audit.Record(ctx, p.streams.conn, audit.Deed{Action: audit.ActionReload, Configuration: c.SHA(), Err: refused})
	if err != nil {
		p.Log.Warn("of the reload there is this line only", "error", err)
	}
}

// notify ends ctx at the first SIGINT or SIGTERM; a second one ends the process
// as it would without us.
func notify(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// shutdownPatience is for the admin server's own open requests.
const shutdownPatience = time.Second

// DescribeBuild is the version with what it was built with.
func DescribeBuild() string {
	return strings.Join([]string{"drainline", Build(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}, " ")
}

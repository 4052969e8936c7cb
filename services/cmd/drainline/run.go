package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/shipper"
	"github.com/drainline/drainline/services/transform"
)

func runCommand() *cobra.Command {
	return app.Command(&cobra.Command{
		Use:   "run",
		Short: "Run everything in one process",
		Long: `Run ingest, transform and shipper in one process, on a NATS server inside it that
keeps its data in bus.embedded.dir (./drainline-data unless set), or on the one at
bus.url. Ctrl-C finishes what is in hand; what is left is there at the next start.`,
		Example: `  SPLUNK_HEC_URL=https://splunk.example.com:8088 SPLUNK_HEC_TOKEN=… drainline run
  drainline run --config drainline.yaml`,
	}, func(ctx context.Context, p *app.Process) ([]app.Service, error) {
		a, err := startAll(ctx, p)
		if err != nil {
			return nil, err
		}
		return a.services(), a.say(ctx, p)
	})
}

// all is everything in one process.
type all struct {
	ingest    *ingest.Ingest
	transform *transform.Transform
	shipper   *shipper.Shipper
	conn      *bus.Conn
	config    *config.Config
}

// services are in the order in which they stop.
func (a *all) services() []app.Service { return []app.Service{a.ingest, a.transform, a.shipper} }

// startAll starts the three services, each with a connection of its own, as if
// they were three processes.
func startAll(ctx context.Context, p *app.Process) (*all, error) {
	if err := transform.Check(p.Config); err != nil {
		return nil, &app.UsageError{Err: err}
	}
	embedded, healthy, dir, err := startEmbedded(ctx, p)
	if err != nil {
		return nil, err
	}
	var conns [3]*bus.Conn
	for i, service := range []string{"ingest", "transform", "shipper"} {
		if conns[i], err = p.Connect(ctx, service, embedded); err != nil {
			return nil, err
		}
	}
	a := &all{conn: conns[0], config: p.Config}
	a.ingest, err = ingest.New(ctx, ingest.Options{
		Config: p.Config, Bus: conns[0], Metrics: p.Metrics, Log: p.Log, DataDir: dir, Healthy: healthy, Tracer: p.Tracer,
	})
	if err != nil {
		return nil, err
	}
	a.transform, err = transform.New(transform.Options{Config: p.Config, Bus: conns[1], Metrics: p.Metrics, Log: p.Log})
	if err != nil {
		return nil, err
	}
	a.shipper, err = shipper.New(shipper.Options{
		Config: p.Config, Bus: conns[2], Metrics: p.Metrics, Log: p.Log, Tracer: p.Tracer, Version: app.Build(),
	})
	if err != nil {
		return nil, err
	}
	a.ingest.TellDrains(p)
	p.ShowBooks(a.ingest.Ledger(), a.transform.Ledger(), a.shipper.Ledger())
	p.Tell(transform.FactLost, func() any { return a.transform.Lost() })
	p.Tell(shipper.FactDestinations, func() any { return a.shipper.Destinations() })
	a.ingest.Checks(p)
	p.Check("destinations", false, a.shipper.Healthy)
	return a, nil
}

// startEmbedded starts the NATS server inside, unless bus.url names another.
func startEmbedded(ctx context.Context, p *app.Process) (embedded app.Embedded, healthy func() error, dir string, err error) {
	c := p.Config.Bus
	if c.URL != "" {
		return nil, nil, "", nil
	}
	server, err := natsd.Start(ctx, natsd.Options{
		Dir: c.Embedded.Dir, SyncAlways: c.Embedded.Sync == "always", Listen: c.Embedded.Listen, Socket: true,
		MaxBytes: int64(c.Embedded.MaxBytes), EncryptionKey: c.Embedded.EncryptionKey.Reveal(), Log: p.Log,
	})
	if err != nil {
		return nil, nil, "", err
	}
	p.AtEnd(server.Shutdown)
	// Behind a proxy, being taken out would turn requests that wait into instant 502s.
	p.Check("disk", !p.Config.Ingest.BehindProxy, server.Healthy)
	return server, server.Healthy, c.Embedded.Dir, nil
}

// say tells the operator what matters at start.
func (a *all) say(ctx context.Context, p *app.Process) error {
	a.ingest.Say(p)
	p.SayDestinations()
	return p.SayStreams(ctx, a.conn)
}

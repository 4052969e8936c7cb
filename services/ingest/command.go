package ingest

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// Command runs ingest alone, on a NATS server of its own.
func Command() *cobra.Command {
	return app.Command(&cobra.Command{
		Use:   "ingest",
		Short: "Run ingest alone: Logplex drains and HEC in, raw blocks out",
		Long: `Run ingest alone: it takes Logplex drains over HTTP, and HEC clients where there
are ingest.hec.tokens, and stores what they send on NATS JetStream before it
answers. It keeps nothing itself (but for ingest.spool), so it needs credentials
from the configuration. Start as many as you need behind a load balancer.`,
		Example: `  DRAINLINE_BUS__URL=nats://127.0.0.1:4222 DRAINLINE_DRAIN_SECRET=… drainline ingest`,
	}, start, app.WithBus("ingest")...)
}

func start(ctx context.Context, p *app.Process) ([]app.Service, error) {
	if len(p.Config.Ingest.Logplex.Credentials) == 0 && len(p.Config.Ingest.HEC.Tokens) == 0 {
		return nil, &app.UsageError{Err: errNoCredential}
	}
	conn, err := p.Connect(ctx, "ingest", nil)
	if err != nil {
		return nil, err
	}
	i, err := New(ctx, Options{Config: p.Config, Bus: conn, Metrics: p.Metrics, Log: p.Log, Tracer: p.Tracer})
	if err != nil {
		return nil, err
	}
	p.ShowBooks(i.Ledger())
	i.TellDrains(p)
	i.Checks(p)
	i.Say(p)
	if conn.Away() {
		meanwhile := "is away: what comes goes to the spool"
		if i.spool == nil {
			meanwhile = "is away: what comes is held for it, as long as ingest.hold says"
		}
		p.Say("bus", meanwhile)
		return []app.Service{i}, nil
	}
	return []app.Service{i}, p.SayStreams(ctx, conn)
}

// TellDrains adds what ingest knows of drains to the process' status.
func (i *Ingest) TellDrains(p *app.Process) {
	p.Tell(FactUnknownDrains, func() any { return i.UnknownDrains() })
	p.Tell(FactExpectedDrains, func() any { return i.ExpectedDrains() })
}

// Say tells the operator where senders find ingest.
func (i *Ingest) Say(p *app.Process) {
	if url := i.DrainURL(p.Terminal); url != "" {
		p.Say("drain URL", url)
	}
	if command := i.HerokuCommand(); command != "" {
		p.Say("add a drain", command)
	}
	if file := i.SecretFile(); file != "" && !p.Terminal {
		p.Say("", fmt.Sprintf("its secret is in %s, and is printed on a terminal", file))
	}
	if url := i.HECURL(); url != "" {
		p.Say("HEC URL", url)
	}
}

// Checks adds to readiness that ingest stops, and tells of its spool.
func (i *Ingest) Checks(p *app.Process) {
	p.Check("ingest", true, i.Stopping)
	if i.spool != nil {
		p.Check("spool", false, i.spool.Healthy)
	}
}

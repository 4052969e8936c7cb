package ingest

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// Command runs ingest alone, on a NATS server of its own.
func Command() *cobra.Command {
	return app.Command(&cobra.Command{
		Use:   "ingest",
		Short: "Run ingest alone: Logplex drains in, raw blocks out",
		Long: `Run ingest alone: it takes Logplex drains over HTTP and stores what they send on
NATS JetStream before it answers. It keeps nothing itself, so it needs credentials
from the configuration. Start as many as you need behind a load balancer.`,
		Example: `  DRAINLINE_BUS__URL=nats://127.0.0.1:4222 DRAINLINE_DRAIN_SECRET=… drainline ingest`,
	}, start)
}

func start(ctx context.Context, p *app.Process) ([]app.Service, error) {
	if len(p.Config.Ingest.Logplex.Credentials) == 0 {
		return nil, &app.UsageError{Err: errNoCredential}
	}
	conn, err := p.Connect(ctx, "ingest", nil)
	if err != nil {
		return nil, err
	}
	i, err := New(ctx, Options{Config: p.Config, Bus: conn, Metrics: p.Metrics, Log: p.Log})
	if err != nil {
		return nil, err
	}
	p.Say("drain URL", i.DrainURL(p.Terminal))
	return []app.Service{i}, p.SayStreams(ctx, conn)
}

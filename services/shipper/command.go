package shipper

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// Command runs the shipper alone, on a NATS server of its own.
func Command() *cobra.Command {
	return app.Command(&cobra.Command{
		Use:   "shipper",
		Short: "Run the shipper alone: events in, Splunk HEC requests out",
		Long: `Run the shipper alone: it takes events from NATS JetStream and delivers them to
Splunk's HTTP Event Collector. A message is acknowledged only after Splunk's 200.
Start as many as you need.`,
		Example: `  DRAINLINE_BUS__URL=nats://127.0.0.1:4222 SPLUNK_HEC_URL=https://splunk.example.com:8088 \
    SPLUNK_HEC_TOKEN=… drainline shipper`,
	}, start, app.WithBus("destinations")...)
}

func start(ctx context.Context, p *app.Process) ([]app.Service, error) {
	if err := p.Config.RequireDestination(); err != nil {
		return nil, &app.UsageError{Err: err}
	}
	conn, err := p.Connect(ctx, "shipper", nil)
	if err != nil {
		return nil, err
	}
	s, err := New(Options{Config: p.Config, Bus: conn, Metrics: p.Metrics, Log: p.Log, Tracer: p.Tracer, Version: app.Build()})
	if err != nil {
		return nil, err
	}
	p.Check("destinations", false, s.Healthy)
	p.ShowBooks(s.Ledger())
	p.Tell(FactDestinations, func() any { return s.Destinations() })
	p.SayDestinations()
	return []app.Service{s}, p.SayStreams(ctx, conn)
}

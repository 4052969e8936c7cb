package transform

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// Command runs transform alone, on a NATS server of its own.
func Command() *cobra.Command {
	return app.Command(&cobra.Command{
		Use:   "transform",
		Short: "Run transform alone: raw blocks in, events for each destination out",
		Long: `Run transform alone: it takes raw blocks from NATS JetStream, turns Heroku's lines
into events and publishes one batch a destination. Start as many as you need.`,
		Example: `  DRAINLINE_BUS__URL=nats://127.0.0.1:4222 drainline transform --config drainline.yaml`,
	}, start, app.WithBus("redaction")...)
}

func start(ctx context.Context, p *app.Process) ([]app.Service, error) {
	if err := Check(p.Config); err != nil {
		return nil, &app.UsageError{Err: err}
	}
	conn, err := p.Connect(ctx, "transform", nil)
	if err != nil {
		return nil, err
	}
	t, err := New(Options{Config: p.Config, Bus: conn, Metrics: p.Metrics, Log: p.Log})
	if err != nil {
		return nil, err
	}
	p.ShowBooks(t.Ledger())
	p.Tell(FactLost, func() any { return t.Lost() })
	if err := p.SayStreams(ctx, conn); err != nil {
		return nil, err
	}
	return []app.Service{t}, nil
}

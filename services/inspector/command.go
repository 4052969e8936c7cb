package inspector

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// Command runs the inspector alone.
func Command() *cobra.Command {
	return app.Command(&cobra.Command{
		Use:   "inspector",
		Short: "Run the inspector: an HEC endpoint with a page, to see what would reach Splunk",
		Long: `Run the inspector: it takes events as Splunk's HTTP Event Collector does, with any
token, keeps the latest in memory and shows them on a page. Point a destination at it.`,
		Example: `  drainline inspector
  SPLUNK_HEC_URL=http://127.0.0.1:8089 SPLUNK_HEC_TOKEN=any drainline run --set admin.listen=127.0.0.1:9601`,
	}, start, "inspector")
}

func start(_ context.Context, p *app.Process) ([]app.Service, error) {
	i, err := New(Options{Listen: p.Config.Inspector.Listen, MaxEvents: p.Config.Inspector.MaxEvents, Log: p.Log})
	if err != nil {
		return nil, err
	}
	p.Say("inspector", i.URL())
	return []app.Service{i}, nil
}

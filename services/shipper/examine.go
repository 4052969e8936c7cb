package shipper

import (
	"context"
	"log/slog"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// Examination is what was found out about one URL of a destination.
type Examination = endpoint.Examination

// Examine looks at every URL of a destination as a shipper would use it, with its proxy,
// certificates and token. It sends an event to each only if send says so. Version is
// Drainline's. It fails when a TLS file of the destination cannot be read; a destination
// that discards everything has no URLs to examine.
func Examine(ctx context.Context, d config.Destination, version string, send bool) ([]Examination, error) {
	if d.Type == config.TypeDiscard {
		return nil, nil
	}
	client, err := endpoint.New(&d, endpoint.Options{
		Channel: endpoint.NewChannel(), Version: version, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Examine(ctx, send), nil
}

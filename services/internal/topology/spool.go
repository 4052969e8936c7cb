package topology

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Spool plans for the small JetStream beside ingest, which takes the blocks that
// the bus cannot: one stream for all shards, of capacity bytes at most.
func Spool(c *config.Config, capacity int64) Plan {
	names := wire.Names{Prefix: c.Bus.Prefix}
	s := stream(wire.SpoolStream, names.RawSubjects(), 1, max(capacity, wire.ServerPayload))
	s.Duplicates = wire.RawDedupWindow
	return Plan{Streams: []Stream{{Config: s, Consumer: consumer(wire.ForwardConsumer)}}}
}

// ApplySpool applies the plan of a spool that nobody else has open. What the last
// process held when it ended is free at once: its consumer is made anew.
func (p Plan) ApplySpool(ctx context.Context, c *bus.Conn) error {
	err := c.JetStream().DeleteConsumer(ctx, wire.SpoolStream, wire.ForwardConsumer)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("stream %s: consumer %s: %w", wire.SpoolStream, wire.ForwardConsumer, err)
	}
	return p.Apply(ctx, c)
}

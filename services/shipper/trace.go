package shipper

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/tracing"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// process begins the span of a request on its way to Splunk, as part of the traces of the
// messages that its events come from. All tries of it are within, and those of its parts.
func (s *shipment) process(ctx context.Context) (context.Context, trace.Span) {
	var carries tracing.Contexts
	s.contents.Tickets(s.contents.All(), func(t *batch.Ticket) { carries = carries.With(t.Delivery.Context) })
	if len(carries) == 0 {
		return ctx, tracing.None()
	}
	return s.destination.bus.Process(ctx, bus.Work{
		Trace: bus.Trace{
			Stream: s.destination.bus.Names().EventsStream(s.destination.name), Carries: carries, Messages: s.contents.Len(),
		},
		Durable: wire.ShipperConsumer, Attempts: s.attempts(),
	})
}

// isTraced reports whether a request is part of a trace that somebody keeps.
func isTraced(o *wire.Origin) bool { return tracing.Sampled(o.Traceparent, o.Tracestate).IsValid() }

package transform

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/tracing"
)

// process begins the span of a block, as part of the traces of its message and of its
// requests.
func process(ctx context.Context, d *bus.Delivery, requests []*drainlinev1.Request) (context.Context, trace.Span) {
	carries := tracing.Contexts(nil).With(d.Context)
	for _, r := range requests {
		carries = carries.With(contextOf(r))
	}
	return d.Process(ctx, carries, len(requests))
}

// contextOf is the trace context of a request, zero unless it is sampled.
func contextOf(r *drainlinev1.Request) trace.SpanContext {
	return tracing.Sampled(r.GetTrace().GetTraceparent(), r.GetTrace().GetTracestate())
}

// carried are the sampled contexts of a batch's requests: those whose origins it has.
func (s *sealer) carried(origins []wire.Origin) tracing.Contexts {
	var c tracing.Contexts
	for i := range origins {
		if origins[i].Traceparent != "" {
			c = c.With(s.sources[i].trace)
		}
	}
	return c
}

// firstTraced is the first of requests whose trace somebody keeps, or else the first.
func firstTraced(requests []*drainlinev1.Request) *drainlinev1.Request {
	i := slices.IndexFunc(requests, func(r *drainlinev1.Request) bool { return contextOf(r).IsValid() })
	return requests[max(i, 0)]
}

// appendTrace appends the field that leads from an event to its trace, if it has one, unless
// there is a field of that name.
func (t *transformer) appendTrace(dst []wire.Field, sc trace.SpanContext) []wire.Field {
	name := t.settings.traceField
	if name == "" || !sc.IsValid() || hasField(dst, name) {
		return dst
	}
	return append(dst, wire.Field{Name: name, JSON: []byte(`"` + sc.TraceID().String() + `"`)})
}

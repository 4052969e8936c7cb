package tracing_test

import (
	"context"
	"fmt"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/services/internal/tracing"
)

// What traces cost a block of 100 requests at each of the four spans on its way: to gather
// the contexts, and to make the span.
func BenchmarkBlock(b *testing.B) {
	for _, percent := range []int{0, 1, 100} {
		b.Run(fmt.Sprint(percent, " percent"), func(b *testing.B) {
			provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()))
			defer func() { _ = provider.Shutdown(context.Background()) }()
			tracer := provider.Tracer(tracing.Scope)
			var parents [100]string
			for n := range percent {
				sc := tracing.Sampled(one, "").WithSpanID(trace.SpanID{1, byte(n)})
				parents[n], _ = tracing.Format(sc)
			}
			b.ReportAllocs()
			for b.Loop() {
				var carries tracing.Contexts
				for _, parent := range parents {
					carries = carries.With(tracing.Sampled(parent, ""))
				}
				_, span := tracing.Start(b.Context(), tracer, "send stream", trace.SpanKindProducer, carries)
				tracing.End(span, nil)
			}
		})
	}
}

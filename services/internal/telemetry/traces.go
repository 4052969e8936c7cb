package telemetry

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/tracing"
)

// Traces makes a process's spans and sends them to where telemetry.traces.otlp, or
// OTEL_TRACES_EXPORTER and its like, say. Nothing waits for that: 2,048 spans do at most,
// and what a collector does not take is lost.
type Traces struct {
	// Tracer makes the spans; it is nil where none are wanted.
	Tracer trace.Tracer

	provider *sdktrace.TracerProvider // nil with Tracer
}

// NewTraces prepares the traces of a process that is what res says. Close it.
func NewTraces(ctx context.Context, c config.Traces, res *resource.Resource) (*Traces, error) {
	exporter, err := newSpanExporter(ctx, c.OTLP)
	if err != nil {
		return nil, fmt.Errorf("telemetry.traces: %w", err)
	}
	if exporter == nil {
		return &Traces{}, nil
	}
	o := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithBatcher(exporter)}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" { // which the SDK reads
		const percent = 100
		o = append(o, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Sample/percent))))
	}
	provider := sdktrace.NewTracerProvider(o...)
	return &Traces{Tracer: provider.Tracer(tracing.Scope), provider: provider}, nil
}

// Close sends what is left, for five seconds at most.
func (t *Traces) Close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushPatience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("the last spans are not sent to their collector: %w", err)
	}
	return nil
}

// newSpanExporter returns nil where nobody has asked for one.
func newSpanExporter(ctx context.Context, otlp string) (sdktrace.SpanExporter, error) {
	if otlp == "" {
		if !asked("TRACES") {
			return nil, nil //nolint:nilnil // nobody wants one
		}
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("what OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_* say: %w", err)
		}
		if autoexport.IsNoneSpanExporter(exporter) {
			return nil, nil //nolint:nilnil // nobody wants one
		}
		return exporter, nil
	}
	to, err := newReceiver(otlp, "traces")
	if err != nil {
		return nil, err
	}
	if to.grpc {
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(to.url)) //nolint:wrapcheck // says what it is
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.url)) //nolint:wrapcheck // says what it is
}

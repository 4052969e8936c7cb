package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/drainline/drainline/config"
)

// NewMetrics makes the metrics of a process that is what res says. Prometheus can always
// ask for them. Where telemetry.metrics.otlp, or OTEL_METRICS_EXPORTER and its like, say so,
// they are also sent from time to time; what a collector does not take then is in what is
// sent the next time. Close it.
func NewMetrics(ctx context.Context, c config.Metrics, res *resource.Resource) (*Metrics, error) {
	reader, err := newReader(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("telemetry.metrics: %w", err)
	}
	o := []sdkmetric.Option{sdkmetric.WithResource(res)}
	if reader != nil {
		o = append(o, sdkmetric.WithReader(reader))
	}
	return newMetrics(o...)
}

// newReader returns nil where nobody has asked for one.
func newReader(ctx context.Context, c config.Metrics) (sdkmetric.Reader, error) {
	if c.OTLP != "" {
		exporter, err := newMetricExporter(ctx, c.OTLP)
		if err != nil {
			return nil, err
		}
		return sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(c.Interval)), nil
	}
	if !asked("METRICS") {
		return nil, nil //nolint:nilnil // nobody wants one
	}
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, fmt.Errorf("what OTEL_METRICS_EXPORTER and OTEL_EXPORTER_OTLP_* say: %w", err)
	}
	if autoexport.IsNoneMetricReader(reader) {
		return nil, nil //nolint:nilnil // nobody wants one
	}
	return reader, nil
}

func newMetricExporter(ctx context.Context, otlp string) (sdkmetric.Exporter, error) {
	to, err := newReceiver(otlp, "metrics")
	if err != nil {
		return nil, err
	}
	if to.grpc {
		return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(to.url)) //nolint:wrapcheck // says what it is
	}
	return otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(to.url)) //nolint:wrapcheck // says what it is
}

package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// NewResource is what traces, metrics and logs that are sent by OTLP say of the process
// they come from. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before it.
func NewResource(ctx context.Context, service, version, instance string) (*resource.Resource, error) {
	r, err := resource.New(
		ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(service), semconv.ServiceVersion(version), semconv.ServiceInstanceID(instance)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: want name=value,name=value: %w", err)
	}
	return r, nil
}

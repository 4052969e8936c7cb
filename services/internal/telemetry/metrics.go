// Package telemetry is what Drainline tells of itself: metrics now, traces and
// the ledger when they come.
package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Metrics makes a process's instruments and serves them to Prometheus. Names
// follow OpenTelemetry, with the prefix drainline_; counters get _total from the
// exporter. Labels are fixed when an instrument is made, which bounds them.
type Metrics struct {
	provider *sdkmetric.MeterProvider
	meter    metric.Meter
	handler  http.Handler
}

// New makes an empty set of metrics.
func New() (*Metrics, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	return &Metrics{
		provider: provider,
		meter:    provider.Meter("github.com/drainline/drainline/services"),
		handler:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}, nil
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler { return m.handler }

// Close ends the export.
func (m *Metrics) Close(ctx context.Context) error {
	if err := m.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Counter only grows. Adding is one atomic operation: it is read when metrics
// are collected.
type Counter struct{ n atomic.Int64 }

// Add adds n, which is not negative.
func (c *Counter) Add(n int) { c.n.Add(int64(n)) }

// Load returns the count so far.
func (c *Counter) Load() int64 { return c.n.Load() }

// Counter makes a counter. The name has the prefix and no suffix
// ("drainline_ingest_requests"); help is one sentence. It panics on a name that
// OpenTelemetry refuses, which is a mistake in the program.
func (m *Metrics) Counter(name, unit, help string, labels ...attribute.KeyValue) *Counter {
	c := &Counter{}
	counter, err := m.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	if err != nil {
		panic(err)
	}
	m.observe(counter, c.Load, labels)
	return c
}

// Gauge makes a gauge that is read when metrics are collected. It panics as
// Counter does.
func (m *Metrics) Gauge(name, unit, help string, read func() int64, labels ...attribute.KeyValue) {
	gauge, err := m.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
	if err != nil {
		panic(err)
	}
	m.observe(gauge, read, labels)
}

// observe registers a callback of its own: one given with an instrument is
// ignored when the instrument exists already, under other labels.
func (m *Metrics) observe(instrument metric.Int64Observable, read func() int64, labels []attribute.KeyValue) {
	set := metric.WithAttributeSet(attribute.NewSet(labels...))
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(instrument, read(), set)
		return nil
	}, instrument)
	if err != nil {
		panic(err)
	}
}

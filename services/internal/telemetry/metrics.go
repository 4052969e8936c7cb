// Package telemetry is what Drainline tells of itself: metrics, traces and
// its own log.
package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Metrics makes a process's instruments and serves them to Prometheus. Every metric is
// a row of Table, and made by its name with a value for each of its labels. A name
// that is not there, or used as its row does not say, is a mistake in the program:
// it panics when the instrument is made.
type Metrics struct {
	provider *sdkmetric.MeterProvider
	meter    metric.Meter
	handler  http.Handler
	table    map[string]*Metric

	mu         sync.Mutex
	counters   map[string]*Counter
	histograms map[string]metric.Float64Histogram
}

// New makes metrics that only Prometheus can ask for.
func New() (*Metrics, error) { return newMetrics() }

func newMetrics(o ...sdkmetric.Option) (*Metrics, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	// Labels are bounded here, where what is past the bound is still counted under the
	// other labels it has.
	provider := sdkmetric.NewMeterProvider(append(o, sdkmetric.WithReader(exporter), sdkmetric.WithCardinalityLimit(0))...)
	return &Metrics{
		provider: provider,
		meter:    provider.Meter("github.com/drainline/drainline/services"),
		handler:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		table:    rows(), counters: map[string]*Counter{}, histograms: map[string]metric.Float64Histogram{},
	}, nil
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler { return m.handler }

// Close ends the export, and sends a last time what is sent, for five seconds at most.
func (m *Metrics) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	if err := m.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("the last metrics are not sent to their collector: %w", err)
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

// Counter makes a counter whose label values come from the program or the configuration.
// The same values give the same counter.
func (m *Metrics) Counter(name string, values ...string) *Counter {
	return m.counter(m.row(name, KindCounter, false, values), values)
}

func (m *Metrics) counter(row *Metric, values []string) *Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := row.Name + string(appendKey(nil, values))
	if c, ok := m.counters[key]; ok {
		return c
	}
	c := &Counter{}
	counter, err := m.meter.Int64ObservableCounter(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Help))
	must(err)
	set := metric.WithAttributeSet(row.set(values))
	// A callback that is given with an instrument is ignored when the instrument exists
	// already, under other labels.
	m.call(counter, func(o metric.Observer) { o.ObserveInt64(counter, c.Load(), set) })
	m.counters[key] = c
	return c
}

// Gauge makes a gauge that is read when metrics are collected.
func (m *Metrics) Gauge(name string, read func() float64, values ...string) {
	row := m.row(name, KindGauge, false, values)
	gauge := m.gauge(row)
	set := metric.WithAttributeSet(row.set(values))
	m.call(gauge, func(o metric.Observer) { o.ObserveFloat64(gauge, read(), set) })
}

// CounterFunc makes a counter that is read when metrics are collected. It must not fall.
func (m *Metrics) CounterFunc(name string, read func() float64, values ...string) {
	row := m.row(name, KindCounter, false, values)
	counter := m.sum(row)
	set := metric.WithAttributeSet(row.set(values))
	m.call(counter, func(o metric.Observer) { o.ObserveFloat64(counter, read(), set) })
}

func (m *Metrics) sum(row *Metric) metric.Float64ObservableCounter {
	counter, err := m.meter.Float64ObservableCounter(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Help))
	must(err)
	return counter
}

func (m *Metrics) gauge(row *Metric) metric.Float64ObservableGauge {
	gauge, err := m.meter.Float64ObservableGauge(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Help))
	must(err)
	return gauge
}

// Observe makes a gauge or a counter of which f tells all there is each time metrics are
// collected, each with a value for each label. A counter's values must not fall. Past the
// bound of the row, values are added up under Other. While f runs, instruments cannot be
// made: it must not wait for a lock that somebody holds who makes one.
func (m *Metrics) Observe(name string, f func(tell func(value float64, values ...string))) {
	row := m.table[name]
	if row == nil || row.Kind == KindHistogram {
		panic("metric " + name + " is no counter or gauge of the table")
	}
	var instrument metric.Float64Observable
	if row.Kind == KindGauge {
		instrument = m.gauge(row)
	} else {
		instrument = m.sum(row)
	}
	sums := observed{row: row, seen: map[string]*sum{}}
	m.call(instrument, func(o metric.Observer) {
		sums.mu.Lock()
		defer sums.mu.Unlock()
		f(sums.add)
		sums.flush(func(value float64, set metric.MeasurementOption) { o.ObserveFloat64(instrument, value, set) })
	})
}

// call has f called at each collection.
func (m *Metrics) call(instrument metric.Observable, f func(o metric.Observer)) {
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		f(o)
		return nil
	}, instrument)
	must(err)
}

// Histogram tells how often values fell into each of its buckets.
type Histogram struct {
	histogram metric.Float64Histogram
	options   []metric.RecordOption
}

// Record notes one value, in the unit of the metric. Where ctx has a sampled span, the
// value leads to its trace.
func (h *Histogram) Record(ctx context.Context, value float64) {
	h.histogram.Record(ctx, value, h.options...)
}

// Histogram makes a histogram whose label values come from the program or the
// configuration.
func (m *Metrics) Histogram(name string, values ...string) *Histogram {
	return m.histogram(m.row(name, KindHistogram, false, values), values)
}

func (m *Metrics) histogram(row *Metric, values []string) *Histogram {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.histograms[row.Name]
	if !ok {
		var err error
		h, err = m.meter.Float64Histogram(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Help),
			metric.WithExplicitBucketBoundaries(row.Buckets...))
		must(err)
		m.histograms[row.Name] = h
	}
	return &Histogram{histogram: h, options: []metric.RecordOption{metric.WithAttributeSet(row.set(values))}}
}

// row is the row of the table by which an instrument is made.
func (m *Metrics) row(name string, kind Kind, bounded bool, values []string) *Metric {
	row := m.table[name]
	switch {
	case row == nil:
		panic("metric " + name + " is not in the table")
	case row.Kind != kind:
		panic(fmt.Sprintf("metric %s is a %s, no %s", name, row.Kind, kind))
	case bounded != (row.Most > 0):
		panic(fmt.Sprintf("metric %s: values from outside are bounded (%d)", name, row.Most))
	case !bounded && len(values) != len(row.Labels):
		panic(fmt.Sprintf("metric %s wants a value for each of %q", name, row.Labels))
	}
	return row
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// set is the labels with their values.
func (m *Metric) set(values []string) attribute.Set {
	pairs := make([]attribute.KeyValue, len(m.Labels))
	for i, label := range m.Labels {
		pairs[i] = attribute.String(label, valid(values[i]))
	}
	return attribute.NewSet(pairs...)
}

package clients

import (
	"bytes"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
)

// Metrics are sent where the configuration or OpenTelemetry's own variables say, by both
// protocols, beside what Prometheus asks for: from time to time, and at the end.
func TestMetricsByOTLP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		grpc        bool
		environment string
		settings    func(url string) []string
	}{
		{"configured, over HTTP", false, "", func(url string) []string {
			return []string{"telemetry.metrics.otlp=" + url, "telemetry.metrics.interval=1s"}
		}},
		{"configured, over gRPC", true, "", func(url string) []string {
			return []string{"telemetry.metrics.otlp=" + url, "telemetry.metrics.interval=1s"}
		}},
		{"by OpenTelemetry's variables", false, "test", func(url string) []string {
			return []string{
				"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=" + url + "/v1/metrics", "OTEL_METRIC_EXPORT_INTERVAL=1000",
				"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim, destination := simulate(t)
			sink := &consumertest.MetricsSink{}
			url := collectBy(t, c.grpc, func(f receiver.Factory, s receiver.Settings, config component.Config) (component.Component, error) {
				return f.CreateMetrics(t.Context(), s, config, sink)
			})
			d := launch(t, destination, c.settings(url)...)
			post(t, d.hec+"/services/collector/event", bytes.NewBufferString(`{"event":"one"}{"event":"two"}`), "Authorization", "Splunk "+token)
			eventually(t, "it is delivered", func() bool { return sim.Count() == 2 })
			eventually(t, "metrics are sent while it runs", func() bool { return len(sink.AllMetrics()) > 0 })
			d.stop()
			all := sink.AllMetrics()
			last := all[len(all)-1].ResourceMetrics().At(0)
			if name, _ := last.Resource().Attributes().Get("service.name"); name.Str() != "drainline" {
				t.Errorf("service.name is %q", name.Str())
			}
			environment := "" // the attribute may be missing
			if value, ok := last.Resource().Attributes().Get("deployment.environment.name"); ok {
				environment = value.Str()
			}
			if environment != c.environment {
				t.Errorf("the environment is %q instead of %q", environment, c.environment)
			}
			got := map[string]pmetric.Metric{}
			for _, m := range last.ScopeMetrics().At(0).Metrics().All() {
				got[m.Name()] = m
			}
			if m := got["drainline_hec_events"]; m.Type() != pmetric.MetricTypeSum || !m.Sum().IsMonotonic() || m.Sum().DataPoints().At(0).IntValue() != 2 {
				t.Errorf("drainline_hec_events: %v", got["drainline_hec_events"])
			}
			if m := got["drainline_shipper_latency"]; m.Type() != pmetric.MetricTypeHistogram || m.Unit() != "s" || m.Histogram().DataPoints().At(0).Count() == 0 {
				t.Error("drainline_shipper_latency is no histogram of seconds with a value")
			}
			if m := got["drainline_build_info"]; m.Type() != pmetric.MetricTypeGauge || m.Gauge().DataPoints().At(0).DoubleValue() != 1 {
				t.Error("drainline_build_info is no gauge of 1")
			}
		})
	}
}

package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// Where spans go, by configuration and OpenTelemetry's variables.
func TestTraces(t *testing.T) {
	for _, c := range []struct {
		name   string
		otlp   string            // path of telemetry.traces.otlp; "-" is none
		env    map[string]string // %s is the collector
		sample float64
		want   string // path that a span is posted to; empty for none
		fails  string
	}{
		{name: "nothing is said", otlp: "-", sample: 100},
		{name: "configured", sample: 100, want: "/v1/traces"},
		{name: "configured with a path", otlp: "/otlp", sample: 100, want: "/otlp/v1/traces"},
		{name: "configured, and not sampled", sample: 0},
		{name: "OTEL_TRACES_SAMPLER comes first", sample: 0, env: map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, want: "/v1/traces"},
		{name: "an endpoint", otlp: "-", sample: 100, env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "%s"}, want: "/v1/traces"},
		{name: "an endpoint of traces", otlp: "-", sample: 100, env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "%s/here"}, want: "/here"},
		{
			name: "an endpoint, and no traces", otlp: "-", sample: 100,
			env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "%s", "OTEL_TRACES_EXPORTER": "none"},
		},
		{name: "what nobody knows", otlp: "-", env: map[string]string{"OTEL_TRACES_EXPORTER": "pigeon"}, fails: "OTEL_TRACES_EXPORTER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			posted := make(chan string, 10)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				posted <- r.URL.Path
			}))
			defer server.Close()
			for name, value := range c.env {
				t.Setenv(name, strings.ReplaceAll(value, "%s", server.URL))
			}
			settings := config.Traces{Sample: c.sample}
			if c.otlp != "-" {
				settings.OTLP = server.URL + c.otlp
			}
			traces, err := telemetry.NewTraces(t.Context(), settings, resource.Empty())
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("it fails with %v, want a word on %s", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if traces.Tracer != nil {
				_, span := traces.Tracer.Start(t.Context(), "span")
				span.End()
			}
			if err := traces.Close(); err != nil {
				t.Fatal(err)
			}
			close(posted) // everything is sent
			if got := <-posted; got != c.want {
				t.Errorf("a span is posted to %q, want %q", got, c.want)
			}
		})
	}
}

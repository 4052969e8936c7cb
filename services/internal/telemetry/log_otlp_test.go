package telemetry_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// sent is what came to a collector: service, severity, text and trace of each record.
type sent struct {
	mu      sync.Mutex
	records [][4]string
}

func (s *sent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		inflated, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = inflated
	}
	content, err := io.ReadAll(body)
	var request collector.ExportLogsServiceRequest
	if err != nil || r.URL.Path != "/v1/logs" || proto.Unmarshal(content, &request) != nil {
		http.Error(w, "no records", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range request.GetResourceLogs() {
		service := ""
		for _, a := range of.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range of.GetScopeLogs() {
			for _, l := range scope.GetLogRecords() {
				trace := ""
				if len(l.GetTraceId()) == 16 {
					trace = string("0123456789abcdef"[l.GetTraceId()[15]>>4]) + string("0123456789abcdef"[l.GetTraceId()[15]&15])
				}
				s.records = append(s.records, [4]string{service, l.GetSeverityText(), l.GetBody().GetStringValue(), trace})
			}
		}
	}
}

// What is written is sent, at its level and with its trace, also what the end still has.
func TestLogIsSent(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		otlp bool // by configuration
		want [][4]string
	}{
		{"nobody asks", nil, false, nil},
		{"by configuration", nil, true, [][4]string{{"drainline-test", "INFO", "it runs", ""}, {"drainline-test", "WARN", "full", ""}, {"drainline-test", "WARN", "full", "ab"}}},
		{"by environment", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, false, [][4]string{{"drainline-test", "INFO", "it runs", ""}, {"drainline-test", "WARN", "full", ""}, {"drainline-test", "WARN", "full", "ab"}}},
		{"the environment's name comes first", map[string]string{"OTEL_SERVICE_NAME": "mine"}, true, [][4]string{{"mine", "INFO", "it runs", ""}, {"mine", "WARN", "full", ""}, {"mine", "WARN", "full", "ab"}}},
		{"none", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_LOGS_EXPORTER": "none"}, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got sent
			server := httptest.NewServer(&got)
			defer server.Close()
			o := config.Logs{Level: "info"}
			if c.otlp {
				o.OTLP = server.URL
			}
			for name, value := range c.env {
				if value == "" {
					value = server.URL
				}
				t.Setenv(name, value)
			}
			res, err := telemetry.NewResource(t.Context(), "drainline-test", "v1", "i")
			if err != nil {
				t.Fatal(err)
			}
			l, err := telemetry.NewLog(t.Context(), io.Discard, o, res)
			if err != nil {
				t.Fatal(err)
			}
			l.Debug("too much")
			l.Info("it runs")
			l.Warn("full")
			l.WarnContext(inTrace(), "full")
			closeLog(t, l)
			if diff := cmp.Diff(c.want, got.records); diff != "" {
				t.Errorf("(- wanted, + got):\n%s", diff)
			}
		})
	}
}

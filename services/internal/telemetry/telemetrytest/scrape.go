// Package telemetrytest reads metrics as Prometheus does, for tests.
package telemetrytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/telemetry"
)

// Scrape is what Prometheus reads, a line each.
func Scrape(t *testing.T, m *telemetry.Metrics) []string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(answer.Result().Body)
	if err != nil || answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v: %s", answer.Code, err, body)
	}
	return strings.Split(strings.TrimSpace(string(body)), "\n")
}

// Hold fails unless each of the lines is there once.
func Hold(t *testing.T, lines []string, want ...string) {
	t.Helper()
	for _, w := range want {
		found := 0
		for _, l := range lines {
			if l == w {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d times %s in\n%s", found, w, strings.Join(lines, "\n"))
		}
	}
}

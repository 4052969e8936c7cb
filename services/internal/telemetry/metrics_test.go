package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/goleak"

	"github.com/drainline/drainline/services/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *telemetry.Metrics {
	t.Helper()
	m, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// scrape is what Prometheus reads, a line each.
func scrape(t *testing.T, m *telemetry.Metrics) []string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(answer.Result().Body)
	if err != nil || answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v: %s", answer.Code, err, body)
	}
	return strings.Split(strings.TrimSpace(string(body)), "\n")
}

func hold(t *testing.T, lines []string, want ...string) {
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

func TestInstrumentsAsPrometheusSeesThem(t *testing.T) {
	t.Parallel()
	m := start(t)
	requests := m.Counter("drainline_ingest_requests", "{request}", "Requests answered.", attribute.String("code", "204"))
	refused := m.Counter("drainline_ingest_requests", "{request}", "Requests answered.", attribute.String("code", "503"))
	bytes := m.Counter("drainline_ingest_body", "By", "What bodies held.")
	m.Counter("drainline_ingest_idle", "{event}", "Never counted.")
	requests.Add(1)
	requests.Add(2)
	refused.Add(1)
	bytes.Add(1 << 40)
	want := []string{
		"# HELP drainline_ingest_requests_total Requests answered.",
		"# TYPE drainline_ingest_requests_total counter",
		`drainline_ingest_requests_total{code="204"} 3`,
		`drainline_ingest_requests_total{code="503"} 1`,
		"# TYPE drainline_ingest_body_bytes_total counter",
		"drainline_ingest_body_bytes_total 1.099511627776e+12",
		"drainline_ingest_idle_total 0",
	}
	hold(t, scrape(t, m), want...)
	hold(t, scrape(t, m), want...) // reading changes nothing
	if requests.Load() != 3 {
		t.Errorf("counted %d", requests.Load())
	}
	requests.Add(1)
	hold(t, scrape(t, m), `drainline_ingest_requests_total{code="204"} 4`)
}

// Two processes in one, as tests have them, do not see each other's instruments.
func TestMetricsAreTheirOwn(t *testing.T) {
	t.Parallel()
	one, other := start(t), start(t)
	one.Counter("drainline_one", "{event}", "One.").Add(1)
	other.Counter("drainline_one", "{event}", "One.").Add(5)
	hold(t, scrape(t, one), "drainline_one_total 1")
	hold(t, scrape(t, other), "drainline_one_total 5")
}

func TestCountingBesideScraping(t *testing.T) {
	t.Parallel()
	m := start(t)
	c := m.Counter("drainline_busy", "{event}", "Busy.")
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 1000 {
				c.Add(1)
			}
		})
	}
	for range 20 {
		scrape(t, m)
	}
	running.Wait()
	hold(t, scrape(t, m), "drainline_busy_total 4000")
}

func TestABadNameIsAMistakeInTheProgram(t *testing.T) {
	t.Parallel()
	m := start(t)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	m.Counter("", "{event}", "")
}

package telemetry_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
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

func TestInstrumentsAsPrometheusSeesThem(t *testing.T) {
	t.Parallel()
	m := start(t)
	refused := m.Counter("drainline_ingest_refused", "credential")
	tooLarge := m.Counter("drainline_ingest_refused", "size")
	bytes := m.Counter("drainline_ingest_body")
	m.Counter("drainline_ingest_frames")
	m.Gauge("drainline_ingest_spool", func() float64 { return 1.5 })
	refused.Add(1)
	refused.Add(2)
	tooLarge.Add(1)
	bytes.Add(1 << 40)
	want := []string{
		"# HELP drainline_ingest_refused_total Requests that were refused for good, by reason.",
		"# TYPE drainline_ingest_refused_total counter",
		`drainline_ingest_refused_total{reason="credential"} 3`,
		`drainline_ingest_refused_total{reason="size"} 1`,
		"# TYPE drainline_ingest_body_bytes_total counter",
		"drainline_ingest_body_bytes_total 1.099511627776e+12",
		"drainline_ingest_frames_total 0",
		"# TYPE drainline_ingest_spool_bytes gauge",
		"drainline_ingest_spool_bytes 1.5",
	}
	telemetrytest.Hold(t, telemetrytest.Scrape(t, m), want...)
	telemetrytest.Hold(t, telemetrytest.Scrape(t, m), want...) // reading changes nothing
	if refused.Load() != 3 {
		t.Errorf("counted %d", refused.Load())
	}
	m.Counter("drainline_ingest_refused", "credential").Add(1) // the same one
	telemetrytest.Hold(t, telemetrytest.Scrape(t, m), `drainline_ingest_refused_total{reason="credential"} 4`)
}

// Two processes in one, as tests have them, do not see each other's instruments.
func TestMetricsAreTheirOwn(t *testing.T) {
	t.Parallel()
	one, other := start(t), start(t)
	one.Counter("drainline_ingest_frames").Add(1)
	other.Counter("drainline_ingest_frames").Add(5)
	telemetrytest.Hold(t, telemetrytest.Scrape(t, one), "drainline_ingest_frames_total 1")
	telemetrytest.Hold(t, telemetrytest.Scrape(t, other), "drainline_ingest_frames_total 5")
}

func TestCountingBesideScraping(t *testing.T) {
	t.Parallel()
	m := start(t)
	c := m.Counter("drainline_ingest_frames")
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 1000 {
				c.Add(1)
			}
		})
	}
	for range 20 {
		telemetrytest.Scrape(t, m)
	}
	running.Wait()
	telemetrytest.Hold(t, telemetrytest.Scrape(t, m), "drainline_ingest_frames_total 4000")
}

// What differs from the table is a mistake in the program, found when the instrument is
// made.
func TestOnlyWhatIsInTheTableIsMade(t *testing.T) {
	t.Parallel()
	for name, misuse := range map[string]func(m *telemetry.Metrics){
		"no such name":             func(m *telemetry.Metrics) { m.Counter("drainline_ingest_refusals", "size") },
		"a counter as gauge":       func(m *telemetry.Metrics) { m.Gauge("drainline_ingest_frames", func() float64 { return 0 }) },
		"a gauge as counter":       func(m *telemetry.Metrics) { m.Counter("drainline_ingest_spool") },
		"a counter as histogram":   func(m *telemetry.Metrics) { m.Histogram("drainline_ingest_frames") },
		"a histogram observed":     func(m *telemetry.Metrics) { m.Observe("drainline_ingest_block", nil) },
		"nothing observed":         func(m *telemetry.Metrics) { m.Observe("drainline_nothing", nil) },
		"a label too few":          func(m *telemetry.Metrics) { m.Counter("drainline_ingest_refused") },
		"a label too many":         func(m *telemetry.Metrics) { m.Counter("drainline_ingest_frames", "size") },
		"unbounded, from outside":  func(m *telemetry.Metrics) { m.Counter("drainline_transform_rule_events", "a", "matched") },
		"bounded, from inside":     func(m *telemetry.Metrics) { m.Counters("drainline_ingest_refused") },
		"a label too few, bounded": func(m *telemetry.Metrics) { m.Counters("drainline_transform_rule_events").With("a") },
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse(m)
		})
	}
}

func TestHistogramAsPrometheusSeesIt(t *testing.T) {
	t.Parallel()
	m := start(t)
	h := m.Histogram("drainline_ingest_block_requests")
	for _, n := range []float64{1, 2, 3, 1e6} {
		h.Record(t.Context(), n)
	}
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, m),
		"# TYPE drainline_ingest_block_requests histogram",
		`drainline_ingest_block_requests_bucket{le="1"} 1`,
		`drainline_ingest_block_requests_bucket{le="2"} 2`,
		`drainline_ingest_block_requests_bucket{le="5"} 3`,
		`drainline_ingest_block_requests_bucket{le="10000"} 3`,
		`drainline_ingest_block_requests_bucket{le="+Inf"} 4`,
		`drainline_ingest_block_requests_sum 1.000006e+06`,
		`drainline_ingest_block_requests_count 4`,
	)
}

// What is observed is what f tells each time: what it does not tell any more is gone.
func TestObserved(t *testing.T) {
	t.Parallel()
	m := start(t)
	told := map[[2]string]float64{{"shop", "L10"}: 2, {"sh\xffop", "L10"}: 3}
	m.Observe("drainline_transform_lost_upstream", func(tell func(value float64, values ...string)) {
		for values, n := range told {
			tell(n, values[:]...)
		}
	})
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, m),
		"# TYPE drainline_transform_lost_upstream_total counter",
		`drainline_transform_lost_upstream_total{code="L10",input="shop"} 2`,
		`drainline_transform_lost_upstream_total{code="L10",input="sh`+"\ufffd"+`op"} 3`,
	)
	delete(told, [2]string{"shop", "L10"})
	if lines := strings.Join(telemetrytest.Scrape(t, m), "\n"); strings.Contains(lines, `"shop"`) {
		t.Errorf("what is not told any more is there:\n%s", lines)
	}
}

// The 1,001st of what comes from outside is counted under other, however it is made.
func TestLabelsFromOutsideAreBounded(t *testing.T) {
	t.Parallel()
	const most, more = 1000, 2500
	input := func(i int) string { return fmt.Sprintf("app%d", i) }
	for name, add := range map[string]func(m *telemetry.Metrics){
		"counters": func(m *telemetry.Metrics) {
			c := m.Counters("drainline_transform_lost_upstream")
			for i := range more {
				c.With(input(i), "L10").Add(1)
			}
		},
		"observed": func(m *telemetry.Metrics) {
			m.Observe("drainline_transform_lost_upstream", func(tell func(value float64, values ...string)) {
				for i := range more {
					tell(1, input(i), "L10")
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t)
			add(m)
			for range 2 {
				series, others := 0, 0
				for _, line := range telemetrytest.Scrape(t, m) {
					switch {
					case strings.HasPrefix(line, `drainline_transform_lost_upstream_total{code="other",input="other"} `):
						others++
						if want := fmt.Sprintf(" %d", more-most); !strings.HasSuffix(line, want) {
							t.Errorf("%s, not%s", line, want)
						}
					case strings.HasPrefix(line, "drainline_transform_lost_upstream_total{"):
						series++
					}
				}
				if series != most || others != 1 {
					t.Errorf("%d series and %d others", series, others)
				}
			}
		})
	}
}

func TestHistogramsFromOutsideAreBounded(t *testing.T) {
	t.Parallel()
	m := start(t)
	h := m.Histograms("drainline_shipper_request_duration")
	for status := range 500 {
		h.With("splunk", strconv.Itoa(status)).Record(t.Context(), 1)
	}
	series := 0
	for _, line := range telemetrytest.Scrape(t, m) {
		if strings.HasPrefix(line, "drainline_shipper_request_duration_seconds_count{") {
			series++
		}
	}
	if series != 201 {
		t.Errorf("%d series", series)
	}
}

func BenchmarkHistogram(b *testing.B) {
	m, err := telemetry.New()
	if err != nil {
		b.Fatal(err)
	}
	h, ctx := m.Histogram("drainline_ingest_block_requests"), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		h.Record(ctx, 3)
	}
}

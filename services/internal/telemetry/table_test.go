package telemetry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
)

// Every row can be made as it stands, and is exported under the name and kind, and with
// the labels, that the page tells.
func TestEveryRowIsExportedAsThePageSays(t *testing.T) {
	m := start(t)
	for _, g := range telemetry.Table() {
		for _, row := range g.Metrics {
			values := slices.Repeat([]string{"x"}, len(row.Labels))
			switch {
			case row.Kind == telemetry.KindGauge:
				m.Observe(row.Name, func(tell func(value float64, values ...string)) { tell(1, values...) })
			case row.Kind == telemetry.KindHistogram && row.Most > 0:
				m.Histograms(row.Name).With(values...).Record(t.Context(), 1)
			case row.Kind == telemetry.KindHistogram:
				m.Histogram(row.Name, values...).Record(t.Context(), 1)
			case row.Most > 0:
				m.Counters(row.Name).With(values...).Add(1)
			default:
				m.Counter(row.Name, values...).Add(1)
			}
		}
	}
	lines := telemetrytest.Scrape(t, m)
	all := strings.Join(lines, "\n") + "\n"
	for _, g := range telemetry.Table() {
		for _, row := range g.Metrics {
			name := row.Prometheus()
			telemetrytest.Hold(t, lines, "# HELP "+name+" "+row.Help, "# TYPE "+name+" "+string(row.Kind))
			series := name
			if row.Kind == telemetry.KindHistogram {
				series += "_count"
			}
			if labels := slices.Sorted(slices.Values(row.Labels)); len(labels) > 0 {
				series += "{" + strings.Join(labels, `="x",`) + `="x"}`
			}
			if !strings.Contains(all, "\n"+series+" 1\n") {
				t.Errorf("no %s", series)
			}
		}
	}
}

// House rules of the table.
func TestTable(t *testing.T) {
	for _, g := range telemetry.Table() {
		for _, row := range g.Metrics {
			name := row.Name
			if !strings.HasPrefix(name, "drainline_") || strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_bytes") || strings.HasSuffix(name, "_seconds") {
				t.Errorf("%s: a name has the prefix drainline_, and neither unit nor _total", name)
			}
			if !strings.HasSuffix(row.Help, ".") || strings.ContainsAny(row.Help, "|\n") {
				t.Errorf("%s: the help is a sentence in a line: %q", name, row.Help)
			}
			if (row.Kind == telemetry.KindHistogram) != (len(row.Buckets) > 0) || !slices.IsSorted(row.Buckets) {
				t.Errorf("%s: a histogram, and nothing else, has ascending buckets: %v", name, row.Buckets)
			}
			if row.Most > 0 && len(row.Labels) == 0 {
				t.Errorf("%s: there is nothing to bound", name)
			}
		}
	}
}

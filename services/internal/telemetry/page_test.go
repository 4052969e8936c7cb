package telemetry_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/services/internal/telemetry"
)

//go:generate go test -run TestPage -update .

// pageHead is what services/METRICS.md begins with.
const pageHead = `# Metrics

Generated from the table in [internal/telemetry/table.go](internal/telemetry/table.go) by ` + "`make generate`" + `; a test holds both together.

Names are as Prometheus has them, at ` + "`/metrics`" + ` of ` + "`admin.listen`" + `. By OTLP (` + "`telemetry.metrics.otlp`" + `) they come without the suffixes of unit and
` + "`_total`" + `. A histogram has ` + "`_bucket`, `_sum` and `_count`" + ` behind its name. Labels whose values come from outside are bounded: what comes past the bound
is counted with ` + "`other`" + ` in place of each value. A counter or gauge without labels is there from the start, all
else as soon as there is something to tell.
`

var update = flag.Bool("update", false, "write METRICS.md anew")

const metricsPage = "../../METRICS.md"

func TestPage(t *testing.T) {
	if *update {
		if err := os.WriteFile(metricsPage, []byte(markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), markdown()); diff != "" {
		t.Errorf("METRICS.md is not what the table says, run go generate ./internal/telemetry:\n%s", diff)
	}
}

// markdown is the table for people, in Markdown.
func markdown() string {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, g := range telemetry.Table() {
		fmt.Fprintf(&b, "\n## %s\n\n| Metric | Kind | Labels | What it tells |\n|---|---|---|---|\n", g.Title)
		for i := range g.Metrics {
			m := &g.Metrics[i]
			labels := make([]string, len(m.Labels))
			for i, l := range m.Labels {
				labels[i] = "`" + l + "`"
			}
			all := strings.Join(labels, ", ")
			if m.Most > 0 {
				all += fmt.Sprintf(" (%d)", m.Most)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Prometheus(), m.Kind, all, m.Help)
		}
	}
	return b.String()
}

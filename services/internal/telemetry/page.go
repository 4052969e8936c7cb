package telemetry

import (
	"fmt"
	"strings"
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

// Page is the table for people, in Markdown.
func Page() string {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, g := range Table() {
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

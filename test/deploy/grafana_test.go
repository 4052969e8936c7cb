// Package deploy tests what deploy/ ships: that it fits the programs.
package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	dashboardFile = "../../deploy/grafana/dashboard.json"
	alertsFile    = "../../deploy/grafana/alerts.yaml"
	runbookFile   = "../../deploy/README.md"
	metricsFile   = "../../services/METRICS.md"
)

// metrics are the labels of every metric, as Prometheus has its name.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `(drainline_[a-z0-9_]+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\|")
	word := regexp.MustCompile("`([a-z_]+)`")
	scraped := []string{"job", "instance"} // Prometheus adds them
	all := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(read(t, metricsFile), -1) {
		of := slices.Clone(scraped)
		for _, l := range word.FindAllStringSubmatch(m[3], -1) {
			of = append(of, l[1])
		}
		if m[2] != "histogram" {
			all[m[1]] = of
			continue
		}
		all[m[1]+"_sum"], all[m[1]+"_count"], all[m[1]+"_bucket"] = of, of, append(slices.Clone(of), labels.BucketLabel)
	}
	if len(all) < 50 {
		t.Fatalf("%d metrics in %s", len(all), metricsFile)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// check says what is wrong with an expression, and returns the labels that its metrics have.
func check(expression string, known map[string][]string) (all []string, err error) {
	parsed, err := parser.ParseExpr(strings.ReplaceAll(expression, "$__rate_interval", "5m"))
	if err != nil {
		return nil, err
	}
	return all, walk(parsed, known, &all)
}

// walk looks at selectors, and at the labels by which what they select is put together.
func walk(node parser.Node, known map[string][]string, all *[]string) error {
	var own []string
	for _, child := range parser.Children(node) {
		if err := walk(child, known, &own); err != nil {
			return err
		}
	}
	var uses []string
	switch n := node.(type) {
	case *parser.VectorSelector:
		has, ok := known[n.Name]
		if !ok {
			return fmt.Errorf("no metric is called %q", n.Name)
		}
		own = has
		for _, m := range n.LabelMatchers {
			if m.Name != model.MetricNameLabel {
				uses = append(uses, m.Name)
			}
		}
	case *parser.AggregateExpr:
		uses = n.Grouping
	case *parser.BinaryExpr:
		if n.VectorMatching != nil {
			uses = slices.Concat(n.VectorMatching.MatchingLabels, n.VectorMatching.Include)
		}
	}
	for _, label := range uses {
		if !slices.Contains(own, label) {
			return fmt.Errorf("%s: there is no label %q", node, label)
		}
	}
	*all = append(*all, own...)
	return nil
}

func TestCheckFindsMistakes(t *testing.T) {
	t.Parallel()
	known := map[string][]string{"drainline_a": {"instance", "stream"}, "drainline_b_bucket": {"instance", "le"}}
	f := func(expression string, good bool) {
		t.Helper()
		if _, err := check(expression, known); (err == nil) != good {
			t.Errorf("%s: %v", expression, err)
		}
	}
	f(`sum by (stream) (rate(drainline_a{stream="x"}[$__rate_interval])) > 0`, true)
	f(`histogram_quantile(0.9, sum by (le) (rate(drainline_b_bucket[5m])))`, true)
	f(`drainline_a / on (stream) drainline_a`, true)
	f(`drainline_c`, false)
	f(`drainline_a{destination="x"}`, false)
	f(`max by (destination) (drainline_a)`, false)
	f(`drainline_a / on (destination) drainline_a`, false)
	f(`sum(`, false)
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	groups, errs := rulefmt.Parse([]byte(read(t, alertsFile)), false, model.UTF8Validation)
	if errs != nil {
		t.Fatal(errs)
	}
	label := regexp.MustCompile(`\$labels\.([a-z_]+)`)
	runbook := read(t, runbookFile)
	names := map[string]bool{}
	for _, g := range groups.Groups {
		for _, rule := range g.Rules {
			names[rule.Alert] = true
			has, err := check(rule.Expr, known)
			if err != nil {
				t.Errorf("%s: %v", rule.Alert, err)
			}
			for key, text := range rule.Annotations {
				for _, m := range label.FindAllStringSubmatch(text, -1) {
					if !slices.Contains(has, m[1]) {
						t.Errorf("%s: its %s names the label %q, which nothing has", rule.Alert, key, m[1])
					}
				}
			}
			if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
				t.Errorf("%s: severity %q", rule.Alert, severity)
			}
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s: it says nothing", rule.Alert)
			}
			if want := "deploy/README.md#" + strings.ToLower(rule.Alert); !strings.HasSuffix(rule.Annotations["runbook_url"], want) {
				t.Errorf("%s: runbook_url does not end in %s", rule.Alert, want)
			}
			if !strings.Contains(runbook, "\n### "+rule.Alert+"\n") {
				t.Errorf("%s: %s has no section on it", rule.Alert, runbookFile)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Drainline\w+)$`).FindAllStringSubmatch(runbook, -1) {
		if !names[m[1]] {
			t.Errorf("%s is about %s, which no rule alerts of", runbookFile, m[1])
		}
	}
}

// panel is what matters of one, or of a row that has some.
type panel struct {
	ID      int    `json:"id"`
	Title   string `json:"title"`
	Type    string `json:"type"`
	GridPos struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	} `json:"gridPos"` //nolint:tagliatelle // Grafana's name
	Datasource *struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	Description string `json:"description"`
	Targets     []struct {
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"` //nolint:tagliatelle // Grafana's name
	} `json:"targets"`
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	var dashboard struct {
		UID        string  `json:"uid"`
		Panels     []panel `json:"panels"`
		Templating struct {
			List []struct {
				Name  string `json:"name"`
				Type  string `json:"type"`
				Query any    `json:"query"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID != "drainline" {
		t.Errorf("uid %q", dashboard.UID)
	}
	if l := dashboard.Templating.List; len(l) == 0 || l[0].Name != "datasource" || l[0].Type != "datasource" {
		t.Errorf("the first variable is no datasource: %+v", l)
	}
	values := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	for _, v := range dashboard.Templating.List {
		if query, ok := v.Query.(string); ok && v.Type == "query" {
			if m := values.FindStringSubmatch(query); m == nil || !slices.Contains(known[m[1]], m[2]) {
				t.Errorf("variable %s: %s: no such metric or label", v.Name, query)
			}
		}
	}
	legend, ids, taken := regexp.MustCompile(`\{\{(\w+)\}\}`), map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("%s: its id %d is another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %s, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource == nil || p.Datasource.UID != "${datasource}" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s: it lacks its datasource, description or targets", p.Title)
		}
		for _, target := range p.Targets {
			has, err := check(target.Expr, known)
			if err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
			for _, m := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(has, m[1]) {
					t.Errorf("%s: the legend names the label %q, which nothing has", p.Title, m[1])
				}
			}
		}
	}
}

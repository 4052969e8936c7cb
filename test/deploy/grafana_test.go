// Package deploy tests what deploy/ ships: that it fits the programs.
package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
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

// day is how many minutes there are samples of before anything happens in TestAlertsFire.
const day = 1500

// then is a series that is one thing for a day, and another for three quarters of an hour.
func then(before, after string) string { return fmt.Sprintf("%sx%d %sx45", before, day-1, after) }

// Alerts fire when what they are about happens, also for the first time, and else not.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	healthy := map[string]string{
		`drainline_shipper_parked{destination="main"}`:                                            then("0", "0"),
		`drainline_shipper_requests_total{destination="main"}`:                                    then("0+10", "15000+10"),
		`drainline_shipper_retries_total{destination="main"}`:                                     then("0", "0"),
		`drainline_shipper_delivered_total{destination="main"}`:                                   then("0+60", "90000+60"),
		`drainline_shipper_dropped_total{destination="main"}`:                                     then("0", "0"),
		`drainline_transform_events_total`:                                                        then("0+60", "90000+60"),
		`drainline_ingest_frames_total`:                                                           then("0+60", "90000+60"),
		`drainline_hec_events_total`:                                                              then("0", "0"),
		`drainline_ingest_refused_total{reason="credential"}`:                                     then("0", "0"),
		`drainline_hec_refused_total{reason="token"}`:                                             then("0", "0"),
		`drainline_ingest_unavailable_total`:                                                      then("0", "0"),
		`drainline_hec_deferred_total{reason="bus"}`:                                              then("0", "0"),
		`drainline_ledger_events_total{input="shop",booking="accepted"}`:                          then("0+60", "90000+60"),
		`drainline_ledger_events_total{input="seldom",booking="accepted"}`:                        then("1", "1"),
		`drainline_dead_letters_total{stage="shipper",reason="old"}`:                              then("7", "7"),
		`drainline_backlog_oldest_age_seconds{stream="drainline_events_main",destination="main"}`: then("1", "1"),
		`drainline_backlog_size_bytes{stream="drainline_events_main",destination="main"}`:         then("1", "1"),
		`drainline_backlog_limit_bytes{stream="drainline_events_main",destination="main"}`:        then("100", "100"),
		`drainline_bus_connected{service="shipper"}`:                                              then("1", "1"),
		`drainline_disk_headroom_bytes`:                                                           then("9e9", "9e9"),
		`drainline_configuration_refused`:                                                         then("0", "0"),
		`drainline_configuration_info{sha="a"}`:                                                   then("1", "1"),
		`drainline_build_info{version="1"}`:                                                       then("1", "1"),
	}
	const shop, poison = `drainline_ledger_events_total{input="shop",booking="accepted"}`, `drainline_dead_letters_total{stage="shipper",reason="hec_6"}`
	for _, c := range []struct {
		name    string
		happens map[string]string // instead of what is healthy; nothing is a series that is not there
		want    []string
	}{
		{"nothing happens", nil, nil},
		{"the first dead letter", map[string]string{poison: then("_", "1")}, []string{"DrainlineDeadLetters"}},
		{"another dead letter", map[string]string{poison: then("3", "4")}, []string{"DrainlineDeadLetters"}},
		{
			"the first message lost upstream",
			map[string]string{`drainline_transform_lost_upstream_total{input="shop",code="L10"}`: then("_", "1")},
			[]string{"DrainlineLostUpstream"},
		},
		{"an old loss", map[string]string{`drainline_transform_lost_upstream_total{input="shop",code="L10"}`: then("5", "5")}, nil},
		{"parked", map[string]string{`drainline_shipper_parked{destination="main"}`: then("0", "1")}, []string{"DrainlineDestinationParked"}},
		{"an app is silent", map[string]string{shop: then("0+60", "90000")}, []string{"DrainlineInputSilent"}},
		{"an app is silent after a restart", map[string]string{shop: then("0+60", "_")}, []string{"DrainlineInputSilent"}},
		{"an app goes on after a restart", map[string]string{shop: then("0+60", "0+60")}, nil},
		{"an app comes late after a restart", map[string]string{shop: fmt.Sprintf("0+60x%d _x10 3x15 4x20", day-1)}, nil},
		{"a new app", map[string]string{`drainline_ledger_events_total{input="new",booking="accepted"}`: then("_", "1")}, nil},
		{
			"nothing comes",
			map[string]string{
				shop: then("0+60", "90000"), `drainline_ingest_frames_total`: then("0+60", "90000"), `drainline_transform_events_total`: then("0+60", "90000"),
			},
			[]string{"DrainlineInputSilent", "DrainlineNothingComes"},
		},
		{
			"nothing is scraped",
			map[string]string{
				shop: then("0+60", "_"), `drainline_ingest_frames_total`: then("0+60", "_"), `drainline_transform_events_total`: then("0+60", "_"),
			},
			[]string{"DrainlineNothingComes"},
		},
		{"nothing is delivered", map[string]string{`drainline_shipper_delivered_total{destination="main"}`: then("0+60", "90000")}, []string{"DrainlineNothingDelivered"}},
		{"all is sent again", map[string]string{`drainline_shipper_retries_total{destination="main"}`: then("0", "0+9")}, []string{"DrainlineDestinationRetrying"}},
		{"the first drop", map[string]string{`drainline_shipper_dropped_total{destination="main"}`: then("0", "1")}, []string{"DrainlineDrops"}},
		{"a refusal", map[string]string{`drainline_ingest_refused_total{reason="credential"}`: then("0", "1")}, nil},
		{"refusals", map[string]string{`drainline_ingest_refused_total{reason="credential"}`: then("0", "0+1")}, []string{"DrainlineIngestRefuses"}},
		{"clients wait", map[string]string{`drainline_hec_deferred_total{reason="bus"}`: then("0", "1")}, []string{"DrainlineIngestUnavailable"}},
		{"the bus is away", map[string]string{`drainline_bus_connected{service="shipper"}`: then("1", "0")}, []string{"DrainlineBusAway"}},
		{
			"events wait",
			map[string]string{`drainline_backlog_oldest_age_seconds{stream="drainline_events_main",destination="main"}`: then("1", "400")},
			[]string{"DrainlineLate"},
		},
		{"letters wait", map[string]string{`drainline_backlog_oldest_age_seconds{stream="drainline_dead"}`: then("1", "400")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := firing(t, healthy, c.happens); !slices.Equal(got, c.want) {
				t.Errorf("%q fire, want %q", got, c.want)
			}
		})
	}
}

// firing are the alerts that fire at any time after the day, in their order, by Prometheus'
// own engine.
func firing(t *testing.T, healthy, happens map[string]string) []string {
	t.Helper()
	all := maps.Clone(healthy)
	maps.Copy(all, happens)
	// The storage takes nothing that is long before what it was given first: what begins
	// late is loaded after the rest.
	from, late := "load 1m\n", "load 1m\n"
	for series, values := range all {
		if line := fmt.Sprintf("  %s %s\n", series, values); strings.HasPrefix(values, "_") {
			late += line
		} else {
			from += line
		}
	}
	storage := promqltest.LoadedStorage(t, from+"\n"+late)
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	groups, errs := rulefmt.Parse([]byte(read(t, alertsFile)), false, model.UTF8Validation)
	if errs != nil {
		t.Fatal(errs)
	}
	var fire []string
	for _, g := range groups.Groups {
		for _, rule := range g.Rules {
			// Prometheus holds an alert back until it is there in every evaluation of so long.
			held := int(time.Duration(rule.For) / time.Minute)
			start := time.Unix(0, 0).Add((day - 60) * time.Minute)
			query, err := engine.NewRangeQuery(t.Context(), storage, nil, rule.Expr, start, start.Add(100*time.Minute), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			matrix, err := query.Exec(t.Context()).Matrix()
			if err != nil {
				t.Fatalf("%s: %v", rule.Alert, err)
			}
			if slices.ContainsFunc(matrix, func(s promql.Series) bool { return lasts(s.Floats, held) }) {
				fire = append(fire, rule.Alert)
			}
			query.Close()
		}
	}
	slices.Sort(fire)
	return fire
}

// lasts reports whether there are points of so many minutes and one, with none missing.
func lasts(points []promql.FPoint, minutes int) bool {
	for i := minutes; i < len(points); i++ {
		if points[i].T-points[i-minutes].T == int64(minutes)*time.Minute.Milliseconds() {
			return true
		}
	}
	return false
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

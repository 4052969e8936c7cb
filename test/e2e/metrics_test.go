package e2e

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// scrape reads one metric, given a pattern of its name and labels, from admin; it
// is 0 before there is any.
func (p *process) scrape(admin, pattern string) float64 {
	p.t.Helper()
	response, err := http.Get(admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	sum := 0.0
	expression := regexp.MustCompile(`^` + pattern + `$`)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		end := strings.LastIndexByte(line, ' ') // a label may have spaces
		if end < 0 || !expression.MatchString(line[:end]) {
			continue
		}
		value := line[end+1:]
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// exported is a metric as the page has it or Prometheus sees it.
type exported struct {
	Kind   string
	Labels string // sorted
}

// metricsPage reads services/METRICS.md.
func metricsPage(t *testing.T) map[string]exported {
	t.Helper()
	page, err := os.ReadFile("../../services/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]exported{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(drainline_\\w+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		var labels []string
		for _, label := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[3], -1) {
			labels = append(labels, label[1])
		}
		slices.Sort(labels)
		rows[row[1]] = exported{row[2], strings.Join(labels, ",")}
	}
	return rows
}

// metrics are all that a process exports now.
func (p *process) metrics() map[string]exported {
	p.t.Helper()
	all := map[string]exported{}
	series := regexp.MustCompile(`^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
	for line := range strings.Lines(p.admin("/metrics", http.StatusOK)) {
		line = strings.TrimSpace(line)
		if name, kind, ok := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " "); strings.HasPrefix(line, "# TYPE ") && ok {
			all[name] = exported{Kind: kind}
			continue
		}
		found := series.FindStringSubmatch(line)
		if strings.HasPrefix(line, "#") || found == nil {
			continue
		}
		var labels []string
		for _, l := range label.FindAllStringSubmatch(found[2], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		name := found[1]
		if _, known := all[name]; !known { // the suffix is a part of it
			name, _, _ = strings.Cut(strings.Fields(line)[0], "{")
		}
		all[name] = exported{all[name].Kind, strings.Join(labels, ",")}
	}
	return all
}

// What an all-in-one exports is what the page says, no less and no more, with its kind and
// labels.
func TestMetricsAreThoseOfThePage(t *testing.T) {
	t.Parallel()
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{splunkToken: {UseACK: true}}, KeepEvents: 100})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	c := service(t, "drainline run", append(append(hecTokens(), to(server.URL)...), "destinations.splunk.ack=on")...)
	file := c.dir + "/rules.yaml"
	replaceFile(t, file, "rules:\n  - {name: noise, when: 'dyno == \"web.1\"', drop: true}\n")
	c.args = append(c.args, "--config", file)
	run := c.start(t).ready()
	lost := "<172>1 2024-05-01T12:00:00+00:00 host heroku logplex - Error L10 (output buffer overflow): 3 messages dropped since 2024-05-01T11:59:00+00:00."
	body := slices.Concat(frame("hello\n"), []byte(strconv.Itoa(len(lost))+" "+lost), []byte("3 xyz"))
	mustPost(t, run.drainURL(secret), body, "Logplex-Frame-Id", "1")
	if status, answer := collect(t, run.hecURL()+"/services/collector/event", hecToken, []byte(`{"event":"hello"}`)); status != http.StatusOK {
		t.Fatalf("answered %d %s", status, answer)
	}
	want := metricsPage(t)
	for _, absent := range []string{
		"drainline_ingest_spooled_total", "drainline_ingest_forwarded_total", "drainline_ingest_spool_bytes", // an all-in-one has no spool
		"drainline_backlog_seconds_to_full", // nothing grows for long enough
	} {
		delete(want, absent)
	}
	var left []string
	missing := func() []string {
		got := run.metrics()
		return slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(name string) bool { return got[name].Kind != "" })
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("missing: %q", left)
		}
	})
	eventually(t, "every metric of the page is exported", func() bool {
		left = missing()
		return len(left) == 0
	})
	got := run.metrics()
	delete(got, "target_info") // OpenTelemetry's own
	delete(got, "drainline_backlog_seconds_to_full")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- the page, + exported):\n%s", diff)
	}
}

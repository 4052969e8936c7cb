package format_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/format"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// framed makes an event of a line that proc of app wrote, with the indexed fields of most.
func framed(tb testing.TB, app, proc, text string) *event.Event {
	tb.Helper()
	frame := fmt.Sprintf("<190>1 2024-05-01T12:00:00.123456+00:00 host %s %s - %s\n", app, proc, text)
	if app == "app" && strings.HasPrefix(proc, "heroku-") {
		frame = strings.Replace(frame, "<190>", "<134>", 1)
	}
	e := frameEvent(fmt.Appendf(nil, "%d %s", len(frame), frame), logplex.SDNever)
	if e == nil {
		tb.Fatalf("no frame: %q", frame)
	}
	e.TimeNS, e.Host, e.Source, e.Sourcetype, e.Index = e.Line.Time, "shop", "web", "heroku:"+string(e.Meaning.Kind), "main"
	e.Fields = []wire.Field{
		{Name: "heroku_app", JSON: []byte(`"shop"`)},
		{Name: "heroku_process", JSON: hec.AppendString(nil, e.Meaning.Process)},
		{Name: "heroku_kind", JSON: hec.AppendString(nil, []byte(e.Meaning.Kind))},
		{Name: "heroku_code", JSON: []byte(`"R14"`)},
		{Name: "drainline_mark", JSON: []byte(`["a","b"]`)},
		{Name: "env", JSON: []byte(`"prod"`)},
		{Name: "sample_rate", JSON: []byte(`10`)},
		{Name: "nothing", JSON: []byte(`null`)},
		{Name: "unset"},
		{Name: "metric_name:mine", JSON: []byte(`1`)},
		{Name: "_value", JSON: []byte(`1`)},
	}
	return e
}

// A line of the golden file is an envelope as HEC gets it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	logfmt, err := parse.New(config.ParseLogfmt)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ app, proc, text string }{
		{"heroku", "web.1", "source=web.1 dyno=heroku.123.uuid sample#load_avg_1m=0.25 sample#load_avg_5m=0.00"},
		{"heroku", "web.1", "source=web.1 dyno=heroku.123.uuid sample#memory_total=21.22MB sample#memory_pgpgin=348836pages"},
		{"heroku", "web.1", "State changed from starting to up"},
		{"app", "heroku-postgres", "source=DATABASE addon=postgresql-flat-1 sample#db_size=4469950648bytes sample#index-cache-hit-rate=0.99971"},
		{"app", "heroku-redis", "source=REDIS addon=redis-\"x\" sample#active-connections=1 sample#hit-rate=0.5"},
		{"app", "web.1", "measure#db.latency=12ms count#jobs.done=3 sample#5xx=1 user=7 plain=1"},
		{"app", "web.1", "count#a/b=1 count#a_b=2 count#a/b=3 count#metric_name=4 count#" + strings.Repeat("x", 257) + "=5"},
		{"app", "web.1", "hello"},
	}
	var (
		got bytes.Buffer
		m   format.Metric
	)
	for _, tt := range tests {
		for _, index := range []string{"", "metrics"} {
			e := framed(t, tt.app, tt.proc, tt.text)
			e.MetricsIndex = index
			if tt.proc == "web.1" && tt.app == "app" {
				e.ParseWith(logfmt)
			}
			made, ok := m.Make(e)
			if !ok {
				fmt.Fprintln(&got, "none")
				continue
			}
			if string(e.Body()) != tt.text || len(e.Fields) != 11 {
				t.Errorf("the event was changed: %q %v", e.Body(), e.Fields)
			}
			got.Write(append(hec.AppendEvent(nil, made), '\n'))
		}
	}
	compare(t, "metrics.golden", got.Bytes())
}

// measuring is a parser that finds one measurement, whatever its name.
type measuring struct{ name string }

func (m measuring) Parse(dst *fields.List, _ []byte) bool {
	dst.Add(fields.Field{Name: m.name, Value: fields.Value{Kind: fields.Number, Text: "1", Number: 1}, Metric: true})
	return true
}

// Names are those that HEC takes: its rule is the OpenTelemetry exporter's too.
func FuzzMetricName(f *testing.F) {
	valid := regexp.MustCompile(`^metric_name:[A-Za-z.:][A-Za-z0-9_.:-]*$`)
	for _, name := range []string{"load_avg_1m", "5xx", "_x", "a b", "\xff", "é", "", "metric_name", "a-b:c"} {
		f.Add(name, "app", "web.1")
		f.Add(name, "heroku", "run.1")
		f.Add(name, "some-addon", name)
	}
	f.Fuzz(func(t *testing.T, name, app, proc string) {
		if strings.ContainsAny(app+proc, " \n") {
			return
		}
		e := framed(t, app, proc, "x")
		e.ParseWith(measuring{name})
		var m format.Metric
		made, ok := m.Make(e)
		if refused := name == "" || len(name) > 256 || strings.Contains(name, "metric_name"); ok == refused {
			t.Fatalf("%q: made %v", name, ok)
		}
		if !ok {
			return
		}
		if got := made.Fields[0]; !valid.MatchString(got.Name) || string(got.JSON) != "1" {
			t.Errorf("%q by %q %q is %q with %s", name, app, proc, got.Name, got.JSON)
		}
		for _, f := range made.Fields[1:] {
			if strings.Contains(f.Name, "metric_name") {
				t.Errorf("dimension %q", f.Name)
			}
		}
	})
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestMetricsDoNotAllocate(t *testing.T) {
	var m format.Metric
	e := framed(t, "app", "heroku-postgres", "source=DATABASE addon=postgresql-flat-1 sample#db_size=4469950648bytes sample#tables=12")
	if allocs := testing.AllocsPerRun(10, func() { m.Make(e) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

package rules

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// received is when requests of tests were, in nanoseconds since 1970.
const received = 1_714_564_800_000_000_000

// these are rules, each as a YAML map without its braces and its name: r1, r2 and so on.
type these []string

func (l these) yaml() string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i, rule := range l {
		fmt.Fprintf(&b, "- {name: r%d, %s}\n", i+1, rule)
	}
	return b.String()
}

// load reads a configuration. There is a destination splunk, unless it has its own.
func load(tb testing.TB, text string) *config.Config {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	environ := []string{"DRAINLINE_REDACTION__KEY=0123456789abcdef"}
	if !strings.Contains(text, "destinations:") {
		environ = append(environ, "SPLUNK_HEC_URL=https://splunk.example.com:8088", "SPLUNK_HEC_TOKEN=t0ken")
	}
	c, err := config.Loader{Files: []string{file}, Environ: environ}.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// trial is a configuration whose rules are tried.
type trial struct {
	runner       *Runner
	destinations []string
}

func newTrial(tb testing.TB, text string) *trial {
	tb.Helper()
	c := load(tb, text)
	s, err := Compile(c)
	if err != nil {
		tb.Fatal(err)
	}
	return &trial{s.NewRunner(), topology.Destinations(c)}
}

// run says what becomes of an event.
func (t *trial) run(e *event.Event) string {
	before := encode(e)
	v := t.runner.Apply(e)
	mask := uint64(0)
	if v.Fate == Ship {
		mask, v = t.runner.Route(e)
	}
	switch v.Fate {
	case Filter:
		return "filtered"
	case Bury:
		return "dead, " + v.Reason + ": " + v.Sentence
	default:
		return cmp.Or(strings.Join(append(changes(before, encode(e)), t.ways(mask)...), " "), "as it was")
	}
}

// ways are the destinations, where they are not all that there are.
func (t *trial) ways(mask uint64) []string {
	if mask == 1<<len(t.destinations)-1 {
		return nil
	}
	var names []string
	for i, name := range t.destinations {
		if mask&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return []string{"to=" + strings.Join(names, ",")}
}

// part is one thing that an event has, and what it is.
type part struct{ name, value string }

// encode is everything that rules can change of an event.
func encode(e *event.Event) []part {
	parts := []part{
		{"host", e.Host},
		{"source", e.Source},
		{"sourcetype", e.Sourcetype},
		{"index", e.Index},
		{"token", e.Token},
		{"time", fmt.Sprint(e.TimeNS)},
		{"text", string(e.Text)},
		{"json", string(e.JSON)},
		{"format", e.Format},
		{"metrics", e.Metrics},
		{"metrics_index", e.MetricsIndex},
	}
	for _, f := range e.Fields {
		parts = append(parts, part{"+" + f.Name, string(f.JSON)})
	}
	return parts
}

// changes are the parts that are new or other, and with a minus the fields that are gone.
func changes(before, after []part) []string {
	var list []string
	for _, p := range after {
		if !slices.Contains(before, p) && (p.value != "" || p.name[0] == '+') && p.name != "text" {
			list = append(list, p.name+"="+p.value)
		}
		if p.name == "text" && p.value != "" && !slices.Contains(before, p) {
			list = append(list, "message="+p.value)
		}
	}
	for _, p := range before {
		gone := !slices.ContainsFunc(after, func(q part) bool { return q.name == p.name })
		if gone {
			list = append(list, "-"+p.name[1:])
		}
	}
	return list
}

// input makes an event of what a test says: app/web.1 or heroku/router, or hec for an
// envelope, a colon and the body. It is of the app shop.
func input(tb testing.TB, text string) *event.Event {
	tb.Helper()
	from, body, ok := strings.Cut(text, ": ")
	if !ok {
		tb.Fatalf("%q has no colon", text)
	}
	e := &event.Event{App: "shop", Number: 7}
	e.Request = &drainlinev1.Request{
		Id: bytes.Repeat([]byte{1}, 16), Door: drainlinev1.Door_DOOR_LOGPLEX, Credential: "team", DrainToken: "d.1",
		RequestId: "req-1", ReceivedNs: received, Query: map[string]string{"env": "prod"}, Marks: []string{"over_rate"},
	}
	if from == "hec" {
		e.Request.Door, e.TimeNS, e.Host = drainlinev1.Door_DOOR_HEC, received, "shop"
		if e.Text = []byte(body); hec.SkipValue(e.Text, 0, 9) == len(e.Text) {
			e.SetJSON(e.Text)
		}
		return e
	}
	source, proc, _ := strings.Cut(from, "/")
	frame := fmt.Appendf(nil, "<190>1 2024-05-01T12:00:00.250000+00:00 host %s %s - %s", source, proc, body)
	m, err := logplex.Parse(frame, logplex.SDNever)
	if err != nil {
		tb.Fatal(err)
	}
	meaning := heroku.Classify(&m)
	e.Line, e.Frame, e.Meaning = m, frame, meaning
	e.TimeNS, e.Text, e.Host, e.Source, e.Sourcetype = m.Time, m.Text, "shop", string(meaning.Process), "heroku:"+string(meaning.Kind)
	e.Kind, e.Code, e.Dyno, e.Process = string(meaning.Kind), string(meaning.Code), string(meaning.Dyno), string(meaning.Process)
	e.Facility, e.Severity = m.Facility, m.Severity
	for _, p := range []part{{"app", "shop"}, {"process", e.Process}, {"dyno", e.Dyno}, {"kind", e.Kind}, {"code", e.Code}} {
		if p.value != "" {
			e.Fields = append(e.Fields, wire.Field{Name: "heroku_" + p.name, JSON: hec.AppendString(nil, []byte(p.value))})
		}
	}
	return e
}

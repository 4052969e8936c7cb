package heroku_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

var update = flag.Bool("update", false, "write README.md and testdata/fields.golden anew")

// sample is a message and what is parsed of it.
type sample struct {
	message logplex.Message
	line    heroku.Line
	fields  fields.List
}

// samples are the frames of testdata/samples.txt and of the vectors.
func samples(tb testing.TB) []*sample {
	tb.Helper()
	var messages []logplex.Message
	for _, frame := range golden(tb, "samples.txt") {
		messages = append(messages, parse(tb, frame))
	}
	for _, v := range logplextest.Vectors(tb) {
		messages = append(messages, messagesOf(v)...)
	}
	all := make([]*sample, len(messages))
	for i, m := range messages {
		s := &sample{message: m, line: heroku.Classify(&m)}
		heroku.Parse(&s.fields, &s.line, m.Text)
		all[i] = s
	}
	return all
}

// String is the sample as fields.golden has it: kind and text, and in a line of their own
// the level and the fields. A star marks measurements.
func (s *sample) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n  %s", s.line.Kind, strconv.Quote(string(s.message.Text)), cmp.Or(heroku.Level(&s.line, &s.fields), "-"))
	for _, f := range s.fields.All() {
		b.WriteByte(' ')
		b.WriteString(f.Name)
		if f.Metric {
			b.WriteByte('*')
		}
		b.WriteByte('=')
		b.Write(f.Value.AppendJSON(nil))
	}
	return b.String() + "\n"
}

func TestFields(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, s := range samples(t) {
		got.WriteString(s.String())
	}
	compareFile(t, filepath.Join("testdata", "fields.golden"), got.String())
}

// compareFile compares a file line by line, or writes it.
func compareFile(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(string(file), "\n"), strings.Split(want, "\n")
	for i := range max(len(got), len(wanted)) {
		switch {
		case i >= len(got):
			t.Fatalf("%s has no line %d: %s", name, i+1, wanted[i])
		case i >= len(wanted):
			t.Fatalf("%s:%d is too much: %s", name, i+1, got[i])
		case got[i] != wanted[i]:
			t.Fatalf("%s:%d\nis     %s\nwanted %s", name, i+1, got[i], wanted[i])
		}
	}
}

// Fields of the samples that are no words of Heroku's.
var foreign = []string{"new", "other", "severity", "msg", "rate_limit", "sample#memory_total"}

func TestVocabulary(t *testing.T) {
	t.Parallel()
	type key struct {
		family heroku.Family
		name   string
	}
	seen := map[key]bool{}
	for _, s := range samples(t) {
		names := heroku.Vocabulary(s.line.Kind)
		for _, f := range s.fields.All() {
			i := slices.IndexFunc(names, func(n heroku.Name) bool { return n.Name == f.Name })
			if i < 0 {
				if !slices.Contains(foreign, f.Name) {
					t.Errorf("%s is not in the vocabulary:\n%s", f.Name, s)
				}
				continue
			}
			if names[i].Type != f.Value.Kind {
				t.Errorf("%s is of type %d, want %d:\n%s", f.Name, f.Value.Kind, names[i].Type, s)
			}
			if f.Metric && names[i].Type != fields.Number {
				t.Errorf("%s is measured and no number", f.Name)
			}
			seen[key{family(s), f.Name}] = true
		}
	}
	for _, kind := range kinds {
		for _, n := range heroku.Vocabulary(kind) {
			for _, f := range n.Families {
				if f.Kind() != kind {
					continue
				}
				if !seen[key{f, n.Name}] {
					t.Errorf("no sample of a %s line has %s", f, n.Name)
				}
				delete(seen, key{f, n.Name})
			}
		}
	}
	for k := range seen {
		t.Errorf("a %s line has %s, which is not in the vocabulary for these", k.family, k.name)
	}
}

var kinds = []heroku.Kind{heroku.KindApp, heroku.KindRouter, heroku.KindAPI, heroku.KindSystem, heroku.KindAddon}

// family is the family of a sample, by its look.
func family(s *sample) heroku.Family {
	addons := map[string]heroku.Family{
		"heroku-postgres": heroku.PostgresMetrics, "heroku-pgbouncer": heroku.PgBouncerMetrics, "heroku-redis": heroku.RedisMetrics,
		"heroku-kafka": heroku.KafkaMetrics, "postgres": heroku.PostgresLog,
	}
	switch code := string(s.line.Code); {
	case s.line.Kind == heroku.KindRouter:
		return heroku.Requests
	case s.line.Kind == heroku.KindAPI:
		return heroku.API
	case s.line.Kind == heroku.KindAddon:
		return addons[string(s.line.Process)]
	case strings.HasPrefix(code, "R") || code == "L14":
		return heroku.Errors
	case code != "":
		return heroku.Losses
	case strings.Contains(string(s.message.Text), "sample#"):
		return heroku.RuntimeMetrics
	default:
		return heroku.Dynos
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	missing := slices.Clone(heroku.Events)
	for _, s := range samples(t) {
		word, ok := s.fields.Get("event")
		is := func(e heroku.Event) bool { return e.Word == word.Text && e.Family == family(s) }
		if ok && !slices.ContainsFunc(heroku.Events, is) {
			t.Errorf("%s is no event:\n%s", word.Text, s)
		}
		missing = slices.DeleteFunc(missing, is)
	}
	if len(missing) > 0 {
		t.Errorf("no sample of %v", missing)
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind heroku.Kind
		name string
		want bool
	}{
		{heroku.KindRouter, "status", true},
		{heroku.KindRouter, "Status", false},
		{heroku.KindRouter, "load_avg_1m", false},
		{heroku.KindSystem, "load_avg_1m", true},
		{heroku.KindAddon, "load_avg_1m", true},
		{heroku.KindAPI, "load_avg_1m", false},
		{heroku.KindAPI, "addon", true},
		{heroku.KindApp, "status", false},
		{"", "status", false},
		{heroku.KindRouter, "", false},
	} {
		if got := heroku.Known(c.kind, c.name); got != c.want {
			t.Errorf("%s %q: %v, want %v", c.kind, c.name, got, c.want)
		}
	}
	for _, kind := range kinds {
		names := heroku.Vocabulary(kind)
		for i, n := range names {
			if !heroku.Known(kind, n.Name) || slices.ContainsFunc(names[:i], func(m heroku.Name) bool { return m.Name == n.Name }) {
				t.Errorf("%s %s is unknown, or there twice", kind, n.Name)
			}
		}
	}
	if n := len(heroku.Vocabulary(heroku.KindApp)); n > 0 {
		t.Errorf("lines of apps have %d names", n)
	}
}

// The tables of README.md are written from those of the package.
func TestReadme(t *testing.T) {
	t.Parallel()
	const begin = "## Fields\n"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(readme), begin)
	compareFile(t, "README.md", text+begin+tables())
}

func tables() string {
	var b strings.Builder
	b.WriteString("\n| name | type | unit | lines | meaning |\n|---|---|---|---|---|\n")
	var names []heroku.Name
	for _, kind := range kinds {
		for _, n := range heroku.Vocabulary(kind) {
			if !slices.ContainsFunc(names, func(m heroku.Name) bool { return m.Name == n.Name }) {
				names = append(names, n)
			}
		}
	}
	types := map[fields.Kind]string{fields.Text: "text", fields.Number: "number", fields.Bool: "bool"}
	for _, n := range names {
		families := make([]string, len(n.Families))
		for i, f := range n.Families {
			families[i] = string(f)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", n.Name, types[n.Type], n.Unit, strings.Join(families, ", "), n.Meaning)
	}
	b.WriteString("\n## Events\n\n| `event` | lines | such as |\n|---|---|---|\n")
	for _, e := range heroku.Events {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Word, e.Family, e.Line)
	}
	b.WriteString("\n## Codes\n\n| code | `desc` |\n|---|---|\n")
	for _, c := range heroku.Codes {
		fmt.Fprintf(&b, "| %s | %s |\n", c.Code, c.Meaning)
	}
	return b.String()
}

func TestLevel(t *testing.T) {
	t.Parallel()
	text := func(name, value string) fields.Field {
		return fields.Field{Name: name, Value: fields.Value{Text: value}}
	}
	number := func(n float64) fields.Field {
		return fields.Field{Name: "level", Value: fields.Value{Kind: fields.Number, Number: n}}
	}
	for _, c := range []struct {
		kind   heroku.Kind
		code   string
		fields []fields.Field
		want   string
	}{
		{heroku.KindRouter, "", []fields.Field{text("at", "info")}, "info"},
		{heroku.KindRouter, "H27", []fields.Field{text("at", "warning")}, "warning"},
		{heroku.KindRouter, "H12", []fields.Field{text("at", "error")}, "error"},
		{heroku.KindRouter, "H81", []fields.Field{text("at", "info")}, "info"},
		{heroku.KindRouter, "H12", nil, "error"},
		{heroku.KindRouter, "", nil, ""},
		{heroku.KindSystem, "R14", nil, "error"},
		{heroku.KindSystem, "L10", nil, "warning"},
		{heroku.KindSystem, "", []fields.Field{text("event", "restarting")}, ""},
		{heroku.KindAddon, "", []fields.Field{text("level", "LOG")}, "info"},
		{heroku.KindAddon, "", []fields.Field{text("level", "STATEMENT")}, ""},
		{heroku.KindAddon, "", []fields.Field{text("level", "FATAL")}, "critical"},
		{heroku.KindApp, "", nil, ""},
		{heroku.KindApp, "", []fields.Field{text("msg", "error")}, ""},
		{heroku.KindApp, "", []fields.Field{text("level", "TRACE")}, "debug"},
		{heroku.KindApp, "", []fields.Field{text("severity", "Notice")}, "info"},
		{heroku.KindApp, "", []fields.Field{text("lvl", "warn")}, "warning"},
		{heroku.KindApp, "", []fields.Field{text("levelname", "WARNING")}, "warning"},
		{heroku.KindApp, "", []fields.Field{text("log.level", "err")}, "error"},
		{heroku.KindApp, "", []fields.Field{text("level", "emerg")}, "critical"},
		{heroku.KindApp, "", []fields.Field{text("level", "high"), text("severity", "alert")}, "critical"},
		{heroku.KindApp, "", []fields.Field{text("level", "informationes")}, ""},
		{heroku.KindApp, "", []fields.Field{text("level", "30")}, ""},
		{heroku.KindApp, "", []fields.Field{number(10)}, "debug"},
		{heroku.KindApp, "", []fields.Field{number(20)}, "debug"},
		{heroku.KindApp, "", []fields.Field{number(30)}, "info"},
		{heroku.KindApp, "", []fields.Field{number(40)}, "warning"},
		{heroku.KindApp, "", []fields.Field{number(50)}, "error"},
		{heroku.KindApp, "", []fields.Field{number(60)}, "critical"},
		{heroku.KindApp, "", []fields.Field{number(3)}, ""},
		{heroku.KindApp, "", []fields.Field{number(61)}, ""},
		{heroku.KindApp, "", []fields.Field{{Name: "level", Value: fields.Value{Kind: fields.Bool, Text: "true"}}}, ""},
		{"", "", []fields.Field{text("level", "fatal")}, "critical"},
	} {
		var list fields.List
		for _, f := range c.fields {
			list.Add(f)
		}
		if got := heroku.Level(&heroku.Line{Kind: c.kind, Code: []byte(c.code)}, &list); got != c.want {
			t.Errorf("%s %s %v: %q, want %q", c.kind, c.code, c.fields, got, c.want)
		}
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestParseDoesNotAllocate(t *testing.T) {
	all := samples(t)
	levels := 0
	for _, s := range all { // their lists grow here
		s.fields.Reset()
		heroku.Parse(&s.fields, &s.line, s.message.Text)
	}
	if allocs := testing.AllocsPerRun(20, func() {
		for _, s := range all {
			s.fields.Reset()
			heroku.Parse(&s.fields, &s.line, s.message.Text)
			levels += len(heroku.Level(&s.line, &s.fields))
		}
	}); allocs != 0 || levels == 0 {
		t.Errorf("%v allocations for %d lines", allocs, len(all))
	}
}

func FuzzParse(f *testing.F) {
	for _, frame := range golden(f, "samples.txt") {
		m := parse(f, frame)
		f.Add(m.Host, m.App, m.Proc, m.Text, m.Facility)
	}
	f.Fuzz(func(t *testing.T, host, app, proc, text []byte, facility uint8) {
		m := logplex.Message{Host: host, App: app, Proc: proc, Text: text, Facility: facility}
		checkParse(t, heroku.Classify(&m), text)
	})
}

// No line makes Parse panic or write what is no JSON, whatever is said of it.
func TestParseOfAnything(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"Error ", "R14", "L10", " (", ")", ": ", " -> ", " messages", " since ", "drain '", "'", "State changed from ", " to ", "Process running mem=", "(", "%", "M",
		"Starting process with command `", "`", "Stopping x with ", "Build failed -- ", " by user ", "Set ", " config vars", "@ref:", "sample#x=", "1", "a=", "\"", "\\",
		"[", "]", "-", "sql_error_code = ", ":  ", "pid=\"", " ", "\xff", "\n",
	}
	text := rapid.OneOf(
		rapid.SliceOf(rapid.Byte()),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom(pieces)), func(p []string) []byte { return []byte(strings.Join(p, "")) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		checkParse(t, heroku.Line{
			Kind:    rapid.SampledFrom(append([]heroku.Kind{""}, kinds...)).Draw(t, "kind"),
			Code:    []byte(rapid.SampledFrom([]string{"", "R14", "L10", "H12", "x"}).Draw(t, "code")),
			Process: []byte(rapid.SampledFrom([]string{"", "postgres", "web"}).Draw(t, "process")),
		}, text.Draw(t, "text"))
	})
}

// failer is a test, of whichever package.
type failer interface {
	Errorf(format string, args ...any)
}

func checkParse(t failer, line heroku.Line, text []byte) {
	var list fields.List
	before := string(text)
	heroku.Parse(&list, &line, text)
	if object := list.AppendJSON(nil); !json.Valid(object) {
		t.Errorf("no JSON: %s", object)
	}
	if string(text) != before {
		t.Errorf("the text has become %q", text)
	}
	names := heroku.Vocabulary(line.Kind)
	for _, f := range list.All() {
		i := slices.IndexFunc(names, func(n heroku.Name) bool { return n.Name == f.Name })
		if i >= 0 && names[i].Type != f.Value.Kind && line.Kind != heroku.KindSystem && line.Kind != heroku.KindAddon {
			t.Errorf("%s is %+v", f.Name, f.Value)
		}
		if f.Metric && f.Value.Kind != fields.Number {
			t.Errorf("%+v is measured", f)
		}
	}
	if level := heroku.Level(&line, &list); !slices.Contains([]string{"", "debug", "info", "warning", "error", "critical"}, level) {
		t.Errorf("level %q", level)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, frame string }{
		{"router", `<158>1 - host heroku router - at=info method=GET path="/users/7?page=2" host=a.herokuapp.com request_id=59da6323-2bc4-4143-8677-cc66ccfb115f fwd="181.167.87.140" dyno=web.1 connect=0ms service=3ms status=200 bytes=6979 protocol=http1.1 tls=true tls_version=tls1.3`},
		{"state", `<45>1 - host heroku web.1 - State changed from starting to up`},
		{"load", `<45>1 - host heroku web.1 - source=web.1 dyno=heroku.2808254.d97d0ea7-cf3d-411b-b453-d2943a50b456 sample#load_avg_1m=2.46 sample#load_avg_5m=1.06 sample#load_avg_15m=0.99`},
		{"error", `<45>1 - host heroku web.1 - Error R14 (Memory quota exceeded)`},
		{"release", `<134>1 - host app api - Release v9 created by user a@b.c`},
		{"redis", `<134>1 - host app heroku-redis - source=REDIS addon=redis-x-1 sample#active-connections=1 sample#load-avg-1m=0.04 sample#memory-total=15664360kB`},
		{"postgres", `<134>1 - host app postgres.1 - [YELLOW] [12-1]  sql_error_code = 00000 LOG:  checkpoint starting: time`},
		{"app", `<190>1 - host app web.1 - hello a=1 b=2`},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := parse(b, c.frame)
			line := heroku.Classify(&m)
			var list fields.List
			b.ReportAllocs()
			for b.Loop() {
				list.Reset()
				heroku.Parse(&list, &line, m.Text)
			}
		})
	}
}

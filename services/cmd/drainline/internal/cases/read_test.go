package cases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/services/internal/logplex"
)

// read reads a file of that content.
func read(t *testing.T, content string) (*File, string, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x_test.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(name)
	return f, name, err
}

// one is a file of one case that expects nothing to come out.
func one(lines string) string {
	return "cases:\n  - name: a\n    events: []\n    " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n    ") + "\n"
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	const line = "input: x\n"
	for _, c := range []struct{ name, content, want string }{
		{"empty", "", "FILE: the file is empty"},
		{"comments", "# nothing\n", "FILE: the file is empty"},
		{"null", "~", "FILE:1:1: must have keys with values: config, cases\nFILE:1:1: there are no cases"},
		{"text", "hello", "FILE:1:1: must have keys with values: config, cases\nFILE:1:1: there are no cases"},
		{"no YAML", "a: [", "FILE: is not valid YAML: line 1: did not find expected node content"},
		{"binary", "\x00\x01\xff\xfe", "FILE: is not valid YAML: control characters are not allowed"},
		{"not UTF-8", "cases: \"\xff\xff\"", "FILE: is not valid YAML: invalid leading UTF-8 octet"},
		{"keys twice", "cases: []\ncases: []\n", `FILE: is not valid YAML: line 2: mapping key "cases" already defined at line 1`},
		{"two documents", one(line) + "---\ncases: []\n", "FILE: the file must hold one YAML document: what follows the second --- would not be read"},
		{"aliases of themselves", "cases: &a [*a]", "FILE: is not valid YAML: anchor 'a' value contains itself"},
		{"no cases", "config: a.yaml", "FILE:1:1: there are no cases"},
		{"unknown key", "case: []", "FILE:1:1: unknown key \"case\", the nearest is \"cases\"\nFILE:1:1: there are no cases"},
		{"case without name", "cases: [{input: x, events: []}]", `FILE:1:9: "cases[0]": the case has no name`},
		{"name twice", "cases:\n- {name: a, input: x, events: 1}\n- {name: a, input: x, events: 1}\n", `FILE:3:3: "a": line 2 has a case of that name`},
		{"unknown key of a case", one(line + "evnets: []"), `FILE:5:5: "a": unknown key "evnets", the nearest is "events"`},
		{"nothing expected", "cases: [{name: a, input: x}]", `FILE:1:9: "a": the case expects nothing: say events (a list, a number, or [] for none), filtered or dead`},
		{"no input", one("filtered: 1"), `FILE:2:5: "a": the case has no input`},
		{"case is no section", "cases: [7]", `FILE:1:9: "cases[0]": must have keys with values: name, drain, app, query, credential, door, marks, received, input, events, filtered, dead`},
		{"name is a list", "cases: [{name: [], input: x, events: []}]", "FILE:1:16: \"cases[0]\": must be text\nFILE:1:9: \"cases[0]\": the case has no name"},
		{"received", one(line + "received: yesterday"), `FILE:5:15: "a": must be a time such as 2026-01-31T23:59:00Z`},
		{"door", one(line + "door: back"), `FILE:5:11: "a": must be logplex or hec`},
		{"envelope at the Logplex door", one("input: {raw: x}\ndoor: logplex"), `FILE:5:11: "a": envelopes and raw bodies come in at the door hec`},
		{"two doors", one("input: [x, {raw: x}]"), `FILE:2:5: "a": lines and envelopes of one case come in at one door: say door: hec, or make two cases`},
		{"query", one(line + "query: x"), `FILE:5:12: "a": must have names with values`},
		{"no form", one("input: {process: web.1}"), `FILE:4:12: "a": an input has one of line, lines, frame, hec, raw`},
		{"two forms", one("input: {line: x, raw: x}"), `FILE:4:27: "a": an input has one of line and raw`},
		{"unknown key of an input", one("input: {lnie: x}"), "FILE:4:13: \"a\": unknown key \"lnie\", the nearest is \"line\"\nFILE:4:12: \"a\": an input has one of line, lines, frame, hec, raw"},
		{"keys of a line", one("input: {raw: x, process: web.1}"), `FILE:4:30: "a": process goes with line and lines`},
		{"spaces", one("input: {line: x, process: a b}"), `FILE:4:31: "a": process must not have spaces`},
		{"priority", one("input: {line: x, priority: 192}"), `FILE:4:32: "a": must be a whole number from 0 to 191`},
		{"repeat", one("input: {line: x, repeat: 0}"), `FILE:4:30: "a": must be a whole number from 1 to 100000`},
		{"repeat too much", one("input: {lines: \"a\\nb\", repeat: 100000}"), `FILE:4:36: "a": that makes more than 100000 lines and envelopes`},
		{"time of a line", one("input: {line: x, time: 12}"), `FILE:4:28: "a": must be a time such as 2026-01-31T23:59:00Z`},
		{"long line", one("input: {line: " + strings.Repeat("x", logplex.MaxFrame) + "}"), `FILE:4:19: "a": the line is longer than the 262144 bytes that a frame may have`},
		{"length of a frame", one("input: {frame: '63 <190>1 - host app web.1 - hello'}"), `FILE:4:20: "a": byte 0: frame ends after the body; what follows the number has 31 bytes, 32 with a line feed`},
		{"no frame", one("input: {frame: ''}"), `FILE:4:20: "a": there is no frame`},
		{"no envelope", one("input: {hec: '{\"evnt\": 1}'}"), `FILE:4:18: "a": HEC refuses it: Event field is required: event 0: it has no event`},
		{"envelope as data", one("input: {hec: {event: ''}}"), `FILE:4:18: "a": HEC refuses it: Event field cannot be blank: event 0: its event is blank`},
		{"number of JSON", one("input: {hec: {event: .inf}}"), `FILE:4:26: "a": .inf is no number that JSON knows`},
		{"filtered", one(line + "filtered: many"), `FILE:5:15: "a": must be a whole number from 0 to 2147483647`},
		{"dead without reason", one(line + "dead: [{count: 1}]"), `FILE:5:12: "a": the dead letter has no reason`},
		{"unknown key of dead", one(line + "dead: {reasn: x}"), "FILE:5:12: \"a\": unknown key \"reasn\", the nearest is \"reason\"\nFILE:5:11: \"a\": the dead letter has no reason"},
		{"events", "cases: [{name: a, input: x, events: all}]", `FILE:1:37: "a": must be a whole number from 0 to 2147483647`},
		{"unknown key of an event", "cases: [{name: a, input: x, events: [{indx: x}]}]", `FILE:1:39: "a": unknown key "indx", the nearest is "index"`},
		{"event is no section", "cases: [{name: a, input: x, events: [x]}]", `FILE:1:38: "a": must have keys with values: destination, time, json, fields, index, sourcetype, source, host, token, kind, code, app, process, dyno, message`},
		{"fields", "cases: [{name: a, input: x, events: [{fields: [x]}]}]", `FILE:1:47: "a": must have names of indexed fields with values, null for a field that must not be there`},
	} {
		f, name, err := read(t, c.content)
		if err == nil {
			t.Errorf("%s: read as %+v, want %s", c.name, f, c.want)
			continue
		}
		if diff := cmp.Diff(c.want, strings.ReplaceAll(err.Error(), name, "FILE")); diff != "" {
			t.Errorf("%s (- wanted, + got):\n%s", c.name, diff)
		}
	}
}

// Files that are no files of cases end with an error, and soon.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for _, name := range "bcdefghi" {
		bomb += string(name) + ": &" + string(name) + " [" + strings.Repeat("*"+string(name-1)+",", 9) + "]\n"
	}
	for name, content := range map[string]string{
		"huge":           strings.Repeat("# nothing\n", maxFile/10+1),
		"deep":           strings.Repeat("[", 100_000),
		"aliases":        bomb + "cases: *i\n",
		"many mistakes":  strings.Repeat("? x\n", 1) + "cases: [" + strings.Repeat("7,", 9000) + "]",
		"too many cases": "cases: [" + strings.Repeat("7,", maxCases+1) + "]",
		"too much input": "cases: [{name: a, events: [], input: [" + strings.Repeat("{line: x, repeat: 90000},", 2) + "]}]",
	} {
		_, file, err := read(t, content)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if text := err.Error(); len(text) > 64<<10 || !strings.Contains(text, file) {
			t.Errorf("%s: %.1000s", name, text)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there can be read")
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a folder can be read")
	}
}

// What inputs become.
func TestInput(t *testing.T) {
	t.Parallel()
	const at = " 2026-01-01T00:00:00.000000+00:00 "
	for _, c := range []struct {
		input string
		want  []string
	}{
		{"x", []string{"<190>1" + at + "host app web.1 - x"}},
		{"{line: x}", []string{"<190>1" + at + "host app web.1 - x"}},
		{"[x, {line: y}]", []string{"<190>1" + at + "host app web.1 - x", "<190>1" + at + "host app web.1 - y"}},
		{"{line: x, process: router}", []string{"<158>1" + at + "host heroku router - x"}},
		{"{line: x, process: logplex}", []string{"<172>1" + at + "host heroku logplex - x"}},
		{"{line: x, process: api}", []string{"<134>1" + at + "host app api - x"}},
		{"{line: x, process: heroku-postgres}", []string{"<134>1" + at + "host app heroku-postgres - x"}},
		{"{line: x, process: postgres.12}", []string{"<134>1" + at + "host app postgres.12 - x"}},
		{"{line: x, process: worker.2}", []string{"<190>1" + at + "host app worker.2 - x"}},
		{"{line: x, app: heroku, process: worker.2}", []string{"<45>1" + at + "host heroku worker.2 - x"}},
		{"{line: x, app: own, process: router, host: h, priority: 1}", []string{"<1>1" + at + "h own router - x"}},
		{"{line: x, time: 2026-02-03T04:05:06.7Z}", []string{"<190>1 2026-02-03T04:05:06.700000+00:00 host app web.1 - x"}},
		{"{line: x, received: 2026-02-03T04:05:06.7Z}", []string{"<190>1 2026-02-03T04:05:06.700000+00:00 host app web.1 - x"}},
		{"{line: x, repeat: 2}", []string{"<190>1" + at + "host app web.1 - x", "<190>1" + at + "host app web.1 - x"}},
		{`{lines: "a\n\tb\n"}`, []string{"<190>1" + at + "host app web.1 - a", "<190>1" + at + "host app web.1 - \tb"}},
		{`{line: "a\nb\n"}`, []string{"<190>1" + at + "host app web.1 - a\nb\n"}},
		{"{line: 12}", []string{"<190>1" + at + "host app web.1 - 12"}},
		{`{frame: "27 <190>1 - host app web.1 - x27 <190>1 - host app web.1 - y\n"}`, []string{"<190>1 - host app web.1 - x", "<190>1 - host app web.1 - y"}},
		{`{raw: "a\n\nb"}`, []string{"a", "b"}},
		{`{hec: '{"event":1} {"event":2}'}`, []string{`{"event":1}`, `{"event":2}`}},
		{"{hec: {event: {b: 1.50, a: <x>, t: 2026-01-01, n: ~, y: true, l: [1e3]}}}", []string{
			`{"event":{"a":"<x>","b":1.50,"l":[1e3],"n":null,"t":"2026-01-01","y":true}}`,
		}},
		{"{hec: [{event: a}, '{\"event\":2}']}", []string{`{"event":"a"}`, `{"event":2}`}},
	} {
		f, _, err := read(t, one("input: "+c.input))
		if err != nil {
			t.Errorf("%s: %v", c.input, err)
			continue
		}
		var got []string
		for _, in := range f.Cases[0].input {
			body := in.Bytes
			if s := logplex.Scan(body); s.Next() {
				body = s.Frame()
			}
			got = append(got, string(body))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (- wanted, + got):\n%s", c.input, diff)
		}
	}
}

// Configurations are relative to the file that names them.
func TestConfigs(t *testing.T) {
	t.Parallel()
	f, name, err := read(t, "config: [../a.yaml, b.yaml, /c.yaml]\n"+one("input: x"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(name)
	if diff := cmp.Diff([]string{filepath.Join(dir, "../a.yaml"), filepath.Join(dir, "b.yaml"), "/c.yaml"}, f.Configs); diff != "" {
		t.Errorf("(- wanted, + got):\n%s", diff)
	}
	if c := f.Cases[0]; c.Line != 3 || c.File != name {
		t.Errorf("the case is in line %d of %s", c.Line, c.File)
	}
}

// No file of cases makes the reader panic.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		one("input: x"), one("input: [{frame: '27 <190>1 - host app web.1 - x'}, {line: x, repeat: 3}]"), one("input: {hec: {event: {a: [1]}}}\ndead: {reason: x}"),
		"cases: [{name: a, input: &x {raw: a}, events: [{json: *x, time: 2026-01-01T00:00:00Z, fields: {a: ~}}]}]", "a: &a [*a]", "[", "? {a: b}\n: c",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := &reader{file: "x"}
		file := r.readFile(content)
		if len(r.mistakes) == 0 && (file == nil || len(file.Cases) == 0) {
			t.Error("nothing was read, and nothing is wrong")
		}
	})
}

package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/logplex"
)

// ran is what a command did: its exit code as app.Main has it, and what it wrote.
type ran struct {
	code        int
	stdout, err string
}

func execute(cmd *cobra.Command, stdin io.Reader, args ...string) ran {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out, notes bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(&out)
	cmd.SetErr(&notes)
	err := cmd.Execute()
	r := ran{stdout: out.String(), err: notes.String()}
	var usage *app.UsageError
	switch {
	case errors.As(err, &usage):
		r.code, r.err = 2, err.Error()
	case err != nil:
		r.code, r.err = 1, err.Error()
	}
	return r
}

func runTest(args ...string) ran { return execute(testCommand(), strings.NewReader(""), args...) }

// folder has files by name.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	testConfig = `
destinations:
  splunk: {urls: ["https://splunk.example.com:8088"], token: "${NOBODY_SETS_THIS}"}
rules:
  - {name: health checks, when: 'kind == "router" && fields.path == "/healthz"', drop: true}
  - {name: router, when: 'kind == "router"', set: {index: web}}
`
	// looseConfig has no rules.
	looseConfig = `
destinations:
  splunk: {urls: ["https://splunk.example.com:8088"], token: x}
`
	tokenConfig = looseConfig + `
ingest: {hec: {tokens: {web: {token: "${WEB_TOKEN}", index: web}}}}
rules: [{name: of the shop, apps: [shop], drop: true}]
`
	goodCases = `
config: drainline.yaml
cases:
  - name: health checks are dropped
    input: {process: router, line: at=info path="/healthz"}
    events: []
    filtered: 1
  - name: the router has an index
    app: shop
    input: [{process: router, line: at=info path="/"}, hello]
    events: [{index: web, host: shop}, {index: "", message: hello}]
`
	// manyCases are over a limit.
	manyCases = `
config: limit.yaml
cases:
  - name: over the limit
    input: [{line: x, repeat: 5}, {line: x, received: 2026-01-01T00:00:02Z}]
    events: 3
    dead: {reason: over_limit, count: 3}
  - name: the next case begins anew
    input: x
    events: 1
`
	badCases = `
config: drainline.yaml
cases:
  - name: the index is another
    app: shop
    input: {process: router, line: at=info path="/"}
    events: [{index: main}]
`
)

func files(more ...string) map[string]string {
	all := map[string]string{"drainline.yaml": testConfig, "loose.yaml": looseConfig, "good_test.yaml": goodCases, "bad_test.yaml": badCases}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

func TestCases(t *testing.T) {
	t.Parallel()
	dir := folder(t, files())
	good, bad := filepath.Join(dir, "good_test.yaml"), filepath.Join(dir, "bad_test.yaml")
	const wrong = `FAIL  DIR/bad_test.yaml:4: the index is another
      events[0].index
        expected "main"
        actual   "web"
      what came out:
        events:
          - destination: splunk
            time: 2026-01-01T00:00:00Z
            index: "web"
            sourcetype: "heroku:router"
            source: "router"
            host: "shop"
            kind: "router"
            app: "shop"
            process: "router"
            message: "at=info path=\"/\""
            fields: {"heroku_app":"shop","heroku_kind":"router","heroku_process":"router"}
        filtered: 0
`
	for _, c := range []struct {
		name string
		args []string
		want ran
	}{
		{"fine", []string{good}, ran{0, "ok    DIR/good_test.yaml: health checks are dropped\n" +
			"ok    DIR/good_test.yaml: the router has an index\n2 cases, 0 failed (1 file)\n", ""}},
		{"one fails", []string{good, bad}, ran{1, "ok    DIR/good_test.yaml: health checks are dropped\n" +
			"ok    DIR/good_test.yaml: the router has an index\n" + wrong, "1 of 3 cases failed"}},
		{"some are run", []string{"--run", "^health", good, bad}, ran{0, "ok    DIR/good_test.yaml: health checks are dropped\n" +
			"1 case, 0 failed (2 files)\n", ""}},
		{"verbose", []string{"-v", "--run", "^health", good}, ran{0, "ok    DIR/good_test.yaml: health checks are dropped\n" +
			"      what came out:\n        events: []\n        filtered: 1\n1 case, 0 failed (1 file)\n", ""}},
		{"another configuration", []string{"--run", "^health", "--config", filepath.Join(dir, "loose.yaml"), good}, ran{1, `FAIL  DIR/good_test.yaml:4: health checks are dropped
      events
        expected 0
        actual   1
      events[0]
        expected nothing
        actual   {destination: splunk, index: "", sourcetype: "heroku:router", message: "at=info path=\"/healthz\""}
      filtered
        expected 1
        actual   0
      what came out:
        events:
          - destination: splunk
            time: 2026-01-01T00:00:00Z
            sourcetype: "heroku:router"
            source: "router"
            kind: "router"
            process: "router"
            message: "at=info path=\"/healthz\""
            fields: {"heroku_kind":"router","heroku_process":"router"}
        filtered: 0
`, "1 of 1 cases failed"}},
	} {
		got := runTest(c.args...)
		got.stdout, got.err = strings.ReplaceAll(got.stdout, dir, "DIR"), strings.ReplaceAll(got.err, dir, "DIR")
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(ran{})); diff != "" {
			t.Errorf("%s (- wanted, + got):\n%s", c.name, diff)
		}
	}
}

// Limits count by the times of a case, and forget them with it.
func TestLimits(t *testing.T) {
	t.Parallel()
	dir := folder(t, files("limit.yaml", looseConfig+"rules: [{name: few, limit: {events: 2, over: dead}}]\n", "many_test.yaml", manyCases))
	if r := runTest(filepath.Join(dir, "many_test.yaml")); r.code != 0 {
		t.Errorf("%d %s:\n%s", r.code, r.err, r.stdout)
	}
}

func TestCasesForMachines(t *testing.T) {
	t.Parallel()
	dir := folder(t, files())
	args := []string{filepath.Join(dir, "good_test.yaml"), filepath.Join(dir, "bad_test.yaml")}
	var object struct {
		Cases []struct {
			OK bool `json:"ok"`
		} `json:"cases"`
		Total  int `json:"total"`
		Failed int `json:"failed"`
	}
	r := runTest(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(r.stdout), &object); err != nil || r.code != 1 || object.Total != 3 || object.Failed != 1 || object.Cases[2].OK {
		t.Errorf("%d %v:\n%s", r.code, err, r.stdout)
	}
	var suites struct {
		XMLName  xml.Name `xml:"testsuites"`
		Failures int      `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string  `xml:"name,attr"`
				Failure *string `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	r = runTest(append(args, "-o", "junit")...)
	if err := xml.Unmarshal([]byte(r.stdout), &suites); err != nil || r.code != 1 || suites.Failures != 1 || suites.Suites[1].Cases[0].Failure == nil {
		t.Errorf("%d %v:\n%s", r.code, err, r.stdout)
	}
}

// Mistakes in calling, configuration and files end with 2 and say what is wrong.
func TestMistakes(t *testing.T) {
	t.Parallel()
	dir := folder(t, files(
		"unknown_key_test.yaml", strings.Replace(goodCases, "filtered", "filterdd", 1),
		"no_config_test.yaml", strings.Replace(goodCases, "config: drainline.yaml", "", 1),
		"no_such_config_test.yaml", strings.Replace(goodCases, "drainline.yaml", "none.yaml", 1),
		"credential_test.yaml", strings.Replace(goodCases, "app: shop", "credential: team_a", 1),
		"rule_test.yaml", strings.Replace(goodCases, "drainline.yaml", "rule.yaml", 1),
		"rule.yaml", strings.Replace(testConfig, `kind == "router"'`, `knd == "router"'`, 1),
		"key.yaml", "rulse: []", "token.yaml", tokenConfig, "monday.bin", captured(t),
	))
	in := func(name string) string { return filepath.Join(dir, name) }
	good := in("good_test.yaml")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no files", nil, "give FILEs with test cases, or --capture"},
		{"no such file", []string{in("none_test.yaml")}, "no such file or directory"},
		{"output", []string{"-o", "xml", good}, "-o xml: want json or junit, or nothing for people"},
		{"output of a capture", []string{"-o", "junit", "--capture", "x"}, "-o junit: want json, or nothing for people"},
		{"both", []string{"--capture", "x", good}, "test either FILEs or --capture, not both"},
		{"verbose with a capture", []string{"--capture", "x", "-v"}, "-v is for cases, not for --capture"},
		{"run with a capture", []string{"--capture", "x", "--run", "x"}, "--run is for cases, not for --capture"},
		{"against without a capture", []string{"--against", "x", good}, "are for --capture"},
		{"drain without a capture", []string{"--drain", "x", good}, "are for --capture"},
		{"run", []string{"--run", "(", good}, "--run: error parsing regexp"},
		{"run nothing", []string{"--run", "xyz", good}, "--run xyz: matches none of 2 cases"},
		{"set", []string{"--set", "x", good}, "--set"},
		{"all mistakes of all files", []string{in("unknown_key_test.yaml"), in("none_test.yaml")}, `unknown_key_test.yaml:7:5: "health checks are dropped": unknown key "filterdd", the nearest is "filtered"` + "\n"},
		{"no configuration", []string{in("no_config_test.yaml")}, "no_config_test.yaml: it names no configuration"},
		{"no such configuration", []string{in("no_such_config_test.yaml")}, "none.yaml: cannot be read: no such file or directory"},
		{"key of the configuration", []string{"--config", in("key.yaml"), good}, `rulse: is not a known key, the nearest is "rules"`},
		{"rule", []string{in("rule_test.yaml")}, `unknown name "knd"`},
		{"rule of --against", []string{"--config", in("loose.yaml"), "--against", in("rule.yaml"), "--capture", "-"}, `--against: ` + in("rule.yaml")},
		{"credential", []string{in("credential_test.yaml")}, `credential_test.yaml:8: "the router has an index": credential team_a: it is no entry of ingest.logplex.credentials`},
		{"credential of a capture", []string{"--config", in("loose.yaml"), "--credential", "x", "--capture", "-"}, "credential x: it is no entry of ingest.logplex.credentials or ingest.hec.tokens"},
		{"credential of frames", []string{"--config", in("token.yaml"), "--credential", "web", "--capture", in("monday.bin")}, "credential web: it is no entry of ingest.logplex.credentials"},
		{"no capture", []string{"--config", in("loose.yaml"), "--capture", good}, "--capture " + good + ": this is no capture: in its "},
	} {
		r := runTest(c.args...)
		if r.code != 2 || !strings.Contains(r.err, c.want) || r.stdout != "" {
			t.Errorf("%s: ended with %d: %s\nwant %s\nwritten: %s", c.name, r.code, r.err, c.want, r.stdout)
		}
	}
	if r := runTest("--config", in("loose.yaml"), "--capture", in("none.bin")); r.code != 1 || !strings.Contains(r.err, "no such file") {
		t.Errorf("a capture that is not there: %d %s", r.code, r.err)
	}
}

// captured is what a drain posted: two health checks and three other lines.
func captured(t *testing.T) string {
	t.Helper()
	var b []byte
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{`at=info path="/healthz"`, `at=info path="/"`, `at=info path="/healthz"`} {
		b = logplex.AppendFrame(b, 158, at, "host", "heroku", "router", text)
	}
	b = logplex.AppendFrame(b, 190, at, "host", "app", "web.1", "hello")
	b = append(b, "junk"...)
	return string(logplex.AppendFrame(b, 190, at, "host", "app", "web.1", "world"))
}

func TestCapture(t *testing.T) {
	t.Parallel()
	dir := folder(t, files("monday.bin", captured(t), "token.yaml", tokenConfig, "hec.json", "{\"event\":\"12345\",\"index\":\"main\"}\n{\"event\":{\"a\":1}}\n"))
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"one configuration", "", []string{"-c", in("drainline.yaml"), "--capture", in("monday.bin"), "--app", "shop"}, `
APP    INDEX      SOURCETYPE     EVENTS  LICENSE BYTES
shop   (default)  heroku:app     1       5
shop   web        heroku:router  1       16
total                            2       21

filtered by rules  2
undecodable        69 bytes
`},
		{"two", "", []string{"-c", in("drainline.yaml"), "--against", in("loose.yaml"), "--capture", in("monday.bin"), "--drain", "d.1"}, `
APP    INDEX      SOURCETYPE     EVENTS BEFORE  EVENTS AFTER  CHANGE         LICENSE BYTES BEFORE  LICENSE BYTES AFTER  CHANGE
d.1    (default)  heroku:app     1              1             =              5                     5                    =
d.1    (default)  heroku:router  3              0             -3 (-100.0 %)  62                    0                    -62 (-100.0 %)
d.1    web        heroku:router  0              1             +1 (new)       0                     16                   +16 (new)
total                            4              2             -2 (-50.0 %)   67                    21                   -46 (-68.7 %)

filtered by rules  0  2  +2
undecodable        69 bytes
`},
		{"two captures, one of standard input", captured(t), []string{"-c", in("loose.yaml"), "--capture", in("monday.bin"), "--capture", "-"}, `
APP    INDEX      SOURCETYPE     EVENTS  LICENSE BYTES
-      (default)  heroku:app     2       10
-      (default)  heroku:router  6       124
total                            8       134

filtered by rules  0
undecodable        138 bytes
`},
		{"HEC with a token", "", []string{"-c", in("token.yaml"), "--capture", in("hec.json"), "--credential", "web"}, `
APP    INDEX  SOURCETYPE  EVENTS  LICENSE BYTES
-      main   httpevent   1       5
-      web    httpevent   1       7
total                     2       12

filtered by rules  0
`},
		{"HEC", "", []string{"-c", in("loose.yaml"), "--capture", in("hec.json")}, `
APP    INDEX      SOURCETYPE  EVENTS  LICENSE BYTES
-      (default)  httpevent   1       7
-      main       httpevent   1       5
total                         2       12

filtered by rules  0
`},
	} {
		r := execute(testCommand(), strings.NewReader(c.stdin), c.args...)
		if diff := cmp.Diff(c.want, "\n"+r.stdout); diff != "" || r.code != 0 {
			t.Errorf("%s: %d %s (- wanted, + got):\n%s", c.name, r.code, r.err, diff)
		}
	}
	for note, args := range map[string][]string{
		"note: of 4 events no app is known": {"-c", in("token.yaml")}, "": {"-c", in("token.yaml"), "--app", "shop"},
	} {
		if r := runTest(append(args, "--capture", in("monday.bin"))...); r.code != 0 || !strings.HasPrefix(r.err, note) || note == "" && r.err != "" {
			t.Errorf("%v: %d %q, want %q", args, r.code, r.err, note)
		}
	}
	var object struct {
		After struct {
			Events   int `json:"events"`
			Filtered int `json:"filtered"`
		} `json:"after"`
	}
	r := runTest("-c", in("drainline.yaml"), "--capture", in("monday.bin"), "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &object); err != nil || r.code != 0 || object.After.Events != 2 || object.After.Filtered != 2 {
		t.Errorf("%d %v:\n%s", r.code, err, r.stdout)
	}
}

// The examples that are shipped do what their tests say, can be checked offline, and
// start when their variables are set.
func TestExamples(t *testing.T) {
	t.Parallel()
	const examples = "../../../config/examples"
	var tests []string
	for _, pattern := range []string{"*_test.yaml", "*/*_test.yaml"} {
		found, err := filepath.Glob(filepath.Join(examples, pattern))
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, found...)
	}
	const least = 5
	if len(tests) < least {
		t.Fatalf("only %v are there", tests)
	}
	if r := runTest(tests...); r.code != 0 {
		t.Errorf("ended with %d: %s\n%s", r.code, r.err, r.stdout)
	}
	for _, test := range tests {
		name := strings.Replace(test, "_test.yaml", ".yaml", 1)
		if filepath.Base(filepath.Dir(test)) != filepath.Base(examples) {
			name = filepath.Join(filepath.Dir(test), "drainline.yaml")
		}
		if r := execute(configCommand(), nil, "check", "--offline", "--config", name); r.code != 0 {
			t.Errorf("%s: %d %s", name, r.code, r.err)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		loader := config.Loader{Files: []string{name}}
		for _, variable := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(content), -1) {
			loader.Environ = append(loader.Environ, variable[1]+"=0123456789abcdef-"+variable[1])
		}
		if _, err := loadRules(loader); err != nil || len(loader.Environ) == 0 {
			t.Errorf("%s with %v: %v", name, loader.Environ, err)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"loose.yaml": looseConfig, "secret.yaml": testConfig, "rules.yaml": "rules: [{name: a, drop: true}]",
		"bad.yaml": strings.NewReplacer(`fields.path`, `fields.paht`, `"router"', set`, `"router" &&', set`).Replace(testConfig),
	})
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"good", []string{"loose.yaml"}, 0, []string{"configuration is good, sha "}},
		{"without a secret", []string{"secret.yaml"}, 2, []string{"NOBODY_SETS_THIS"}},
		{"offline", []string{"secret.yaml", "--offline"}, 0, []string{"configuration is good, as far as can be told without secrets"}},
		{"without a destination", []string{"rules.yaml"}, 0, []string{"configuration is good, sha "}},
		{"bad rules", []string{"bad.yaml", "--offline"}, 2, []string{"rules[0] (health checks).when: ", `"paht"`, "rules[1] (router).when: "}},
	} {
		args := append([]string{"check", "--config", filepath.Join(dir, c.args[0])}, c.args[1:]...)
		r := execute(configCommand(), nil, args...)
		for _, want := range c.want {
			if r.code != c.code || !strings.Contains(r.stdout+r.err, want) {
				t.Errorf("%s: %d, no %q in %s%s", c.name, r.code, want, r.stdout, r.err)
			}
		}
	}
}

package config_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drainline/drainline/config"
)

const everyRuleKeyFile = `
ingest: {hec: {tokens: {web: {token: b}}}}
redaction: {key: 0123456789abcdef}
unrouted: dead
joins:
  shop: {start: '^\S+$', continuation: '^\s|$', max_lines: 20, max_bytes: 64KiB, max_wait: 200ms}
  slow: {preset: java, max_wait: 5s}
drains:
  - {token: d.1, format: vector, join: [shop, python]}
  - {token: d.2, join: slow}
destinations:
  splunk: {urls: [https://a], token: a, when: kind == "app", format: splunk_raw}
rules:
  - name: every key
    apps: [shop, billing]
    when: |
      kind == "app"
        && message matches "^\\S+ [$]{2}$"
    parse: '^(?P<verb>[A-Z]+) (?<path>\S+)$'
    set: {host: a, source: '{{ process }}', sourcetype: "a: b", index: web, time: '{{ fields.ts }}', message: "one\ntwo", token: web}
    fields:
      add: {status: '{{ fields.status }}', team: "${TEAM}"}
      remove: [tmp_*, a b/c]
      rename: {request path: request_path, a$$b: c}
    body: json
    format: json
    redact:
      - bearer
      - {preset: email, with: someone}
      - {preset: ipv4, hmac: true}
      - {preset: jwt, hmac: false}
      - {pattern: 'sk_live_\w+$', with: $1$$}
      - {pattern: '\$$\{[$]{2}', with: ""}
      - {pattern: "(?P<user>\\$${1}|x)", hmac: true}
    metrics: both
    metrics_index: heroku_metrics
    sample: {rate: 10, key: fields.request_id}
    limit: {events: 2000000, bytes: 1MB, key: app + process, over: sample, rate: 100}
    drop: true
    to: [splunk]
    stop: true
    on_error: dead
  - {name: "- {a}: # [b]", drop: true, limit: , fields: {}, sample: {}, to: splunk}
  - {name: defaults, limit: {bytes: 1MB}, redact: "email,jwt"}
`

var everyRuleKey = []config.Rule{
	{
		Name: "every key", Apps: []string{"shop", "billing"}, When: "kind == \"app\"\n  && message matches \"^\\\\S+ [$]{2}$\"\n",
		Parse: `^(?P<verb>[A-Z]+) (?<path>\S+)$`,
		Set: map[string]string{
			"host": "a", "source": "{{ process }}", "sourcetype": "a: b", "index": "web", "time": "{{ fields.ts }}", "message": "one\ntwo", "token": "web",
		},
		Fields: config.FieldChanges{
			Add:    map[string]string{"status": "{{ fields.status }}", "team": "web"},
			Remove: []string{"tmp_*", "a b/c"},
			Rename: map[string]string{"request path": "request_path", "a$$b": "c"},
		},
		Body: config.BodyJSON, Format: config.FormatJSON,
		Redact: []config.Redaction{
			{Preset: "bearer", With: "***"},
			{Preset: "email", With: "someone"},
			{Preset: "ipv4", HMAC: true},
			{Preset: "jwt", With: "***"},
			{Pattern: `sk_live_\w+$`, With: "$1$"},
			{Pattern: `\$\{[$]{2}`},
			{Pattern: `(?P<user>\${1}|x)`, HMAC: true},
		},
		Metrics: config.MetricsBoth, MetricsIndex: "heroku_metrics",
		Sample: config.Sample{Rate: 10, Key: "fields.request_id"},
		Limit:  config.Limit{Events: 2_000_000, Bytes: 1e6, Key: "app + process", Over: config.OverSample, Rate: 100},
		Drop:   true, To: []string{"splunk"}, Stop: true, OnError: config.OnErrorDead,
		Path: "rules[0]",
	},
	{Name: "- {a}: # [b]", Drop: true, To: []string{"splunk"}, OnError: config.OnErrorKeep, Path: "rules[1]"},
	{
		Name: "defaults", Limit: config.Limit{Bytes: 1e6, Over: config.OverDrop}, OnError: config.OnErrorKeep,
		Redact: []config.Redaction{{Preset: "email", With: "***"}, {Preset: "jwt", With: "***"}}, Path: "rules[2]",
	},
}

func TestRules(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "drainline.yaml", everyRuleKeyFile)
	c := load(t, config.Loader{Files: []string{file}, Environ: []string{"TEAM=web"}})
	withoutFile := cmpopts.IgnoreFields(config.Rule{}, "File")
	if diff := cmp.Diff(everyRuleKey, c.Rules, withoutFile, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rules (- wanted, + loaded):\n%s", diff)
	}
	for _, r := range c.Rules {
		if r.File != file {
			t.Errorf("%s stands in %s", r.Name, r.File)
		}
	}
	wantJoins := map[string]config.Join{
		"shop": {Start: `^\S+$`, Continuation: `^\s|$`, MaxLines: 20, MaxBytes: 64 << 10, MaxWait: 200 * time.Millisecond},
		"slow": {Preset: "java", MaxLines: 500, MaxBytes: 256 << 10, MaxWait: 5 * time.Second},
	}
	if diff := cmp.Diff(wantJoins, c.Joins); diff != "" {
		t.Errorf("joins (- wanted, + loaded):\n%s", diff)
	}
	wantDrains := []config.Drain{{Token: "d.1", Format: "vector", Join: []string{"shop", "python"}}, {Token: "d.2", Join: []string{"slow"}}}
	if diff := cmp.Diff(wantDrains, c.Drains); diff != "" {
		t.Errorf("drains (- wanted, + loaded):\n%s", diff)
	}

	again := load(t, config.Loader{Files: []string{printedFile(t, c)}})
	if diff := cmp.Diff(everyRuleKey, again.Rules, withoutFile, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rules as printed (- wanted, + loaded):\n%s", diff)
	}
	if c.SHA() != again.SHA() {
		t.Error("what is printed has another SHA")
	}
}

// printedFile is a file of what is printed, with the secrets of everyRuleKeyFile.
func printedFile(t *testing.T, c *config.Config) string {
	t.Helper()
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	secrets := strings.NewReplacer(
		"\n  key: '[redacted]'", "\n  key: 0123456789abcdef",
		"\n        token: '[redacted]'", "\n        token: b",
		"\n    token: '[redacted]'", "\n    token: a",
	)
	return write(t, t.TempDir(), "printed.yaml", secrets.Replace(printed.String()))
}

func TestPrintedRulesSayWhatIsSet(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "rules.yaml", `
apps: [shop]
rules:
  - {name: a, fields: {rename: {a: b}}, redact: [email, {pattern: 'x$', with: ""}], limit: {events: 5}}
  - {name: b, apps: [shop], when: "a\nb", drop: true}
`)
	var printed bytes.Buffer
	if err := load(t, config.Loader{Files: []string{file}}).Print(&printed); err != nil {
		t.Fatal(err)
	}
	const want = `
rules:
  - name: a
    apps: [shop]
    fields:
      rename: {a: b}
    redact: [email, {pattern: x$, with: ""}]
    limit:
      events: 5
      over: drop
    on_error: keep
  - name: b
    apps: [shop]
    when: "a\nb"
    drop: true
    on_error: keep
unrouted: ""
`
	if !strings.Contains(printed.String(), want) {
		t.Errorf("printed\n%s\nwithout\n%s", printed.String(), want)
	}
}

func TestPrintedTextLoadsAgain(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a\nb", "\n", "\n\n a", " a\n", "a\n\tb ", "\ta", "a\u2028b", "a \u2029 b\nc", "\ufeffa", "\u00a0", "a: |\n  b", "a # b\n", "$${a}\n",
	} {
		content := fmt.Sprintf("rules: [{name: a, drop: true, when: %q}]", text)
		c := load(t, config.Loader{Files: []string{write(t, t.TempDir(), "drainline.yaml", content)}})
		again := load(t, config.Loader{Files: []string{printedFile(t, c)}})
		if got, want := again.Rules[0].When, c.Rules[0].When; got != want {
			t.Errorf("%q becomes %q", want, got)
		}
	}
}

func TestRulesOfAllFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"main.yaml":      "include: [rules.d/*.yaml]\nrules: [{name: main, drop: true}]",
		"later.yaml":     "apps: [late]\nrules: [{name: later, drop: true}]",
		"rules.d/a.yaml": "apps: [shop, billing]\nrules: [{name: a1, drop: true}, {name: a2, apps: [shop], drop: true}]",
		"rules.d/b.yaml": "rules: [{name: b, drop: true}]",
		"rules.d/c.yaml": "apps: [none]\nrules:\n",
	})
	l := config.Loader{Files: []string{filepath.Join(dir, "main.yaml"), filepath.Join(dir, "later.yaml")}}
	rule := func(name, file, path string, scope, apps []string) config.Rule {
		return config.Rule{
			Name: name, Drop: true, OnError: "keep", Scope: scope, Apps: apps, File: filepath.Join(dir, file), Path: path,
		}
	}
	shop := []string{"shop", "billing"}
	want := []config.Rule{
		rule("main", "main.yaml", "rules[0]", nil, nil),
		rule("a1", "rules.d/a.yaml", "rules[0]", shop, nil),
		rule("a2", "rules.d/a.yaml", "rules[1]", shop, []string{"shop"}),
		rule("b", "rules.d/b.yaml", "rules[0]", nil, nil),
		rule("later", "later.yaml", "rules[0]", []string{"late"}, nil),
	}
	if diff := cmp.Diff(want, load(t, l).Rules); diff != "" {
		t.Errorf("rules (- wanted, + loaded):\n%s", diff)
	}

	write(t, dir, "rules.d/d.yaml", "apps: [shop]\nbus: {prefix: a}\nrules: [{name: b, drop: true}, {name: main, apps: [other], drop: true}]")
	wantProblems := []string{
		"bus: cannot stand in a file with apps: such a file can hold rules only, for these apps (rules.d/d.yaml)",
		"rules[0].name: b: is the name of rules[0] in rules.d/b.yaml too (rules.d/d.yaml)",
		"rules[1].apps: other: is not among the apps that its file is limited to (rules.d/d.yaml)",
		"rules[1].name: main: is the name of rules[0] in main.yaml too (rules.d/d.yaml)",
	}
	if diff := cmp.Diff(wantProblems, problems(t, l, dir)); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
}

func TestOnlyFilesGiveRules(t *testing.T) {
	t.Parallel()
	want := []string{
		"DRAINLINE_RULES: is part of a list, and only files can give its entries (environment)",
		"DRAINLINE_RULES__0__LIMIT__EVENTS: is part of a list, and only files can give its entries (environment)",
		"apps: can only be given in a file (DRAINLINE_APPS)",
		"apps: can only be given in a file (flags)",
		"rules[0].limit.events: is part of a list, and only files can give its entries (flags)",
	}
	got := problems(t, config.Loader{
		Environ: []string{"DRAINLINE_RULES=a", "DRAINLINE_RULES__0__LIMIT__EVENTS=5", "DRAINLINE_APPS=shop"},
		Flags:   map[string]any{"rules[0].limit.events": 5, "apps": []string{"shop"}},
	}, "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
}

func TestRulesMakeAnotherSHA(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, file := range []string{
		"", "rules: [{name: a, drop: true}]", "rules: [{name: b, drop: true}]", "rules: [{name: a, stop: true}]",
		"rules: [{name: a, drop: true, when: a}]", "rules: [{name: a, drop: true, apps: [a]}]", "apps: [b]\nrules: [{name: a, drop: true}]",
		"rules: [{name: a, set: {host: a}}]", "rules: [{name: a, set: {host: b}}]", "rules: [{name: a, fields: {add: {a: b}}}]",
		"rules: [{name: a, fields: {rename: {a: b}}}]", "rules: [{name: a, fields: {remove: [a]}}]",
		"rules: [{name: a, limit: {events: 2}}]", "rules: [{name: a, limit: {events: 3}}]", "rules: [{name: a, limit: {events: 2, over: dead}}]",
		"rules: [{name: a, redact: [email]}]", "rules: [{name: a, redact: [{preset: email, with: ''}]}]",
		"rules: [{name: a, redact: [{pattern: a}]}]", "redaction: {key: 0123456789abcdef}\nrules: [{name: a, redact: [{pattern: a, hmac: true}]}]",
		"rules: [{name: a, stop: true}, {name: b, drop: true}]", "rules: [{name: b, drop: true}, {name: a, stop: true}]",
		"joins: {a: {preset: java}}", "joins: {a: {preset: go}}", "joins: {a: {start: a}}", "unrouted: drop",
	} {
		sha := load(t, config.Loader{Files: []string{write(t, t.TempDir(), "drainline.yaml", file)}}).SHA()
		if other, taken := seen[sha]; taken {
			t.Errorf("%q and %q have one SHA", file, other)
		}
		seen[sha] = file
	}

	const wide = "rules: [{name: a, drop: true, set: {host: a, source: b, index: c, time: d}, fields: {add: {a: b, c: d, e: f, g: h}}, to: []}]"
	scoped := "apps: [a, b]\n" + wide
	for _, same := range [][2]string{
		{wide, strings.Replace(wide, ", to: []", "", 1)},
		{scoped, strings.Replace(wide, "drop:", "apps: [a, b], drop:", 1)},
		{scoped, strings.Replace(scoped, "drop:", "apps: [a, b], drop:", 1)},
	} {
		for range 10 {
			a := load(t, config.Loader{Files: []string{write(t, t.TempDir(), "a.yaml", same[0])}})
			b := load(t, config.Loader{Files: []string{write(t, t.TempDir(), "b.yaml", same[1])}})
			if a.SHA() != b.SHA() {
				t.Fatalf("%q and %q have two SHAs", same[0], same[1])
			}
		}
	}
}

// What regular expressions are full of.
func TestDollarSigns(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`^/api/.*$`: `^/api/.*$`, `a$|b$`: `a$|b$`, `\$\d+`: `\$\d+`, `$$`: `$`, `$${1}`: `${1}`, `[$]{2}`: `[$]{2}`, `$1`: `$1`, `$`: `$`,
		`a$$$`: `a$$`, `$${HOST}`: `${HOST}`, `${HOST}$`: `splunk$`,
	} {
		file := write(t, t.TempDir(), "drainline.yaml", "rules: [{name: a, when: '"+in+"', drop: true}]")
		if got := load(t, config.Loader{Files: []string{file}, Environ: []string{"HOST=splunk"}}).Rules[0].When; got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestUnrouted(t *testing.T) {
	t.Parallel()
	const missing = "unrouted: is missing: every destination has a `when`, so say what becomes of events that none wants, drop or dead (drainline.yaml)"
	const when, always = "{urls: [https://a], token: a, when: a}", "{urls: [https://a], token: a}"
	for file, want := range map[string]string{
		"": "", "unrouted: drop": "",
		"destinations: {a: " + when + "}":                            missing,
		"destinations: {a: " + when + ", b: " + when + "}":           missing,
		"destinations: {a: " + when + ", b: " + always + "}":         "",
		"destinations: {a: " + when + "}\nunrouted: dead":            "",
		"destinations: {a: " + when + "}\nunrouted: ''":              missing,
		"destinations: {a: {urls: [https://a], token: a, when: ''}}": "",
	} {
		dir := t.TempDir()
		l := config.Loader{Files: []string{write(t, dir, "drainline.yaml", file)}}
		if want != "" {
			if diff := cmp.Diff([]string{want}, problems(t, l, dir)); diff != "" {
				t.Errorf("%s (- wanted, + found):\n%s", file, diff)
			}
			continue
		}
		load(t, l)
	}
}

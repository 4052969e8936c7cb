package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// mistakes compiles what cannot be compiled.
func mistakes(t *testing.T, c *config.Config) []string {
	t.Helper()
	s, err := Compile(c)
	if err == nil || s != nil {
		t.Fatalf("compiled %v with %v", s, err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	const tooLarge = "the pattern is too large: 2503 instructions, at most 500. {0,250} counts 250 times what it repeats, {0,} once"
	set := func(key, text string) config.Rule { return config.Rule{Set: map[string]string{key: text}} }
	changes := func(f config.FieldChanges) config.Rule { return config.Rule{Fields: f} }
	for _, c := range []struct {
		rule config.Rule
		want string
	}{
		{config.Rule{When: `"x" == knd`}, `.when: column 8: unknown name "knd", the nearest is "kind"`},
		{config.Rule{Sample: config.Sample{Rate: 10, Key: `knd`}}, `.sample.key: column 1: unknown name "knd", the nearest is "kind"`},
		{config.Rule{Limit: config.Limit{Events: 10, Key: `knd`}}, `.limit.key: column 1: unknown name "knd", the nearest is "kind"`},
		{set("host", "a {{ knd }}"), `.set.host: column 6: unknown name "knd", the nearest is "kind"`},
		{set("index", "Web"), `.set.index: the text is no name of an index: 1 to 255 lower case letters, digits, _ and -, not beginning with -`},
		{set("time", "noon"), `.set.time: the text is no time since 1970, in RFC 3339 or as a number of seconds`},
		{set("token", "8a7bd0d5-a0c1-4c9b-a1f6-3c8b6f0a7e11"), `.set.token: the text is no name of a token: 1 to 32 lower case letters, digits and _`},
		{set("source", "a\tb"), `.set.source: the text has more than 1000 bytes, control characters, or bytes that are not UTF-8`},
		{changes(config.FieldChanges{Add: map[string]string{"a": "{{ knd }}"}}), `.fields.add.a: column 4: unknown name "knd", the nearest is "kind"`},
		{changes(config.FieldChanges{Add: map[string]string{"drainline_mark": "x"}}), `.fields.add: drainline_mark is Drainline's own, rules can read it but not change it`},
		{changes(config.FieldChanges{Remove: []string{"drainline_rule_error"}}), `.fields.remove: drainline_rule_error is Drainline's own, rules can read it but not change it`},
		{changes(config.FieldChanges{Rename: map[string]string{"drainline_mark": "x"}}), `.fields.rename: drainline_mark is Drainline's own, rules can read it but not change it`},
		{changes(config.FieldChanges{Rename: map[string]string{"x": "drainline_mark"}}), `.fields.rename: drainline_mark is Drainline's own, rules can read it but not change it`},
		{changes(config.FieldChanges{Rename: map[string]string{"a": "c", "b": "c"}}), `.fields.rename: two fields would be renamed to c`},
		{config.Rule{When: `message matches "(.*a){500}b"`}, `.when: column 9: ` + tooLarge},
		{config.Rule{Parse: `(?P<x>(.*a){500}b)`}, `.parse: regular expression: the pattern is too large: 2505 instructions, at most 500. {0,250} counts 250 times what it repeats, {0,} once`},
		{config.Rule{Redact: []config.Redaction{{Pattern: `(.*a){500}b`}}}, `.redact: redaction 1: pattern "(.*a){500}b": ` + tooLarge},
		{config.Rule{To: []string{"nowhere"}}, `.to: nowhere is not the name of a destination`},
	} {
		c.rule.Name, c.rule.File, c.rule.Path = "health checks", "rules.d/web.yaml", "rules[3]"
		want := []string{"rules.d/web.yaml: rules[3] (health checks)" + c.want}
		if diff := cmp.Diff(want, mistakes(t, &config.Config{Rules: []config.Rule{c.rule}})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	got := mistakes(t, &config.Config{
		Rules: []config.Rule{
			{Name: "a", Path: "rules[0]", When: "knd == 1", To: []string{"x"}},
			{Name: "b", Path: "rules[1]", Drop: true},
			{Name: "c", Path: "rules[2]", When: "knd == 1"},
		},
		Destinations: map[string]config.Destination{"splunk": {When: `"x" in mark`}, "archive": {When: "knd == 1"}, "all": {}},
	})
	want := []string{
		`rules[0] (a).when: column 1: unknown name "knd", the nearest is "kind"`,
		`rules[0] (a).to: x is not the name of a destination`,
		`rules[2] (c).when: column 1: unknown name "knd", the nearest is "kind"`,
		`destinations.archive.when: column 1: unknown name "knd", the nearest is "kind"`,
		`destinations.splunk.when: column 8: unknown name "mark", the nearest is "marks"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNamesAndEmpty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config config.Config
		names  []string
		empty  bool
	}{
		{config.Config{Destinations: map[string]config.Destination{"a": {}, "b": {}}}, nil, true},
		{config.Config{Destinations: map[string]config.Destination{"a": {}, "b": {When: "true"}}}, nil, false},
		{config.Config{Rules: []config.Rule{{Name: "z", Drop: true}, {Name: "a", Drop: true}}}, []string{"z", "a"}, false},
	} {
		s, err := Compile(&c.config)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Names(), c.names) || s.Empty() != c.empty {
			t.Errorf("%v: names %v, empty %v", c.config.Rules, s.Names(), s.Empty())
		}
	}
}

// Whoever knows the key of an HMAC can guess what was redacted: there is none by default.
func TestKey(t *testing.T) {
	t.Parallel()
	c := &config.Config{Rules: []config.Rule{{Name: "a", Path: "rules[0]", Redact: []config.Redaction{{Preset: "email", HMAC: true}}}}}
	want := []string{"rules[0] (a).redact: redaction 1: hmac needs a key: set redaction.key or redaction.key_file"}
	if diff := cmp.Diff(want, mistakes(t, c)); diff != "" {
		t.Error(diff)
	}
	var texts []string
	for _, key := range []config.Secret{"0123456789abcdef", "fedcba9876543210"} {
		c.Redaction.Key = key
		s, err := Compile(c)
		if err != nil {
			t.Fatal(err)
		}
		e := input(t, web)
		if v := s.NewRunner().Apply(e); v.Fate != Ship || strings.Contains(string(e.Text), "joe@") {
			t.Errorf("%v, %s", v, e.Text)
		}
		texts = append(texts, string(e.Text))
	}
	if texts[0] == texts[1] {
		t.Errorf("two keys make %s", texts[0])
	}
}

// The apps of a file limit those of its rules.
func TestScope(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope, apps []string
		app         string
		applied     bool
	}{
		{nil, nil, "shop", true},
		{nil, nil, "", true},
		{nil, []string{"shop"}, "shop", true},
		{nil, []string{"shop"}, "blog", false},
		{nil, []string{"shop"}, "", false},
		{[]string{"shop", "blog"}, nil, "blog", true},
		{[]string{"shop", "blog"}, nil, "wiki", false},
		{[]string{"shop", "blog"}, []string{"blog"}, "blog", true},
		{[]string{"shop", "blog"}, []string{"blog"}, "shop", false},
		{[]string{"shop", "blog"}, []string{"wiki"}, "wiki", false},
		{[]string{}, nil, "shop", false},
		{[]string{}, []string{"shop"}, "shop", false},
	} {
		s, err := Compile(&config.Config{Rules: []config.Rule{
			{Name: "a", Set: map[string]string{"source": "a"}},
			{Name: "b", Set: map[string]string{"index": "b"}, Scope: c.scope, Apps: c.apps},
			{Name: "c", Set: map[string]string{"source": "{{ source }}c"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		e := input(t, web)
		e.App = c.app
		s.NewRunner().Apply(e)
		if applied := e.Index == "b"; applied != c.applied || e.Source != "ac" {
			t.Errorf("scope %q, apps %q, app %q: applied %v, source %s", c.scope, c.apps, c.app, applied, e.Source)
		}
	}
}

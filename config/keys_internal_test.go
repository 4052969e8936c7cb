package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// field is a field of the Config's structs, found by reflection.
type field struct {
	path string
	typ  reflect.Type // nil for a section
}

func fields(path string, t reflect.Type) []field {
	var found []field
	list := t.Kind() == reflect.Slice && isSection(t.Elem())
	if path != "" && (isSection(t) || list) {
		found = append(found, field{path: path})
	}
	switch {
	case list:
		found = append(found, fields(path+entryMark, t.Elem())...)
	case !isSection(t):
		found = append(found, field{path, t})
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			if name := f.Tag.Get("koanf"); name != notAKey {
				found = append(found, fields(join(path, name), f.Type)...)
			}
		}
	default:
		found = append(found, fields(join(path, "*"), t.Elem())...)
	}
	return found
}

func TestTableAndStructsHoldTheSameKeys(t *testing.T) {
	t.Parallel()
	all := fields("", reflect.TypeFor[Config]())
	inStructs, inTable := make([]string, 0, len(all)), make([]string, 0, len(keys))
	for _, f := range all {
		inStructs = append(inStructs, f.path)
	}
	for _, k := range keys {
		if k.path != appsKey { // which is told of each rule
			inTable = append(inTable, k.path)
		}
	}
	// The order matters to drainline.yaml, where a section's keys stay together.
	if diff := cmp.Diff(inStructs, inTable); diff != "" {
		t.Errorf("keys (- in the structs, + in the table):\n%s", diff)
	}
}

func TestTableGivesTheTypesOfTheStructs(t *testing.T) {
	t.Parallel()
	for _, f := range fields("", reflect.TypeFor[Config]()) {
		k := byPath[f.path]
		if k.isSection() != (f.typ == nil) {
			t.Errorf("%s is a section in one of both only", f.path)
			continue
		}
		if k.isSection() {
			continue
		}
		value, ok := k.kind.parse(k.def)
		if k.def != "" && !ok {
			t.Errorf("%s: the default %q breaks its own rule: must be %s", k.path, k.def, k.kind.rule)
		}
		if got := reflect.TypeOf(value); got != f.typ {
			t.Errorf("%s is a %s in the struct, a %s from the table", k.path, f.typ, got)
		}
		if f.typ == reflect.TypeFor[Secret]() != k.kind.secret {
			t.Errorf("%s is a secret in one of both only", k.path)
		}
		if _, hasFile := byPath[k.path+fileSuffix]; k.kind.secret && !hasFile {
			t.Errorf("%s has no %s beside it", k.path, fileSuffix)
		}
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	for _, k := range keys {
		sentences := strings.Count(k.doc+" ", ". ")
		if !strings.HasSuffix(k.doc, ".") || sentences < 1 || sentences > 3 {
			t.Errorf("%s: the doc must be one to three sentences, but is %q", k.path, k.doc)
		}
		if needsExample := k.required || k.kind.secret; needsExample && k.example == "" {
			t.Errorf("%s has neither default nor example", k.path)
		}
	}
}

func TestEveryRuleHasABadFile(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var broken []string
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if line, ok := strings.CutPrefix(line, "# "); ok {
				path, _, _ := strings.Cut(line, ": ")
				broken = append(broken, pattern(path))
			}
		}
	}
	for _, k := range keys {
		if !k.isSection() && !slices.Contains(broken, k.path) {
			t.Errorf("no file in testdata/bad breaks %s", k.path)
		}
	}
}

func TestEveryKeyHasOneNameInTheEnvironment(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, k := range inEnvironment {
		path := strings.ReplaceAll(k.path, "*", "some_name")
		name := envName(path)
		if got, ok := pathOf(name); !ok || got != path {
			t.Errorf("%s is %s, which is read as %q", path, name, got)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %s", path, other, name)
		}
		seen[name] = path
	}
}

// An entry of a list is read as it stands in its file.
func TestEntriesHaveNoNamesAndSecrets(t *testing.T) {
	t.Parallel()
	for _, k := range keys {
		if inList(k.path) && (k.kind.secret || strings.Contains(k.path, "*") || strings.Count(k.path, entryMark) > 1) {
			t.Errorf("%s has names, is a secret or a list in a list", k.path)
		}
	}
}

func TestNearestKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, want string }{
		{"ingest.holdd", "ingest.hold"},
		{"hold", "ingest.hold"},
		{"ingest_hold", "ingest.hold"},
		{"destinationz", "destinations"},
		{"destinations.prod.tokne", "destinations.prod.token"},
		{"destinations.prod.batches", "destinations.prod.batch"},
		{"destinations.prod.linger", "destinations.prod.batch.linger"},
		{"ingest.logplex.credentials.a.password", "ingest.logplex.credentials.a.user"},
		{"destination.prod.max_bytes", "destinations.prod.max_bytes"},
		{"", "bus"},
		{"drains[12].ap", "drains[12].app"},
		{"drains[12].tokn", "drains[12].token"},
		{"drain[12].app", "drains[].app"},
		{strings.Repeat("long", 1000), "ingest.logplex.limits.connections"},
	} {
		if got := nearestKey(c.path, keys); got != c.want {
			t.Errorf("nearest to %.40q is %q, want %q", c.path, got, c.want)
		}
	}
}

// plainDistance is Levenshtein's definition.
func plainDistance(a, b string) int {
	switch {
	case a == "" || b == "":
		return len(a) + len(b)
	case a[0] == b[0]:
		return plainDistance(a[1:], b[1:])
	default:
		return 1 + min(plainDistance(a[1:], b), plainDistance(a, b[1:]), plainDistance(a[1:], b[1:]))
	}
}

func FuzzDistance(f *testing.F) {
	for _, pair := range [][2]string{{"", ""}, {"hold", "holdd"}, {"kitten", "sitting"}, {"ab", "ba"}, {"token", ""}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = a[:min(len(a), 7)], b[:min(len(b), 7)]
		if got, want := distance(a, b), plainDistance(a, b); got != want {
			t.Errorf("distance(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, known, want string }{
		{"evnets", "dead events filtered", `, the nearest is "events"`},
		{"wb", "team web", `, the nearest is "web"`},
		{"xb", "ab b", `, the nearest is "ab"`},
		{"now", "none", ""},
		{"archive", "splunk", ""},
		{"", "abc de", ""},
		{"x", "", ""},
		{strings.Repeat("x", 1<<20), "abc", ""},
		{strings.Repeat("x", 150) + "y", strings.Repeat("x", 150), `, the nearest is "` + strings.Repeat("x", maxShown) + `…"`},
	} {
		if got := Nearest(c.name, strings.Fields(c.known)); got != c.want {
			t.Errorf("%.20s among %.20s: %q, want %q", c.name, c.known, got, c.want)
		}
	}
}

func TestKeepsParameter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entry, name string
		want        bool
	}{
		{"app", "app", true},
		{"app", "apps", false},
		{"utm_*", "utm_source", true},
		{"utm_*", "utm_*", false},
		{"utm_*", "utm_a b", false},
		{"*", "a/b", false},
		{"*", strings.Repeat("x", 64), true},
		{"*", strings.Repeat("x", 65), false},
		{"token", "token", false},
		{"t*", "token", false},
	} {
		if got := KeepsParameter(c.entry, c.name); got != c.want {
			t.Errorf("%s keeps %q: %v", c.entry, c.name, got)
		}
	}
}

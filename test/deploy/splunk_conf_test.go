package deploy

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// addOn is the folder of the add-on for Splunk.
const addOn = "../../deploy/splunk/TA-drainline"

// splunkKeys are the keys that a file may have, out of Splunk's own specification of it. Those that
// end in - take a name.
var splunkKeys = map[string][]string{
	"app":        {"is_configured", "id", "is_visible", "label", "author", "description", "version"},
	"eventtypes": {"search"},
	"fields":     {"INDEXED"},
	"props": {
		"SHOULD_LINEMERGE", "LINE_BREAKER", "TIME_PREFIX", "MAX_TIMESTAMP_LOOKAHEAD", "TRUNCATE",
		"KV_MODE", "EXTRACT-", "REPORT-", "FIELDALIAS-", "EVAL-",
	},
	"tags":       {"web", "change"},
	"transforms": {"REGEX", "FORMAT"},
}

type (
	// setting is a line of a .conf file.
	setting struct{ key, value string }
	// stanzas are the settings of a .conf file, by the name in brackets, in their order.
	stanzas map[string][]setting
)

// all are the values of the keys with a prefix, by the rest of the key in ASCII order, which is the one in which
// Splunk goes through them.
func (s stanzas) all(stanza, prefix string) (values []setting) {
	for _, line := range s[stanza] {
		if name, ok := strings.CutPrefix(line.key, prefix); ok {
			values = append(values, setting{name, line.value})
		}
	}
	slices.SortFunc(values, func(a, b setting) int { return strings.Compare(a.key, b.key) })
	return values
}

// one is the value of a key, empty where there is none.
func (s stanzas) one(stanza, key string) string {
	for _, line := range s[stanza] {
		if line.key == key {
			return line.value
		}
	}
	return ""
}

// parseConf reads a .conf file, and says what Splunk would pass over in silence.
func parseConf(content string, known []string) (stanzas, error) {
	all, name := stanzas{}, ""
	for i, line := range strings.Split(content, "\n") {
		wrong := func(format string, args ...any) (stanzas, error) {
			return nil, fmt.Errorf("line %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.TrimSpace(line) != line || strings.HasSuffix(line, `\`):
			return wrong("space around it, or a \\ that continues it")
		case strings.HasPrefix(line, "["):
			stanza, ok := strings.CutSuffix(line[1:], "]")
			if _, twice := all[stanza]; !ok || twice {
				return wrong("no stanza, or one for the second time: %s", line)
			}
			name, all[stanza] = stanza, nil
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		if _, open := all[name]; !ok || !open || value == "" {
			return wrong("no setting of a stanza: %s", line)
		}
		if !slices.ContainsFunc(known, func(k string) bool {
			if strings.HasSuffix(k, "-") {
				return len(key) > len(k) && strings.HasPrefix(key, k)
			}
			return k == key
		}) {
			return wrong("no key of this file: %s", key)
		}
		if all.one(name, key) != "" {
			return wrong("%s for the second time", key)
		}
		all[name] = append(all[name], setting{key, value})
	}
	return all, nil
}

func TestParseConfFindsMistakes(t *testing.T) {
	t.Parallel()
	f := func(content string, good bool) {
		t.Helper()
		if _, err := parseConf(content, splunkKeys["props"]); (err == nil) != good {
			t.Errorf("%q: %v", content, err)
		}
	}
	f("# a comment\n\n[a]\nTRUNCATE = 1\nEVAL-a = b = c\n", true)
	f("TRUNCATE = 1\n", false)
	f("[a\n", false)
	f("[a]\n[a]\n", false)
	f("[a]\nTRUNCATE=1\n", false)
	f("[a]\nTRUNCATED = 1\n", false)
	f("[a]\nEVAL- = 1\n", false)
	f("[a]\nTRUNCATE = 1\nTRUNCATE = 2\n", false)
	f("[a]\nTRUNCATE = 1\\\n", false)
	f("[a]\n TRUNCATE = 1\n", false)
}

// conf reads a file of the add-on.
func conf(t *testing.T, file string) stanzas {
	t.Helper()
	all, err := parseConf(read(t, addOn+"/default/"+file+".conf"), splunkKeys[file])
	if err != nil {
		t.Fatalf("%s.conf: %v", file, err)
	}
	return all
}

// The add-on has the files that it is said to have, and they refer to each other.
func TestAddOnHangsTogether(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(addOn + "/default")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".conf"))
	}
	if want := slices.Sorted(maps.Keys(splunkKeys)); !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}

	props, transforms := conf(t, "props"), conf(t, "transforms")
	kinds := []string{"heroku:addon", "heroku:api", "heroku:app", "heroku:router", "heroku:system"}
	if got := slices.Sorted(maps.Keys(props)); !slices.Equal(got, kinds) {
		t.Errorf("sourcetypes %v, want %v", got, kinds)
	}
	used := map[string]bool{}
	for kind := range props {
		for _, r := range props.all(kind, "REPORT-") {
			for name := range strings.SplitSeq(r.value, ", ") {
				used[name] = true
				if _, ok := transforms[name]; !ok {
					t.Errorf("%s: there is no transform %q", kind, name)
				}
			}
		}
		for _, key := range []string{"SHOULD_LINEMERGE", "LINE_BREAKER", "TIME_PREFIX", "MAX_TIMESTAMP_LOOKAHEAD", "TRUNCATE"} {
			if got, want := props.one(kind, key), props.one("heroku:app", key); got != want {
				t.Errorf("%s: %s is %q, and %q of heroku:app", kind, key, got, want)
			}
		}
	}
	for name := range transforms {
		if !used[name] {
			t.Errorf("nobody uses the transform %q", name)
		}
	}

	eventtypes, tags := conf(t, "eventtypes"), conf(t, "tags")
	for name := range eventtypes {
		kind := regexp.MustCompile(`^sourcetype="([^"]+)"`).FindStringSubmatch(eventtypes.one(name, "search"))
		if kind == nil || !slices.Contains(kinds, kind[1]) {
			t.Errorf("the event type %s is of no sourcetype of ours", name)
		}
		if _, ok := tags["eventtype="+name]; !ok {
			t.Errorf("the event type %s has no tag", name)
		}
	}
	if len(tags) != len(eventtypes) {
		t.Errorf("%d tags of %d event types", len(tags), len(eventtypes))
	}
	if version := conf(t, "app").one("launcher", "version"); !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version) {
		t.Errorf("version %q is not one of Splunk's apps", version)
	}
	if id := conf(t, "app").one("package", "id"); !strings.HasSuffix(addOn, "/"+id) {
		t.Errorf("the folder is not called %s", id)
	}
	if meta := read(t, addOn+"/metadata/default.meta"); !strings.Contains(meta, "[]\naccess = read : [ * ], write : [ admin ]\nexport = system\n") {
		t.Error("other apps do not see what the add-on brings")
	}
}

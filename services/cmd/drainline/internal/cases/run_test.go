package cases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
)

const tokens = `
ingest: {hec: {tokens: {audit: {token: "${AUDIT_TOKEN}"}, team: {token: "${TEAM_TOKEN}"}}}}
drains: [{token: d.01234567-89ab-cdef-0123-456789abcdef, join: [java]}]
destinations: {splunk: {urls: ["https://splunk.example.com:8088"], token: "${SPLUNK_TOKEN}"}}
rules:
  - {name: as it came, when: door == "hec", set: {token: '{{ credential }}'}}
  - {name: audit, when: message startsWith "audit", set: {token: audit}}
  - {name: measurements, when: message startsWith "measure", parse: logfmt, metrics: both}
`

// What rules make of the input is in its order, whatever batches it goes in.
func TestRun(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "drainline.yaml")
	if err := os.WriteFile(name, []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := config.Loader{Files: []string{name}, Offline: true}.Load()
	if err != nil {
		t.Fatal(err)
	}
	const joined = "drain: d.01234567-89ab-cdef-0123-456789abcdef\n"
	for _, c := range []struct{ input, want string }{
		{"input: [a, audit b, c, audit d]", "a; audit b audit; c; audit d audit"},
		{"credential: team\ninput: {hec: [{event: a}, {event: audit b}, {event: c}]}", "a team; audit b audit; c team"},
		{"credential: team\ninput: {raw: \"a\\naudit b\"}", "a team; audit b audit"},
		{"input: [a, measure#b=1, audit c, d]", "a; measure#b=1; metric; audit c audit; d"},
		{
			joined + `input: ["java.lang.Error: a", {line: "audit b", process: worker.1}, "\tat A.b(C.java:1)", {line: c, process: worker.1}]`,
			"java.lang.Error: a\n\tat A.b(C.java:1); audit b audit; c",
		},
	} {
		f, _, err := read(t, one(c.input))
		if err != nil {
			t.Fatalf("%s: %v", c.input, err)
		}
		r, err := f.Cases[0].Run(settings)
		if err != nil {
			t.Fatalf("%s: %v", c.input, err)
		}
		var got []string
		for i := range r.Events {
			got = append(got, strings.TrimSpace(r.Events[i].message()+" "+r.Events[i].Token))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", c.input, strings.Join(got, "; "), c.want)
		}
	}
}

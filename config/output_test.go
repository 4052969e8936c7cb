package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drainline/drainline/config"
)

const annotatedFile = "drainline.yaml"

var update = flag.Bool("update", false, "write drainline.yaml anew")

func annotated(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := config.Annotated(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnnotatedFile(t *testing.T) {
	t.Parallel()
	want := annotated(t)
	if *update {
		if err := os.WriteFile(annotatedFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(annotatedFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run go generate: %s (- as it must be, + as it is):\n%s", annotatedFile, diff)
	}
}

func TestAnnotatedFileSetsNothing(t *testing.T) {
	t.Parallel()
	got := load(t, config.Loader{Files: []string{annotatedFile}})
	if diff := cmp.Diff(load(t, config.Loader{}), got); diff != "" {
		t.Error(diff)
	}
}

// With every key uncommented the file says what it shows: defaults, and
// examples where there is no default.
func TestAnnotatedFileUncommented(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for line := range strings.Lines(annotated(t)) {
		text := strings.TrimLeft(line, " ")
		if key, ok := strings.CutPrefix(text, "# "); ok {
			line = line[:len(line)-len(text)] + key
		}
		b.WriteString(line)
	}
	file := write(t, t.TempDir(), "drainline.yaml", b.String())
	env := append([]string{
		"TEAM_A_SECRET=s3cret", "TEAM_A_OLD_SECRET=0ld", "WEB_TOKEN=t0ken", "REDACTION_KEY=0123456789abcdef",
		"BUS_ENCRYPTION_KEY=0123456789abcdef", "SPOOL_ENCRYPTION_KEY=fedcba9876543210", "NATS_NKEY=" + seed,
	}, splunk...)
	got := load(t, config.Loader{Files: []string{file}, Environ: env})
	want := load(t, config.Loader{Environ: append([]string{
		"DRAINLINE_BUS__NKEY=" + seed,
		"DRAINLINE_INGEST__LOGPLEX__CREDENTIALS__TEAM_A__SECRET=s3cret",
		"DRAINLINE_INGEST__LOGPLEX__CREDENTIALS__TEAM_A__PREVIOUS_SECRET=0ld",
		"DRAINLINE_INGEST__HEC__TOKENS__WEB__TOKEN=t0ken",
		"DRAINLINE_JOINS__SHOP__PRESET=java",
		"DRAINLINE_REDACTION__KEY=0123456789abcdef",
		"DRAINLINE_BUS__EMBEDDED__ENCRYPTION_KEY=0123456789abcdef",
		"DRAINLINE_INGEST__SPOOL__ENCRYPTION_KEY=fedcba9876543210",
		"DRAINLINE_DESTINATIONS__SPLUNK__PROXY=http://proxy.example.com:3128",
	}, splunk...)})
	want.Drains = []config.Drain{{Token: "d.01234567-89ab-cdef-0123-456789abcdef"}}
	examples := len(got.Rules) - 1
	if examples < 5 {
		t.Fatalf("the file shows %d rules", examples)
	}
	want.Rules = append(slices.Clone(got.Rules[:examples]), config.Rule{
		Name: "every key", Set: map[string]string{"index": "web", "source": "{{ app }}/{{ process }}"},
		Sample: config.Sample{Rate: 10}, Limit: config.Limit{Events: 2000, Over: "drop"}, OnError: "keep",
		File: file, Path: fmt.Sprintf("rules[%d]", examples),
	})
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the file uncommented (- as without it, + loaded):\n%s", diff)
	}
}

func TestReferenceNamesEveryKey(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := config.Reference(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `ingest.hold` | a duration from 0s to 4.5s | `4s` | How long",
		"| `DRAINLINE_INGEST__HOLD` |\n",
		"Required with `type: splunk_hec`. Example: `[https://splunk.example.com:8088]` | `DRAINLINE_DESTINATIONS__<NAME>__URLS` |\n",
		"| `DRAINLINE_DESTINATIONS__<NAME>__BATCH__LINGER` |\n",
		"## `drains[]`\n",
		"| `drains[].app` | empty or 1 to 64 letters, digits and ._- | `\"\"` | The app that the drain belongs to. Example: `shop` |  |\n",
		"| `ingest.logplex.paths` | a list of different URL paths other than /healthz that begin with / and do not end with it, at least one | `[/logs, /events, /heroku/api/v1/drain]` |",
		"at least one |  | Limits the rules of this file",
		"| `SPLUNK_HEC_TOKEN` | `destinations.splunk.token` |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the reference has no %q", want)
		}
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 6 && strings.Count(line, "|") != 4 {
			t.Errorf("a row has a column too many: %s", line)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := write(t, dir, "token", "hunter2")
	c := load(t, config.Loader{
		Environ: []string{"SPLUNK_HEC_URL=https://splunk", "DRAINLINE_DESTINATIONS__SPLUNK__TOKEN_FILE=" + token},
		Flags:   map[string]any{"bus.prefix": "true", "bus.embedded.dir": "a: # b", "ingest.spool.dir": "$$ ${a} $", "ingest.logplex.query_fields": "true,1"},
	})
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"bus:\n  url: \"\"\n  prefix: \"true\"\n",
		"    dir: 'a: # b'\n",
		"ingest:\n  hold: 4s\n",
		"    dir: $$$$ $${a} $\n",
		"drains: []\n",
		"    query_fields: [\"true\", \"1\"]\n",
		"    urls: ['https://splunk']\n    token_file: " + token + "\n    when: \"\"\n    endpoint: event\n    format: \"\"\n",
		"    ack: auto\n    ack_timeout: 5m\n    proxy: \"\"\n    proxy_file: \"\"\n    health:\n      interval: 10s\n",
		"    batch:\n      max_bytes: 1MB\n      max_events: 10000\n      linger: 200ms\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not printed: %s", want)
		}
	}
	again := load(t, config.Loader{Files: []string{write(t, dir, "again.yaml", out.String())}})
	if again.SHA() != c.SHA() {
		t.Errorf("what is printed is not what was loaded:\n%s", cmp.Diff(c, again))
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestSHA(t *testing.T) {
	t.Parallel()
	loader := func(secret string) config.Loader {
		l := config.Loader{Flags: map[string]any{}}
		for i := range 20 {
			l.Flags[fmt.Sprintf("ingest.logplex.credentials.c%d.secret", i)] = fmt.Sprintf("%s%d", secret, i)
		}
		return l
	}
	first := load(t, loader("a")).SHA()
	if len(first) != 64 {
		t.Errorf("%q is no SHA-256 in hex", first)
	}
	for range 20 {
		if again := load(t, loader("a")).SHA(); again != first {
			t.Fatalf("the same configuration has %s and %s", first, again)
		}
	}
	for name, l := range map[string]config.Loader{
		"default": {Environ: []string{"DRAINLINE_INGEST__HOLD=1s"}},
		"lists":   {Environ: []string{"DRAINLINE_INGEST__LOGPLEX__PATHS=/logs"}},
		"nothing": {},
	} {
		if load(t, l).SHA() == first {
			t.Errorf("another %s makes no difference", name)
		}
	}
	if load(t, loader("b")).SHA() != first {
		t.Error("another secret makes a difference, which services without it would show")
	}
	place := config.Loader{Flags: map[string]any{
		"admin.listen": "127.0.0.1:1", "ingest.logplex.listen": "127.0.0.1:2", "ingest.hec.listen": "127.0.0.1:3", "inspector.listen": "127.0.0.1:4",
		"bus.embedded.dir": "elsewhere", "bus.embedded.listen": "127.0.0.1:5", "ingest.spool.dir": "spool", "bus.creds_file": "output_test.go",
	}}
	if load(t, place).SHA() != load(t, config.Loader{}).SHA() {
		t.Error("instances of one installation differ by where they listen and keep things")
	}
	byFile := config.Loader{Files: []string{write(t, t.TempDir(), "a.yaml", "include: ['x*.yaml']\ningest: {hold: 4000ms}")}}
	if load(t, byFile).SHA() != load(t, config.Loader{}).SHA() {
		t.Error("it matters where a configuration comes from")
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"Annotated": config.Annotated(full{}), "Reference": config.Reference(full{}), "Print": (&config.Config{}).Print(full{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s returns %v", name, err)
		}
	}
}

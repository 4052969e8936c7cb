package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// splunk is the environment that most people start with.
var splunk = []string{"SPLUNK_HEC_URL=https://splunk.example.com:8088", "SPLUNK_HEC_TOKEN=t0ken"}

// write makes a file, with its folders, and returns its full name.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return full
}

func load(t *testing.T, l config.Loader) *config.Config {
	t.Helper()
	c, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems loads what cannot be loaded and returns the lines of the error,
// without the name of the folder.
func problems(t *testing.T, l config.Loader, dir string) []string {
	t.Helper()
	c, err := l.Load()
	var wrong *config.Error
	if !errors.As(err, &wrong) || c != nil {
		t.Fatalf("loaded %v with %v", c, err)
	}
	text := err.Error()
	if dir != "" {
		text = strings.ReplaceAll(text, dir+string(filepath.Separator), "")
	}
	return strings.Split(text, "\n")
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := &config.Config{
		Version: config.SchemaVersion,
		Bus: config.Bus{
			Prefix: "drainline", Replicas: 1, ConnectTimeout: 15 * time.Second,
			TLS:      config.ClientTLS{MinVersion: "1.2"},
			Raw:      config.RawStream{Shards: 1, OrderedShards: 1},
			Dead:     config.DeadStream{MaxAge: 14 * 24 * time.Hour},
			Embedded: config.Embedded{Dir: "drainline-data", Sync: "always"},
		},
		Ingest: config.Ingest{
			Hold:     4 * time.Second,
			Identity: config.Identity{AppFrom: []string{"drain", "path", "query", "hostname", "credential", "token"}},
			Logplex: config.Logplex{
				Listen: ":8080", TLS: config.ServerTLS{MinVersion: "1.2"},
				Paths: []string{"/logs", "/events", "/heroku/api/v1/drain"}, MaxBody: 8 << 20,
				Limits: config.Limits{
					Connections: 10240, Requests: 2048, Header: 32 << 10, Compressed: 8 << 20, Upload: 20 * time.Second,
				},
				QueryFields: []string{"app", "env"},
			},
			HEC: config.HEC{
				Listen: ":8088", TLS: config.ServerTLS{MinVersion: "1.2"},
				MaxBody: 8 << 20, MaxEvent: 512 << 10, MaxEvents: 100_000, MaxDepth: 256,
				Limits: config.Limits{
					Connections: 10240, Requests: 2048, Header: 32 << 10, Compressed: 8 << 20, Upload: time.Minute,
				},
				Acks: config.Acks{Channels: 1_000_000, Pending: 10_000_000, PendingPerChannel: 1_000_000, Idle: 10 * time.Minute},
			},
		},
		Destinations: map[string]config.Destination{"splunk": {
			Type: config.TypeSplunkHEC, URLs: []string{"https://splunk.example.com:8088"}, Token: "t0ken",
			Endpoint: config.EndpointEvent, IndexedFields: []string{"*"}, OnUnknownIndex: config.IndexDead,
			MaxEvent: 5e6, OnLargeEvent: config.LargeDead, WhenFull: config.FullBlock,
			Gzip: true, GzipLevel: 1, Timeout: 30 * time.Second,
			Batch:       config.Batch{MaxBytes: 1e6, MaxEvents: 10000, Linger: 200 * time.Millisecond},
			Concurrency: config.Concurrency{Max: 8, Adaptive: true},
			Retry:       config.Retry{Initial: 500 * time.Millisecond, Max: 30 * time.Second},
			Ack:         config.AckAuto, AckTimeout: 5 * time.Minute,
			Health: config.Health{Interval: 10 * time.Second},
			TLS:    config.ClientTLS{MinVersion: "1.2"},
		}},
		Inspector: config.Inspector{Listen: "127.0.0.1:8089", MaxEvents: 10000},
		Telemetry: config.Telemetry{
			Traces: config.Traces{Sample: 1}, Metrics: config.Metrics{Interval: time.Minute},
			Logs: config.Logs{Level: "info", Format: "text"}, Ledger: config.Ledger{Keep: 30 * 24 * time.Hour},
		},
		Admin: config.Admin{Listen: "127.0.0.1:9600"},
	}
	if diff := cmp.Diff(want, load(t, config.Loader{Environ: splunk})); diff != "" {
		t.Errorf("defaults (- wanted, + loaded):\n%s", diff)
	}
	want.Destinations = nil
	none := load(t, config.Loader{})
	if diff := cmp.Diff(want, none); diff != "" {
		t.Errorf("defaults without destination (- wanted, + loaded):\n%s", diff)
	}
	if err := none.RequireDestination(); err == nil || !strings.Contains(err.Error(), "SPLUNK_HEC_URL") {
		t.Errorf("a configuration without destination says %v", err)
	}
	if err := load(t, config.Loader{Environ: splunk}).RequireDestination(); err != nil {
		t.Error(err)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := write(t, dir, "first.yaml", "ingest: {hold: 1s}\ntelemetry: {logs: {level: warn}}")
	second := write(t, dir, "second.yaml", "ingest: {hold: 2s}")
	empty := write(t, dir, "empty.yaml", "ingest:\n  hold:\ntelemetry:\nbus: {}\n")
	env := []string{"DRAINLINE_INGEST__HOLD=3s"}
	flags := map[string]any{"ingest.hold": "3500ms"}
	for name, c := range map[string]struct {
		loader config.Loader
		hold   time.Duration
		level  string
	}{
		"default":                 {config.Loader{}, 4 * time.Second, "info"},
		"file":                    {config.Loader{Files: []string{first}}, time.Second, "warn"},
		"later file":              {config.Loader{Files: []string{first, second}}, 2 * time.Second, "warn"},
		"earlier file":            {config.Loader{Files: []string{second, first}}, time.Second, "warn"},
		"nothing is not zero":     {config.Loader{Files: []string{empty}}, 4 * time.Second, "info"},
		"nothing keeps the value": {config.Loader{Files: []string{first, empty}}, time.Second, "warn"},
		"environment over files":  {config.Loader{Files: []string{first, second}, Environ: env}, 3 * time.Second, "warn"},
		"flags over all":          {config.Loader{Files: []string{first}, Environ: env, Flags: flags}, 3500 * time.Millisecond, "warn"},
		"flag with a type":        {config.Loader{Flags: map[string]any{"ingest.hold": time.Millisecond}}, time.Millisecond, "info"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := load(t, c.loader)
			if got.Ingest.Hold != c.hold || got.Telemetry.Logs.Level != c.level {
				t.Errorf("hold %s level %s, want %s %s", got.Ingest.Hold, got.Telemetry.Logs.Level, c.hold, c.level)
			}
		})
	}
}

func TestLaterSourcesReplaceListsAndMergeSections(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := write(t, dir, "first.yaml", `
ingest: {logplex: {paths: [/a, /b], query_fields: [x]}}
destinations:
  one: {urls: [https://one], token: one, batch: {max_events: 5}}
`)
	second := write(t, dir, "second.yaml", `
ingest: {logplex: {paths: [/c], query_fields: []}}
destinations:
  one: {batch: {linger: 1s}}
  2: {urls: https://two, token: two}
`)
	got := load(t, config.Loader{Files: []string{first, second}})
	if diff := cmp.Diff([]string{"/c"}, got.Ingest.Logplex.Paths); diff != "" {
		t.Error(diff)
	}
	if n := len(got.Ingest.Logplex.QueryFields); n != 0 {
		t.Errorf("%d query fields, want none", n)
	}
	one, two := got.Destinations["one"], got.Destinations["2"]
	if one.Batch.MaxEvents != 5 || one.Batch.Linger != time.Second || one.Batch.MaxBytes != 1e6 || !one.Gzip {
		t.Errorf("destination one is %+v", one)
	}
	if two.Token.Reveal() != "two" || two.Batch.MaxEvents != 10000 {
		t.Errorf("destination 2 is %+v", two)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	got := load(t, config.Loader{Environ: splunk, Flags: map[string]any{
		"bus.replicas":                        3,
		"bus.raw.max_bytes":                   config.Bytes(1 << 30),
		"ingest.logplex.paths":                []string{"/x", "/y"},
		"admin.pprof":                         true,
		"destinations.splunk.token":           config.Secret("other"),
		"destinations.splunk.batch.max_bytes": "2MB",
	}})
	if got.Bus.Replicas != 3 || got.Bus.Raw.MaxBytes != 1<<30 || len(got.Ingest.Logplex.Paths) != 2 || !got.Admin.Pprof ||
		got.Destinations["splunk"].Token.Reveal() != "other" || got.Destinations["splunk"].Batch.MaxBytes != 2e6 {
		t.Errorf("loaded %+v", got)
	}
	want := []string{
		`bus: is a section and must have keys below it (flags)`,
		`bus.replicas: 4: must be 1, 3 or 5 (flags)`,
		`bus.replicaz: is not a known key, the nearest is "bus.replicas" (flags)`,
		`include: can only be given in a file (flags)`,
		`ingest.logplex.paths: [x]: must be a list of different URL paths other than /healthz that begin with / and do not end with it, at least one (flags)`,
	}
	bad := config.Loader{Flags: map[string]any{"bus": 1, "bus.replicas": 4, "bus.replicaz": 1, "include": "a.yaml", "ingest.logplex.paths": []string{"x"}}}
	if diff := cmp.Diff(want, problems(t, bad, "")); diff != "" {
		t.Error(diff)
	}
}

func TestVariablesInFiles(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "drainline.yaml", `
ingest: {hold: "${HOLD}"}
bus: {replicas: "${REPLICAS}"}
destinations:
  prod:
    urls: ["https://${HOST}:${HEC_PORT}/${EMPTY}", "${URL}"]
    token: pre$$${TOKEN}$post
`)
	got := load(t, config.Loader{Files: []string{file}, Environ: []string{
		"HOLD=2s", "REPLICAS=5", "HOST=splunk", "HEC_PORT=8088", "URL=https://b", "TOKEN=${HOST}", "EMPTY=",
	}})
	prod := got.Destinations["prod"]
	if got.Ingest.Hold != 2*time.Second || got.Bus.Replicas != 5 {
		t.Errorf("hold %s, replicas %d", got.Ingest.Hold, got.Bus.Replicas)
	}
	if diff := cmp.Diff([]string{"https://splunk:8088", "https://b"}, prod.URLs); diff != "" {
		t.Error(diff)
	}
	if want := "pre$${HOST}$post"; prod.Token.Reveal() != want {
		t.Errorf("token %q, want %q: what the environment holds is not replaced again", prod.Token.Reveal(), want)
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, want string }{
		"plain":             {"t0ken", "t0ken"},
		"newline":           {"t0ken\n", "t0ken"},
		"carriage return":   {"t0ken\r\n", "t0ken"},
		"dollars stay":      {"${TOKEN}$$", "${TOKEN}$$"},
		"two newlines":      {"t0ken\n\n", ""},
		"space":             {"t0ken ", ""},
		"nothing":           {"\n", ""},
		"larger than 64KiB": {strings.Repeat("x", 64<<10+1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			token := write(t, dir, "token", c.content)
			l := config.Loader{Environ: []string{
				"SPLUNK_HEC_URL=https://splunk", "DRAINLINE_DESTINATIONS__SPLUNK__TOKEN_FILE=" + token,
			}}
			if c.want == "" {
				if got := problems(t, l, dir); len(got) != 1 || !strings.HasPrefix(got[0], "destinations.splunk.token_file: token: ") {
					t.Errorf("problems %q", got)
				}
				return
			}
			got := load(t, l).Destinations["splunk"]
			if got.Token.Reveal() != c.want || got.TokenFile != token {
				t.Errorf("token %q from %s, want %q", got.Token.Reveal(), got.TokenFile, c.want)
			}
		})
	}
}

// While secrets change, both may be the same for a moment, and a file is emptied
// when the old one has served its time.
func TestPreviousSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	current, previous, none := write(t, dir, "new", "s3cret\n"), write(t, dir, "old", "0ld\n"), write(t, dir, "none", "\n")
	for given, want := range map[string]string{
		"{secret: s3cret}": "", "{secret: s3cret, previous_secret: }": "", "{secret: s3cret, previous_secret: ''}": "",
		"{secret: s3cret, previous_secret: 0ld}":                                 "0ld",
		"{secret: s3cret, previous_secret: s3cret}":                              "s3cret",
		"{secret_file: " + current + ", previous_secret_file: " + previous + "}": "0ld",
		"{secret_file: " + current + ", previous_secret_file: " + current + "}":  "s3cret",
		"{secret_file: " + current + ", previous_secret_file: " + none + "}":     "",
	} {
		file := write(t, t.TempDir(), "drainline.yaml", "ingest: {logplex: {credentials: {team_a: "+given+"}}}")
		got := load(t, config.Loader{Files: []string{file}}).Ingest.Logplex.Credentials["team_a"]
		if got.Secret.Reveal() != "s3cret" || got.PreviousSecret.Reveal() != want {
			t.Errorf("%s: secrets %q and %q, want %q", given, got.Secret.Reveal(), got.PreviousSecret.Reveal(), want)
		}
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got := problems(t, config.Loader{Files: []string{filepath.Join(dir, "drainline.yaml")}}, dir)
	if diff := cmp.Diff([]string{"drainline.yaml: cannot be read: no such file or directory"}, got); diff != "" {
		t.Error(diff)
	}
}

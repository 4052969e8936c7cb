package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

var everyDrainKey = config.Drain{
	Token: "d.1", App: "shop", Index: "web", Source: "heroku, eu", Sourcetype: "a: b", Fields: map[string]string{"env": "prod", "n": "1"},
	Destinations: []string{"splunk"}, Format: "json", Join: []string{"java", "go"}, StructuredData: "never",
	From: time.Date(2024, 5, 1, 12, 0, 0, 500, time.UTC), Until: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC),
}

const everyDrainKeyFile = `
drains:
  - token: d.1
    app: shop
    index: web
    source: heroku, eu
    sourcetype: "a: b"
    fields: {env: "${ENVIRONMENT}", n: "1"}
    destinations: [splunk]
    format: json
    join: [java, go]
    structured_data: never
    from: "2024-05-01T14:00:00.0000005+02:00"
    until: 2024-06-01T00:00:00Z
  - {token: d.2, app: , fields: {}, from: ""}
`

func TestDrains(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "drainline.yaml", everyDrainKeyFile)
	got := load(t, config.Loader{Files: []string{file}, Environ: append([]string{"ENVIRONMENT=prod"}, splunk...)})
	want := []config.Drain{everyDrainKey, {Token: "d.2"}}
	if diff := cmp.Diff(want, got.Drains); diff != "" {
		t.Errorf("drains (- wanted, + loaded):\n%s", diff)
	}
	if location := got.Drains[0].From.Location(); location != time.UTC {
		t.Errorf("times are in %v", location)
	}

	var printed bytes.Buffer
	if err := got.Print(&printed); err != nil {
		t.Fatal(err)
	}
	printedFile := write(t, t.TempDir(), "printed.yaml", strings.ReplaceAll(printed.String(), "'[redacted]'", "t0ken"))
	if diff := cmp.Diff(want, load(t, config.Loader{Files: []string{printedFile}}).Drains); diff != "" {
		t.Errorf("drains as printed (- wanted, + loaded):\n%s\n%s", diff, printed.String())
	}
}

func TestDrainsOfAllFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"main.yaml": "include: [drains.d/*.yaml]\ndrains: [{token: d.main}]", "later.yaml": "drains: [{token: d.later}]",
		"drains.d/a.yaml": "drains: [{token: d.a1}, {token: d.a2}]", "drains.d/b.yaml": "drains: [{token: d.b}]",
		"drains.d/empty.yaml": "drains:\n",
	})
	l := config.Loader{Files: []string{filepath.Join(dir, "main.yaml"), filepath.Join(dir, "later.yaml")}}
	var got []string
	for _, d := range load(t, l).Drains {
		got = append(got, d.Token)
	}
	if diff := cmp.Diff([]string{"d.main", "d.a1", "d.a2", "d.b", "d.later"}, got); diff != "" {
		t.Errorf("tokens (- wanted, + loaded):\n%s", diff)
	}

	write(t, dir, "drains.d/c.yaml", "drains: [{token: d.c}, {token: d.a2, app: shop}]")
	write(t, dir, "later.yaml", "drains: [{token: d.main}]")
	want := []string{
		"drains[0].token: d.main: is the token of drains[0] in main.yaml too (later.yaml)",
		"drains[1].token: d.a2: is the token of drains[1] in drains.d/a.yaml too (drains.d/c.yaml)",
	}
	if diff := cmp.Diff(want, problems(t, l, dir)); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
}

func TestWatchFollowsDrains(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"main.yaml": "include: [drains.d/*.yaml]", "drains.d/a.yaml": "drains: [{token: d.a}]"})
	w := watch(t, config.Loader{Files: []string{filepath.Join(dir, "main.yaml")}})
	replace(t, dir, "drains.d/b.yaml", manyDrains(1000))
	if got := w.next().Drains; len(got) != 1001 {
		t.Errorf("%d drains after a new file", len(got))
	}
	replace(t, dir, "drains.d/a.yaml", "drains: [{token: d.a, until: 2024-05-01T00:00:00Z}]")
	if got := w.next().Drains; got[0].Until.IsZero() {
		t.Errorf("the first drain is %+v after a change", got[0])
	}
}

func TestOnlyFilesGiveDrains(t *testing.T) {
	t.Parallel()
	want := []string{
		"DRAINLINE_DRAINS: is part of a list, and only files can give its entries (environment)",
		"DRAINLINE_DRAINS[0]__APP: is part of a list, and only files can give its entries (environment)",
		"DRAINLINE_DRAINS_0_APP: is part of a list, and only files can give its entries (environment)",
		"DRAINLINE_DRAINS__0__APP: is part of a list, and only files can give its entries (environment)",
		"drains: is part of a list, and only files can give its entries (flags)",
		"drains[0].app: is part of a list, and only files can give its entries (flags)",
	}
	got := problems(t, config.Loader{
		Environ: []string{
			"DRAINLINE_DRAINS=d.1", "DRAINLINE_DRAINS__0__APP=a", "DRAINLINE_DRAINS_0_APP=a", "DRAINLINE_DRAINS[0]__APP=a",
			"DRAINLINE_DRAIN_SECRET=s",
		},
		Flags: map[string]any{"drains": "d.1", "drains[0].app": "a"},
	}, "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
}

func TestDrainCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		drain config.Drain
		want  string
	}{
		"every key": {everyDrainKey, ""},
		"a token":   {config.Drain{Token: "d.1"}, ""},
		"no token":  {config.Drain{}, `token: "": must be 1 to 128 visible ASCII characters`},
		"several": {
			config.Drain{Token: "d.1", App: "a b", Format: "raw", StructuredData: "x"},
			"app: a b: must be empty or 1 to 64 letters, digits and ._-\nformat: raw: must be empty or text, splunk_raw, vector or json\n" +
				"structured_data: x: must be empty or auto, never or always",
		},
	} {
		got := ""
		if err := c.drain.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestUnknownDrains(t *testing.T) {
	t.Parallel()
	const listed = "drains: [{token: d.1}]\n"
	for file, want := range map[string]string{
		"":     config.AcceptDrains,
		listed: config.QuarantineDrains,
		"ingest: {logplex: {unknown_drains: reject}}":           config.RejectDrains,
		listed + "ingest: {logplex: {unknown_drains: accept}}":  config.AcceptDrains,
		"ingest: {logplex: {unknown_drains: quarantine}}":       config.QuarantineDrains,
		listed + "ingest: {logplex: {unknown_drains: ''}}":      config.QuarantineDrains,
		"drains: []\ningest: {logplex: {unknown_drains: null}}": config.AcceptDrains,
	} {
		c := load(t, config.Loader{Files: []string{write(t, t.TempDir(), "drainline.yaml", file)}})
		if got := c.UnknownDrains(); got != want {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}

func TestDrainsMakeAnotherSHA(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, file := range []string{
		"", "drains: [{token: d.1}]", "drains: [{token: d.2}]", "drains: [{token: d.1, app: a}]", "drains: [{token: d.1, index: a}]",
		"drains: [{token: d.1, fields: {a: b}}]", "drains: [{token: d.1, fields: {a: c}}]",
		"drains: [{token: d.1, from: 2024-05-01T00:00:00Z}]", "drains: [{token: d.1, until: 2024-05-01T00:00:00Z}]",
		"drains: [{token: d.1}, {token: d.2}]",
		"ingest: {hec: {tokens: {a: {token: t}}}}", "ingest: {hec: {tokens: {a: {token: t, fields: {a: b}}}}}",
	} {
		sha := load(t, config.Loader{Files: []string{write(t, t.TempDir(), "drainline.yaml", file)}}).SHA()
		if other, taken := seen[sha]; taken {
			t.Errorf("%q and %q have one SHA", file, other)
		}
		seen[sha] = file
	}
}

// manyDrains is a file as `drainline drains import` writes it.
func manyDrains(n int) string {
	var b strings.Builder
	b.WriteString("drains:\n")
	for i := range n {
		fmt.Fprintf(&b, "  # logs.example.com\n  - token: \"d.%08d-89ab-cdef-0123-456789abcdef\"\n    app: \"shop-%d\"\n    index: \"web\"\n", i, i)
	}
	return b.String()
}

func BenchmarkLoad10kDrains(b *testing.B) {
	dir := b.TempDir()
	l := config.Loader{Files: []string{filepath.Join(dir, "drainline.yaml")}, Environ: splunk}
	if err := errors.Join(
		os.WriteFile(l.Files[0], []byte("include: [drains.d/*.yaml]"), 0o600),
		os.Mkdir(filepath.Join(dir, "drains.d"), 0o700),
		os.WriteFile(filepath.Join(dir, "drains.d", "all.yaml"), []byte(manyDrains(10_000)), 0o600),
	); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := l.Load()
		if err != nil || len(c.Drains) != 10_000 {
			b.Fatal(err)
		}
	}
}

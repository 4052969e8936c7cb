package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// herokuJSON is as Heroku's command line prints it.
const herokuJSON = `[
  {
    "addon": null,
    "created_at": "2024-05-01T12:00:00Z",
    "id": "01234567-89ab-cdef-0123-456789abcdef",
    "token": "d.fedcba98-7654-3210-fedc-ba9876543210",
    "updated_at": "2024-05-01T12:00:00Z",
    "url": "https://x:hunter2@splunk.example.com:8088/services/collector/raw?token=hunter2"
  },
  {
    "addon": {"id": "11111111-89ab-cdef-0123-456789abcdef", "name": "papertrail-flat-12345"},
    "created_at": "2024-05-01T12:00:00Z",
    "id": "22222222-89ab-cdef-0123-456789abcdef",
    "token": "d.01234567-7654-3210-fedc-ba9876543210",
    "updated_at": "2024-05-01T12:00:00Z",
    "url": "syslog+tls://logs.papertrailapp.com:12345"
  }
]
`

// importDrains runs the command and returns what it writes.
func importDrains(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	cmd := drainsCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"import"}, args...))
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&diagnostics)
	err = cmd.Execute()
	return out.String(), diagnostics.String(), err
}

func TestDrainsImport(t *testing.T) {
	t.Parallel()
	got, skipped, err := importDrains(t, herokuJSON, "--app", "shop", "--index", "web")
	if err != nil || skipped != "" {
		t.Fatal(err, skipped)
	}
	want := "# What `heroku drains --json` printed. A file that the key `include` names may hold it." + `
drains:
  # splunk.example.com:8088
  - token: "d.fedcba98-7654-3210-fedc-ba9876543210"
    app: "shop"
    index: "web"
  # logs.papertrailapp.com:12345
  - token: "d.01234567-7654-3210-fedc-ba9876543210"
    app: "shop"
    index: "web"
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (- wanted, + got):\n%s", diff)
	}
}

// What is written can be loaded, whatever Heroku says.
func TestDrainsImportLoads(t *testing.T) {
	t.Parallel()
	const odd = `{"token":"${HOME}$$\"\\#:"}, {"token":"1e5","url":null}, {"token":"~"}, {"token":"true"}, {"token":"- a"}`
	tokens := func(tokens ...string) (drains []config.Drain) {
		for _, token := range tokens {
			drains = append(drains, config.Drain{Token: token, App: "007"})
		}
		return drains
	}
	const first, second = "d.fedcba98-7654-3210-fedc-ba9876543210", "d.01234567-7654-3210-fedc-ba9876543210"
	for name, c := range map[string]struct {
		input   string
		want    []config.Drain
		skipped int
	}{
		"as Heroku prints it": {herokuJSON, tokens(first, second), 0},
		"several apps":        {herokuJSON + `[{"token":"d.3"}]`, tokens(first, second, "d.3"), 0},
		"the same twice":      {herokuJSON + herokuJSON, tokens(first, second), 0},
		"odd tokens":          {"[" + odd + "]", tokens(`${HOME}$$"\#:`, "1e5", "~", "true"), 1},
		"no token":            {`[{"url":"https://a"},{"token":""},{"token":"d.3"}]`, tokens("d.3"), 2},
		"unknown keys":        {`[{"token":"d.3","app":{"id":"x"},"extended":[1]}]`, tokens("d.3"), 0},
		"none":                {"[]", nil, 0},
		"a URL for a token":   {`[{"token":"https://u:secret@h"},{"token":"d.3"}]`, tokens("d.3"), 1},
	} {
		written, skipped, err := importDrains(t, c.input, "--app", "007")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Count(skipped, " is skipped: "); got != c.skipped {
			t.Errorf("%s: %d are skipped, want %d: %s", name, got, c.skipped, skipped)
		}
		file := filepath.Join(t.TempDir(), "drains.yaml")
		if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Loader{Files: []string{file}}.Load()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, written)
			continue
		}
		if diff := cmp.Diff(c.want, loaded.Drains); diff != "" {
			t.Errorf("%s: drains (- wanted, + loaded):\n%s", name, diff)
		}
	}
}

func TestDrainsImportFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for name, content := range map[string]string{"a.json": herokuJSON, "b.json": `[{"token":"d.3"}]`} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	got, _, err := importDrains(t, `[{"token":"d.4"}]`, append(files, "-")...)
	if n := strings.Count(got, "- token: "); err != nil || n != 4 || strings.Contains(got, "app:") {
		t.Errorf("%d drains of two files and standard input, %v:\n%s", n, err, got)
	}
}

func TestDrainsImportErrors(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		input string
		args  []string
	}{
		"app: a b: must be empty or 1 to 64 letters": {herokuJSON, []string{"--app", "a b"}},
		"index: Web: must be empty or 1 to 255":      {herokuJSON, []string{"--index", "Web"}},
		"standard input: not what `heroku drains":    {`{"token":"d.1"}`, nil},
		"unexpected EOF":            {`[{"token":"d.1"}`, nil},
		": EOF":                     {"", nil},
		"null is no list":           {"null", nil},
		"no such file or directory": {"", []string{"none.json"}},
	} {
		got, _, err := importDrains(t, c.input, c.args...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if got != "" {
			t.Errorf("written beside an error: %s", got)
		}
	}
}

// A comment shows where a drain points to, and never a secret.
func TestHostOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://logs.example.com/logs":                     "logs.example.com",
		"https://hunter2@logs.example.com:8443/logs":        "logs.example.com:8443",
		"https://user:hunter2@logs.example.com/?k=hunter2":  "logs.example.com",
		"https://[2001:db8::1]:8088/hunter2#hunter2":        "[2001:db8::1]:8088",
		"syslog://logs.example.com:514":                     "logs.example.com:514",
		"https://logs.example.com/?user=a%40b":              "logs.example.com",
		"https://user:12/hunter2@logs.example.com":          "",
		"https://a@user:12/hunter2@logs.example.com":        "",
		"https://user:hunter2/1@logs.example.com":           "",
		"https://user:hunter2@logs.example.com/?from=a@b.c": "",
		"hunter2":           "",
		"":                  "",
		"https://":          "",
		"https://a\nb/":     "",
		"https://hunter2 a": "",
		"https://hünter2/":  "",
	} {
		if got := hostOf(in); got != want {
			t.Errorf("%q points to %q, want %q", in, got, want)
		}
	}
}

package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/drainline/drainline/config"
)

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := write(t, dir, "token", "hunter2-in-a-file\n")
	file := write(t, dir, "drainline.yaml", `
destinations:
  inline: {urls: [https://a], token: hunter2}
  file: {urls: [https://b], token_file: `+token+`, proxy: 'http://hunter2:hunter2-of-the-proxy@proxy'}
ingest:
  logplex: {credentials: {team_a: {user: a, secret: hunter2, previous_secret: hunter2-once}}}
  hec: {tokens: {web: {token: hunter2-web}}}
`)
	c := load(t, config.Loader{Files: []string{file}, Environ: []string{"DRAINLINE_DRAIN_SECRET=hunter2-of-the-drain"}})
	printers := map[string]func(w *bytes.Buffer) error{
		"v":      func(w *bytes.Buffer) error { _, err := fmt.Fprintf(w, "%v %v", c, *c); return err },
		"plus v": func(w *bytes.Buffer) error { _, err := fmt.Fprintf(w, "%+v %+v", c, *c); return err },
		"go": func(w *bytes.Buffer) error {
			_, err := fmt.Fprintf(w, "%#v %#v %#v", c.Destinations, *c, c.Destinations["inline"].Token)
			return err
		},
		"s and q": func(w *bytes.Buffer) error {
			_, err := fmt.Fprintf(w, "%s %q", c.Destinations["inline"].Token, c.Destinations["inline"].Token)
			return err
		},
		"json":  func(w *bytes.Buffer) error { return json.NewEncoder(w).Encode(c) }, //nolint:musttag // nobody should
		"yaml":  func(w *bytes.Buffer) error { return yaml.NewEncoder(w).Encode(c) },
		"Print": func(w *bytes.Buffer) error { return c.Print(w) },
		"SHA":   func(w *bytes.Buffer) error { _, err := w.WriteString(c.SHA()); return err },
		"slog text": func(w *bytes.Buffer) error {
			slog.New(slog.NewTextHandler(w, nil)).Info("x", "config", c, "token", c.Destinations["inline"].Token)
			return nil
		},
		"slog json": func(w *bytes.Buffer) error {
			slog.New(slog.NewJSONHandler(w, nil)).Info("x", "config", c, "token", c.Destinations["inline"].Token)
			return nil
		},
	}
	for name, output := range printers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := output(&out); err != nil {
				t.Fatal(err)
			}
			if out.Len() == 0 || strings.Contains(out.String(), "hunter2") {
				t.Errorf("printed %s", out.String())
			}
		})
	}
	if got := c.Destinations["file"].Token.Reveal(); got != "hunter2-in-a-file" {
		t.Errorf("Reveal gives %q", got)
	}
}

// Secrets end up in the wrong places; no problem may repeat one.
func TestProblemsNeverPrintSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := write(t, dir, "secret", "hunter2 and more")
	for name, file := range map[string]string{
		"a bad token":             "destinations: {a: {urls: [https://a], token: hunter2 two}}",
		"a section":               "destinations: {a: {urls: [https://a], token: {a: hunter2}}}",
		"a list":                  "destinations: {a: {urls: [https://a], token: [hunter2]}}",
		"in place of a section":   "destinations: {a: hunter2}",
		"in place of the names":   "destinations: hunter2",
		"an unknown key":          "destinations: {a: {urls: [https://a], tokn: hunter2}}",
		"a misspelled variable":   "destinations: {a: {urls: [https://a], token: 'hunter2${'}}",
		"an unset variable":       "destinations: {a: {urls: [https://a], token: 'hunter2${UNSET}'}}",
		"a set variable":          "destinations: {a: {urls: ['${SECRET} ${SECRET}'], token: a}}",
		"an alias":                "destinations: {a: {urls: [https://a], token: *hunter2}}",
		"a tag":                   "destinations: {a: {urls: [https://a], token: !hunter2 a b}}",
		"broken quotes":           "destinations: {a: {urls: [https://a], token: \"hunter2}}",
		"a whole file":            "hunter2",
		"user of a URL":           "destinations: {a: {urls: ['https://hunter2@a'], token: a}}",
		"password of a URL":       "destinations: {a: {urls: ['https://a:hunter2/@a'], token: a}}",
		"query of a URL":          "destinations: {a: {urls: ['https://a/?token=hunter2'], token: a}}",
		"password of NATS":        "bus: {url: 'nats://a:b@c,nats://a:hunter2@d'}",
		"password without scheme": "bus: {url: 'a:hunter2@d'}",
		"password in public_url":  "ingest: {public_url: 'https://a:hunter2@d'}",
		"a file of its own":       "destinations: {a: {urls: [https://a], token_file: " + secret + "}}",
		"both ways":               "destinations: {a: {urls: [https://a], token: hunter2, token_file: " + secret + "}}",
		"a bad HEC token":         "ingest: {hec: {tokens: {web: {token: hunter2 two}}}}",
		"a bad previous secret":   "ingest: {logplex: {credentials: {a: {secret: b, previous_secret: hunter2@}}}}",
		"in place of a drain":     "drains: [hunter2]",
		"in place of the drains":  "drains: hunter2",
		"the same HEC token":      "ingest: {hec: {tokens: {a: {token: hunter2}, b: {token: hunter2}}}}",
		"a bad proxy":             "destinations: {a: {type: discard, proxy: 'a:hunter2@b'}}",
		"a proxy with a path":     "destinations: {a: {type: discard, proxy: 'http://a:hunter2@b/c'}}",
		"a proxy in a list":       "destinations: {a: {type: discard, proxy: ['http://a:hunter2@b']}}",
		"a file of a proxy":       "destinations: {a: {type: discard, proxy_file: " + secret + "}}",
		"the token of a rule":     "rules: [{name: a, set: {token: hunter2}}]",
		"the same twice":          "ingest: {logplex: {credentials: {a: {secret: hunter2}, b: {secret: hunter2}}}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			full := write(t, t.TempDir(), "drainline.yaml", file)
			got := problems(t, config.Loader{Files: []string{full}, Environ: []string{"SECRET=hunter2"}}, filepath.Dir(full))
			if strings.Contains(strings.Join(got, "\n"), "hunter2") {
				t.Errorf("problems:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// What a reviewer's machine has: the files and none of the secrets.
const secretsElsewhere = `
ingest:
  logplex:
    tls: {cert_file: /nowhere/tls.crt, key_file: /nowhere/tls.key}
    credentials:
      team_a: {secret: "${TEAM_A_SECRET}", previous_secret_file: /nowhere/old}
      team_b: {secret_file: /nowhere/team_b}
      team_c: {}
  hec: {tokens: {web: {token: "pre-${WEB_TOKEN}"}, cli: {}}}
redaction: {key_file: /nowhere/key}
destinations:
  inline: {urls: [https://a], token: "${TOKEN}"}
  file: {urls: [https://b], token_file: /nowhere/token}
  neither: {urls: [https://c]}
  given: {urls: [https://c], token: "${GIVEN}"}
rules:
  - {name: a, redact: [{preset: email, hmac: true}]}
`

func TestOffline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := config.Loader{Files: []string{write(t, dir, "drainline.yaml", secretsElsewhere)}, Environ: []string{"GIVEN=hunter2"}}
	if got := problems(t, l, dir); len(got) != 10 {
		t.Errorf("%d problems with secrets: %q", len(got), got)
	}
	l.Offline = true
	c := load(t, l)
	logplex, hec := c.Ingest.Logplex.Credentials, c.Ingest.HEC.Tokens
	for name, secret := range map[string]config.Secret{
		"unset variable": logplex["team_a"].Secret, "previous": logplex["team_a"].PreviousSecret, "file": logplex["team_b"].Secret,
		"missing": logplex["team_c"].Secret, "part of a text": hec["web"].Token, "missing token": hec["cli"].Token, "key": c.Redaction.Key,
		"destination":              c.Destinations["inline"].Token,
		"destination with file":    c.Destinations["file"].Token,
		"destination with neither": c.Destinations["neither"].Token,
		"variable that is set":     c.Destinations["given"].Token,
	} {
		if secret.Reveal() != "offline-placeholder" {
			t.Errorf("%s: %q", name, secret.Reveal())
		}
	}
	if c.Certificates != "" {
		t.Error("certificates are read")
	}
}

// HMACs are the same wherever they are made offline, and a key that nobody names is
// missing there, too.
func TestOfflineRedactionKey(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"key: '${KEY}'", "key: '${UNSET}'", "key: 0123456789abcdef-a-key", "key_file: /nowhere/key"} {
		file := write(t, t.TempDir(), "drainline.yaml", "redaction: {"+given+"}\nrules: [{name: a, redact: [{preset: email, hmac: true}]}]")
		l := config.Loader{Files: []string{file}, Environ: []string{"KEY=0123456789abcdef"}, Offline: true}
		if got := load(t, l).Redaction.Key.Reveal(); got != "offline-placeholder" {
			t.Errorf("%s: the key is %q", given, got)
		}
	}
	if got := load(t, config.Loader{Environ: []string{"DRAINLINE_REDACTION__KEY=0123456789abcdef"}, Offline: true}).Redaction.Key.Reveal(); got != "offline-placeholder" {
		t.Errorf("from the environment: the key is %q", got)
	}
	if got := load(t, config.Loader{Offline: true}).Redaction.Key; got != "" {
		t.Error("a key that nobody needs is there")
	}
}

// Whatever shell it is checked in, offline a configuration is the same.
func TestOfflineWithoutEnvironment(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"rules: [{name: a, to: [splunk]}]",
		"destinations: {splunk: {when: 'kind == \"app\"'}}\nunrouted: drop",
		"destinations: {other: {urls: [https://a], token: '${TOKEN}'}}\nredaction: {key: '${KEY}'}",
	} {
		l := config.Loader{Files: []string{write(t, t.TempDir(), "drainline.yaml", file)}, Offline: true}
		want := load(t, l)
		for _, environ := range [][]string{
			{"SPLUNK_HEC_TOKEN=x"},
			{"SPLUNK_HEC_URL=https://b"},
			{"SPLUNK_HEC_URL=https://b", "SPLUNK_HEC_TOKEN=x"},
			{"SPLUNK_HEC_URL=nonsense", "PORT=80", "DRAINLINE_DRAIN_SECRET=s3cret"},
			{"TOKEN=a b", "KEY=short"},
			{"TOKEN=x", "KEY=0123456789abcdef"},
		} {
			l.Environ = environ
			if diff := cmp.Diff(want, load(t, l)); diff != "" {
				t.Errorf("%s, %v (- without, + with):\n%s", file, environ, diff)
			}
		}
		if len(want.Destinations) != 1 {
			t.Errorf("%s: the destinations are %v", file, want.Destinations)
		}
	}
}

func TestOfflineProblems(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"destinations: {a: {urls: ['${URL}'], token: a}}":                     "destinations.a.urls: [${URL}]: names ${URL}, which is not set in the environment (a.yaml)",
		"rules: [{name: a, set: {index: '${INDEX}'}}]":                        "rules[0].set: {index: ${INDEX}}: names ${INDEX}, which is not set in the environment (a.yaml)",
		"destinations: {a: {urls: [https://a], token: '${A}${'}}":             "destinations.a.token: [redacted]: must name an environment variable as ${NAME}; $$ stands for $ (a.yaml)",
		"destinations: {a: {urls: [https://a], token: '${-}${A}'}}":           "destinations.a.token: [redacted]: must name an environment variable as ${NAME}; $$ stands for $ (a.yaml)",
		"destinations: {a: {token: a}}":                                       "destinations.a.urls: is missing (a.yaml)",
		"destinations: {a: {urls: [https://a], token: a b}}":                  "destinations.a.token: [redacted]: must be 1 to 1000 visible characters without spaces, and not the placeholder [redacted] (a.yaml)",
		"destinations: {a: {urls: [https://a], token: a, token_file: b}}":     "destinations.a.token: is given together with token_file (a.yaml): give one of them (a.yaml)",
		"ingest: {hec: {tokens: {a: {token: hunter2}, b: {token: hunter2}}}}": "ingest.hec.tokens.b: has the token of ingest.hec.tokens.a: who sends could not be told (a.yaml)",

		"rules: [{name: a, redact: [{preset: email, hmac: true}]}]": "rules[0].redact: needs redaction.key: hmac makes values with it (a.yaml)",

		"include: [b.yaml]":           "include: b.yaml: cannot be read: no such file or directory (a.yaml)",
		"rules: [{name: a, to: [b]}]": "rules[0].to: b: is not the name of a destination (a.yaml)",
	} {
		dir := t.TempDir()
		got := problems(t, config.Loader{Files: []string{write(t, dir, "a.yaml", file)}, Offline: true}, dir)
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s (- wanted, + found):\n%s", file, diff)
		}
	}
}

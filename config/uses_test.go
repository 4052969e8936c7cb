package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// What the services of an installation use of its secrets.
var used = map[string][]string{
	"ingest":    {"bus.nkey", "bus.tls", "ingest"},
	"transform": {"bus.nkey", "bus.tls", "redaction"},
	"shipper":   {"bus.nkey", "bus.tls", "destinations"},
	"operator":  {"bus.nkey", "bus.tls"},
}

const (
	oneForAll = `
bus:
  url: nats://nats-1
  nkey_file: NAME/nkey
  tls: {ca_file: NAME/ca.pem}
  embedded: {encryption_key_file: nobody/key}
ingest:
  spool: {encryption_key_file: ingest/spool}
  logplex:
    tls: {cert_file: ingest/tls.crt, key_file: ingest/tls.key}
    credentials:
      team_a: {secret: "${TEAM_A}", previous_secret_file: ingest/old}
      team_b: {secret_file: ingest/team_b}
      team_c: {}
  hec: {tokens: {web: {token: "pre-${WEB}"}}}
redaction: {key_file: transform/key}
destinations:
  inline: {urls: [https://a], token: "${TOKEN}", proxy: "${PROXY}"}
  file: {urls: [https://b], token_file: shipper/token, proxy_file: shipper/proxy, tls: {ca_file: shipper/ca.pem}}
  neither: {urls: [https://c]}
rules:
  - {name: a, redact: [{preset: email, hmac: true}]}
`
	holder = "offline-placeholder"
)

// own are a configuration's files and variables of one service.
var own = map[string]struct{ files, environ []string }{
	"ingest":    {[]string{"spool", "tls.crt", "tls.key", "old", "team_b"}, []string{"TEAM_A=team-a", "WEB=web", "DRAINLINE_INGEST__LOGPLEX__CREDENTIALS__TEAM_C__SECRET=team-c"}},
	"transform": {[]string{"key"}, nil},
	"shipper":   {[]string{"token", "proxy", "ca.pem"}, []string{"TOKEN=t0ken", "PROXY=http://proxy:1", "DRAINLINE_DESTINATIONS__NEITHER__TOKEN=n3ither"}},
	"operator":  {},
}

// install writes the configuration of a service with its own secrets, and those of others beside.
func install(t *testing.T, service string, others ...string) (l config.Loader, dir string) {
	t.Helper()
	dir = t.TempDir()
	text := strings.ReplaceAll(oneForAll, "NAME", "bus")
	for _, name := range []string{"bus", "nobody", "ingest", "transform", "shipper"} {
		text = strings.ReplaceAll(text, " "+name+"/", " "+dir+"/"+name+"/")
	}
	write(t, dir, "bus/nkey", seed)
	write(t, dir, "bus/ca.pem", "ca")
	l = config.Loader{Files: []string{write(t, dir, "drainline.yaml", text)}, Uses: used[service]}
	for _, name := range append(others, service) {
		for _, file := range own[name].files {
			content := "from-a-file-of-" + name + "-" + file
			if file == "proxy" {
				content = "http://" + content
			}
			write(t, dir, name+"/"+file, content)
		}
		l.Environ = append(l.Environ, own[name].environ...)
	}
	return l, dir
}

// secretsOf are the secrets by what they are of.
func secretsOf(c *config.Config) map[string]string {
	credentials := c.Ingest.Logplex.Credentials
	secrets := map[string]string{
		"bus": c.Bus.NKey.Reveal(), "embedded": c.Bus.Embedded.EncryptionKey.Reveal(), "ingest spool": c.Ingest.Spool.EncryptionKey.Reveal(),
		"ingest old": credentials["team_a"].PreviousSecret.Reveal(), "ingest web": c.Ingest.HEC.Tokens["web"].Token.Reveal(),
		"redaction": c.Redaction.Key.Reveal(), "destinations proxy inline": c.Destinations["inline"].Proxy.Reveal(),
		"destinations proxy": c.Destinations["file"].Proxy.Reveal(),
	}
	for name, credential := range credentials {
		secrets["ingest "+name] = credential.Secret.Reveal()
	}
	for name, d := range c.Destinations {
		secrets["destinations "+name] = d.Token.Reveal()
	}
	return secrets
}

// Each service loads the one configuration with its own secrets alone, and has those.
func TestUses(t *testing.T) {
	t.Parallel()
	for service, sections := range used {
		l, _ := install(t, service)
		for what, got := range secretsOf(load(t, l)) {
			section, _, _ := strings.Cut(what, " ")
			if its := section == "bus" || slices.Contains(sections, section); its != (got != holder) || got == "" {
				t.Errorf("%s of %s: %q", what, service, got)
			}
		}
		everything := l
		everything.Uses = nil
		if _, err := everything.Load(); err == nil {
			t.Errorf("what %s has is enough for all", service)
		}
	}
}

// What is given for another service is not read, and the SHA is the same for all.
func TestUsesNothingElse(t *testing.T) {
	t.Parallel()
	shas := map[string]bool{}
	for service := range used {
		l, dir := install(t, service)
		alone := load(t, l)
		rich, richDir := install(t, service, slices.Sorted(maps.Keys(own))...)
		rich.Environ = append(rich.Environ, "DRAINLINE_BUS__EMBEDDED__ENCRYPTION_KEY_FILE=", "DRAINLINE_BUS__EMBEDDED__ENCRYPTION_KEY=0123456789abcdef")
		full := load(t, rich)
		if diff := cmp.Diff(secretsOf(alone), secretsOf(full)); diff != "" {
			t.Errorf("%s (- alone, + with the secrets of others):\n%s", service, strings.ReplaceAll(diff, richDir, dir))
		}
		shas[sha(t, l, dir)] = true
	}
	if len(shas) != 1 {
		t.Errorf("the services have different SHAs: %v", shas)
	}
}

// sha is the SHA with relative names of files, which differ by test folder.
func sha(t *testing.T, l config.Loader, dir string) string {
	t.Helper()
	c := load(t, l)
	c.Bus.TLS.CAFile = strings.TrimPrefix(c.Bus.TLS.CAFile, dir)
	c.Ingest.Logplex.TLS.CertFile = strings.TrimPrefix(c.Ingest.Logplex.TLS.CertFile, dir)
	c.Ingest.Logplex.TLS.KeyFile = strings.TrimPrefix(c.Ingest.Logplex.TLS.KeyFile, dir)
	d := c.Destinations["file"]
	d.TLS.CAFile = strings.TrimPrefix(d.TLS.CAFile, dir)
	c.Destinations["file"] = d
	return c.SHA()
}

// Its own secrets a service wants as ever.
func TestUsesItsOwn(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]int{"ingest": 6, "transform": 1, "shipper": 5} {
		l, dir := install(t, service)
		for _, file := range own[service].files {
			rename(t, dir+"/"+service+"/"+file, dir+"/"+file)
		}
		l.Environ = nil
		if got := problems(t, l, dir); len(got) != want {
			t.Errorf("%s has %d problems, want %d: %q", service, len(got), want, got)
		}
	}
}

// The names that people have set already, in all services or in one.
func TestUsesEstablishedNames(t *testing.T) {
	t.Parallel()
	const url, token, drain = "SPLUNK_HEC_URL=https://splunk", "SPLUNK_HEC_TOKEN=t0ken", "DRAINLINE_DRAIN_SECRET=s3cret"
	want := load(t, config.Loader{Environ: []string{url, token, drain}}).SHA()
	for _, c := range []struct {
		service       string
		environ       []string
		token, secret string
	}{
		{"ingest", []string{url, token, drain}, holder, "s3cret"},
		{"ingest", []string{url, drain}, holder, "s3cret"},
		{"ingest", []string{url, drain, "SPLUNK_HEC_TOKEN=a b"}, holder, "s3cret"},
		{"transform", []string{url, token, drain}, holder, holder},
		{"transform", []string{url}, holder, ""},
		{"shipper", []string{url, token, drain}, "t0ken", holder},
		{"shipper", []string{url, token}, "t0ken", ""},
	} {
		got := load(t, config.Loader{Environ: c.environ, Uses: used[c.service]})
		if got.Destinations["splunk"].Token.Reveal() != c.token || got.Ingest.Logplex.Credentials["default"].Secret.Reveal() != c.secret {
			t.Errorf("%s with %q: %q", c.service, c.environ, secretsOf(got))
		}
		if got.SHA() != want {
			t.Errorf("%s with %q has another SHA", c.service, c.environ)
		}
	}
	// As ever: a door alone needs no destination, and half of one is none.
	if c := load(t, config.Loader{Environ: []string{drain}, Uses: used["ingest"]}); len(c.Destinations) != 0 {
		t.Errorf("destinations from nowhere: %v", c.Destinations)
	}
	for service, environ := range map[string][]string{"ingest": {token, drain}, "shipper": {url}} {
		if got := problems(t, config.Loader{Environ: environ, Uses: used[service]}, ""); len(got) != 1 {
			t.Errorf("%s with %q: %q", service, environ, got)
		}
	}
}

// What is wrong is refused by all services, whoever uses it.
func TestUsesProblems(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"destination: {}",
		"destinations: {a: {urls: ['${URL}'], token: a}}",
		"destinations: {a: {urls: [https://a], token: '${A}${'}}",
		"destinations: {a: {urls: [https://a], token: a b}}",
		"destinations: {a: {urls: [https://a], token: a, token_file: b}}",
		"destinations: {a: {urls: [https://a], token: a, tls: {cert_file: a}}}",
		"ingest: {hec: {tokens: {a: {token: hunter2}, b: {token: hunter2}}}}",
		"ingest: {hold: long}",
		"redaction: {key: short}",
		"rules: [{name: a, to: [b]}]",
	} {
		for service := range used {
			dir := t.TempDir()
			l := config.Loader{Files: []string{write(t, dir, "a.yaml", file)}, Uses: used[service]}
			if got := problems(t, l, dir); len(got) != 1 {
				t.Errorf("%s, %s: %q", service, file, got)
			}
		}
	}
}

// Files of other services neither wake a service nor count as wrong, whatever becomes of them.
func TestWatchUses(t *testing.T) {
	t.Parallel()
	l, dir := install(t, "shipper", "ingest")
	w := watch(t, l)
	replace(t, dir, "ingest/team_b", "another")
	replace(t, dir, "ingest/tls.crt", "another")
	rename(t, dir+"/ingest", dir+"/gone")
	w.ask()
	w.expect(unchanged)
	replace(t, dir, "shipper/token", "another")
	if got := w.next().Destinations["file"].Token.Reveal(); got != "another" {
		t.Errorf("the token is %q", got)
	}
	replace(t, dir, "shipper/ca.pem", "another")
	w.next()
}

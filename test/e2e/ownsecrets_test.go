package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// oneForAll names the secrets and certificates of all services; files are in the working directory.
const oneForAll = `
bus: {embedded: {encryption_key_file: nobody}}
ingest:
  logplex: {credentials: {team: {secret_file: drain, previous_secret: "${OLD_SECRET}"}}}
  hec: {listen: "127.0.0.1:0", tls: {cert_file: server.pem, key_file: server-key.pem}, tokens: {web: {token: "${WEB_TOKEN}"}}}
redaction: {key_file: redaction}
destinations:
  splunk: {urls: ["${URL}"], token_file: splunk, proxy: "${PROXY}", tls: {ca_file: ca.pem}}
rules: [{name: mail, redact: [{preset: email, hmac: true}]}]
`

// own are the files and variables that each service has and no other.
var own = map[string]struct{ files, environ []string }{
	"ingest":    {[]string{"drain", "server.pem", "server-key.pem"}, []string{"OLD_SECRET=old-secret", "WEB_TOKEN=web-token"}},
	"transform": {[]string{"redaction"}, nil},
	"shipper":   {[]string{"splunk", "ca.pem"}, []string{"PROXY=none"}},
}

// safe is a folder with all files, and the configuration.
func safe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if code := (command{program: "drainline", args: []string{"keys", dir, "--certificates"}}).start(t).exit(); code != 0 {
		t.Fatalf("keys ended with %d", code)
	}
	for name, content := range map[string]string{
		"drainline.yaml": oneForAll, "drain": secret, "redaction": "0123456789abcdef", "splunk": splunkToken,
	} {
		replaceFile(t, filepath.Join(dir, name), content)
	}
	return dir
}

// trusted is a service with its own files and variables out of a safe, but for one.
func trusted(t *testing.T, safe, name, without string, settings ...string) command {
	t.Helper()
	c := service(t, name, settings...)
	c.args, c.env = append(c.args, "--config", filepath.Join(safe, "drainline.yaml")), []string{"URL=http://127.0.0.1:1"}
	for _, file := range own[name].files {
		if file == without {
			continue
		}
		content, err := os.ReadFile(filepath.Join(safe, file))
		if err != nil {
			t.Fatal(err)
		}
		replaceFile(t, filepath.Join(c.dir, file), string(content))
	}
	for _, variable := range own[name].environ {
		if !strings.HasPrefix(variable, without+"=") {
			c.env = append(c.env, variable)
		}
	}
	return c
}

// Three services and an operator share a configuration, and nobody has the secrets of another.
func TestOwnSecrets(t *testing.T) {
	t.Parallel()
	splunk, dir := serveSplunk(t), safe(t)
	_, url := startNATS(t, "")
	settings := []string{"bus.url=" + url, "ingest.logplex.listen=" + port.Free(t)}
	processes := map[string]*process{}
	for _, name := range []string{"shipper", "transform", "ingest"} {
		c := trusted(t, dir, name, "", settings...)
		c.env[0] = "URL=" + splunk.url
		processes[name] = c.start(t)
	}
	for _, p := range processes {
		p.ready()
	}
	for _, good := range []string{secret, "old-secret"} {
		mustPost(t, processes["ingest"].drainURL(good), frame("from a@example.com by "+good+"\n"), "Logplex-Frame-Id", good)
	}
	eventually(t, "both lines are indexed", func() bool { return len(splunk.Events()) == 2 })
	mac := hmac.New(sha256.New, []byte("0123456789abcdef"))
	_, _ = mac.Write([]byte("a@example.com")) // never fails
	var texts []string
	for _, e := range splunk.Events() {
		texts = append(texts, e.Text())
	}
	redacted := "from hmac:" + hex.EncodeToString(mac.Sum(nil))[:16] + " by "
	if slices.Sort(texts); !slices.Equal(texts, []string{redacted + secret, redacted + "old-secret"}) {
		t.Errorf("indexed: %q", texts)
	}

	status := command{
		program: "drainline", args: []string{"status", "--config", filepath.Join(dir, "drainline.yaml"), "--set", "bus.url=" + url},
		dir: t.TempDir(), env: []string{"URL=" + splunk.url},
	}.start(t)
	if code := status.exit(); code != 0 { // nor do the configurations differ
		t.Errorf("status ended with %d", code)
	}
}

// Without one of its own secrets a service does not start, and names it.
func TestOwnSecretsAreWanted(t *testing.T) {
	t.Parallel()
	dir := safe(t)
	_, url := startNATS(t, "")
	for _, c := range []struct {
		service, without, says string
		code                   int
	}{
		{"ingest", "drain", "ingest.logplex.credentials.team.secret_file: drain: cannot be read", 2},
		{"ingest", "OLD_SECRET", "ingest.logplex.credentials.team.previous_secret: .* names \\$\\{OLD_SECRET\\}, which is not set", 2},
		{"ingest", "server-key.pem", "server-key.pem: no such file", 1},
		{"transform", "redaction", "redaction.key_file: redaction: cannot be read", 2},
		{"shipper", "splunk", "destinations.splunk.token_file: splunk: cannot be read", 2},
		{"shipper", "ca.pem", "ca.pem: no such file", 1},
	} {
		p := trusted(t, dir, c.service, c.without, "bus.url="+url)
		p.graceful = false
		started := p.start(t)
		started.line(".*" + c.says + ".*")
		if code := started.exit(); code != c.code {
			t.Errorf("%s without %s ended with %d, want %d", c.service, c.without, code, c.code)
		}
	}
}

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// secret is that of the drain URL.
const secret = "e2e-secret"

// service is the command of one of Drainline's programs ("transform") or
// commands ("drainline run"), with settings (key=value). Its ports are the
// kernel's choice unless they are set.
func service(t *testing.T, name string, settings ...string) command {
	t.Helper()
	words := strings.Fields(name)
	c := command{program: words[0], args: words[1:], dir: t.TempDir(), graceful: true}
	settings = append([]string{"admin.listen=127.0.0.1:0", "ingest.logplex.listen=127.0.0.1:0"}, settings...)
	for _, s := range settings {
		c.args = append(c.args, "--set", s)
	}
	c.env = []string{"DRAINLINE_DRAIN_SECRET=" + secret}
	return c
}

// to makes a Splunk the destination.
func to(url string) []string {
	return []string{"destinations.splunk.urls=" + url, "destinations.splunk.token=" + splunkToken}
}

// ready waits until a service has started.
func (p *process) ready() *process {
	p.t.Helper()
	p.line(`admin +(http://\S+) .*`)
	return p
}

// drainURL is the printed one with a secret put in.
func (p *process) drainURL(secret string) string {
	p.t.Helper()
	return strings.NewReplacer("***", secret, "localhost", "127.0.0.1").Replace(p.line(`drain URL +(\S+)`))
}

// sender is a `drainline send` with a ledger.
type sender struct {
	*process

	ledger string
}

func send(t *testing.T, url string, flags ...string) *sender {
	t.Helper()
	ids := filepath.Join(t.TempDir(), "accepted")
	args := append([]string{"send", url, "--quiet", "--ledger", ids}, flags...)
	return &sender{process: command{program: "drainline", args: args}.start(t), ledger: ids}
}

// accepted waits for the end, at which nothing may have been dropped.
func (s *sender) accepted() ledger {
	s.t.Helper()
	if code := s.exit(); code != 0 {
		s.t.Fatalf("%s ended with %d", s.name(), code)
	}
	return readLedger(s.t, s.ledger)
}

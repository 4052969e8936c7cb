package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// Everything in one process, with nothing set but where Splunk is (and ports,
// because tests run side by side).
func TestAllInOne(t *testing.T) {
	t.Parallel()
	sim := startSplunk(t)
	dir := t.TempDir()
	run := command{
		program: "drainline", args: []string{"run"}, dir: dir, graceful: true,
		env: []string{
			"SPLUNK_HEC_URL=" + sim.url, "SPLUNK_HEC_TOKEN=" + splunkToken,
			"PORT=" + strings.TrimPrefix(port.Free(t), "127.0.0.1:"), "DRAINLINE_ADMIN__LISTEN=127.0.0.1:0",
		},
	}.start(t).ready()
	made := func() string {
		content, err := os.ReadFile(filepath.Join(dir, "drainline-data", "drain-secret"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(content))
	}
	secret := made()
	url := run.drainURL(secret)
	accepted := ledger{}
	sent := func(flags ...string) {
		t.Helper()
		for id := range send(t, url, flags...).accepted() {
			accepted[id]++
		}
	}
	arrived := func() {
		t.Helper()
		eventually(t, "all that was accepted is indexed", func() bool { return lines(sim.ledger) >= len(accepted) })
	}

	sent("--count", "2000", "--drains", "4", "--frames", "10")
	arrived()
	run.stop()

	run = run.again().ready()
	if again := made(); again != secret {
		t.Errorf("the secret is %q after a restart, and was %q", again, secret)
	}
	sent("--count", "500")
	arrived()

	sim.stop()
	sent("--count", "1000", "--frames", "5")
	sim.back()
	arrived()

	sim.stop()
	sent("--count", "1000", "--frames", "5")
	run.stop()
	run = run.again().ready()
	sent("--count", "100")
	sim.back()
	arrived()

	run.stop()
	books(t, accepted, sim.indexed(), 0)
}

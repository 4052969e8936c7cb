package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// replaceFile puts a new version of a file in place, whole.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// An operator changes the drain's secret without a gap, by a time in which both
// are good, while the service runs.
func TestSecretIsRotated(t *testing.T) {
	t.Parallel()
	const before, after = "first-secret", "second-secret"
	sim := serveSplunk(t)
	run := service(t, "drainline run", to(sim.url)...)
	file := filepath.Join(run.dir, "drainline.yaml")
	credentials := func(secrets ...string) {
		content := "ingest:\n  logplex:\n    credentials:\n"
		for _, s := range secrets {
			content += fmt.Sprintf("      c_%s: {secret: %s}\n", s[:5], s)
		}
		replaceFile(t, file, content)
	}
	credentials(before)
	run.env, run.args = nil, append(run.args, "--config", file)
	p := run.start(t).ready()
	answers := func(first, second int) func() bool {
		return func() bool {
			return post(t, p.drainURL(before), frame("before\n"), "Logplex-Frame-Id", "") == first &&
				post(t, p.drainURL(after), frame("after\n"), "Logplex-Frame-Id", "") == second
		}
	}
	const good, bad = http.StatusNoContent, http.StatusUnauthorized
	if !answers(good, bad)() {
		t.Error("only the first secret should be good at first")
	}
	credentials(before, after)
	eventually(t, "both secrets are good", answers(good, good))
	credentials(after)
	eventually(t, "only the second secret is good", answers(bad, good))
}

// Splunk's token is changed in a file. What waited because of the old one arrives.
func TestTokenIsChanged(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	run := service(t, "drainline run")
	token, file := filepath.Join(run.dir, "token"), filepath.Join(run.dir, "drainline.yaml")
	replaceFile(t, token, "wrong\n")
	replaceFile(t, file, fmt.Sprintf("destinations: {splunk: {urls: [%q], token_file: %q}}\n", sim.url, token))
	run.args = append(run.args, "--config", file)
	p := run.start(t).ready()
	mustPost(t, p.drainURL(secret), frame("waited\n"))
	eventually(t, "Splunk refuses the token", func() bool { return len(sim.Stats().Refused) > 0 })
	if n := sim.Count(); n > 0 {
		t.Errorf("%d events arrived with a wrong token", n)
	}
	replaceFile(t, token, splunkToken+"\n")
	eventually(t, "the event arrives", func() bool { return sim.Count() > 0 })
	if got, want := sim.texts(), []string{"waited"}; !slices.Equal(got, want) {
		t.Errorf("indexed %q, want %q", got, want)
	}
}

// A hangup asks for the configuration to be read, and is answered in the log.
// One that is wrong changes nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	run := service(t, "drainline run", to(sim.url)...)
	file := filepath.Join(run.dir, "drainline.yaml")
	replaceFile(t, file, "ingest: {hold: 2s}\n")
	run.args = append(run.args, "--config", file)
	p := run.start(t).ready()
	p.signal(syscall.SIGHUP)
	p.line(`.*the configuration has not changed.*`)
	replaceFile(t, file, "ingest: {hodl: 3s}\n")
	p.signal(syscall.SIGHUP)
	p.line(`.*the changed configuration is not used, the running one stays.*hodl.*hold.*`)
	replaceFile(t, file, "ingest: {hold: 3s}\n")
	p.line(`.*the configuration was loaded again.*`)
	mustPost(t, p.drainURL(secret), frame("alive\n"))
	eventually(t, "the event arrives", func() bool { return sim.Count() == 1 })
}

package clients

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds every wait.
	patience = time.Minute

	splunkToken = "11111111-2222-3333-4444-555555555555"
	// The tokens of Drainline's HEC door, plain and with acknowledgement.
	token    = "22222222-3333-4444-5555-666666666666"
	ackToken = "33333333-4444-5555-6666-777777777777"
)

// drainline is the program at work, with both doors open.
type drainline struct {
	hec     string // the URL of its HEC door
	logplex string // the drain URL
	stop    func()
}

// launch starts a drainline that delivers to a URL, with settings (key=value) and
// OpenTelemetry's variables (OTEL_…=value). It has to end well with the test.
func launch(t *testing.T, destination string, settings ...string) *drainline {
	t.Helper()
	var said transcript
	cmd := exec.Command(program, "run")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DRAINLINE_DRAIN_SECRET=secret"}
	for _, s := range append([]string{
		"admin.listen=127.0.0.1:0", "ingest.logplex.listen=127.0.0.1:0", "ingest.hec.listen=127.0.0.1:0",
		"ingest.hec.tokens.web.token=" + token, "ingest.hec.tokens.web.fields=team=shop",
		"ingest.hec.tokens.acked.token=" + ackToken, "ingest.hec.tokens.acked.ack=true",
		"destinations.splunk.urls=" + destination, "destinations.splunk.token=" + splunkToken,
	}, settings...) {
		if strings.HasPrefix(s, "OTEL_") {
			cmd.Env = append(cmd.Env, s)
			continue
		}
		cmd.Args = append(cmd.Args, "--set", s)
	}
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d := &drainline{stop: sync.OnceFunc(func() { end(t, cmd, ended) })}
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			t.Logf("drainline said:\n%s", &said)
		}
	})
	d.hec = printed(t, &said, "HEC URL")
	d.logplex = strings.Replace(printed(t, &said, "drain URL"), "***", "secret", 1)
	return d
}

// end asks a process to end, which it has to do well.
func end(t *testing.T, cmd *exec.Cmd, ended <-chan error) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("drainline ended: %v", err)
		}
	case <-time.After(patience):
		t.Error("drainline did not end")
		_ = cmd.Process.Kill()
	}
}

// printed waits for a URL that is printed behind its name.
func printed(t *testing.T, said *transcript, name string) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + name + ` +(\S+)$`)
	var found []string
	eventually(t, "drainline prints its "+name, func() bool {
		found = line.FindStringSubmatch(said.String())
		return found != nil
	})
	return strings.Replace(found[1], "localhost", "127.0.0.1", 1)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// transcript keeps what a process prints.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

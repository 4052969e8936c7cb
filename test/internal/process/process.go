// Package process runs programs for tests, which never outlive their test.
package process

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: the longest that is meant is JetStream's AckWait of 30 s.
const patience = 2 * time.Minute

// Eventually waits until ok, and looks every few milliseconds.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// Command is a program and all it is started with.
type Command struct {
	// Name is what the program is called when a test fails.
	Name string
	// Args begin with the program's path.
	Args []string
	// Env is all of its environment.
	Env []string
	// Dir is where it runs; empty is the test's own folder.
	Dir string
}

// Process is a program that was started. It is killed at the end of its test.
type Process struct {
	Command

	t      *testing.T
	cmd    *exec.Cmd
	output transcript
	ended  chan struct{} // closed once it is reaped
}

// Start starts the program.
func (c Command) Start(t *testing.T) *Process {
	t.Helper()
	p := &Process{Command: c, t: t, ended: make(chan struct{})}
	p.cmd = exec.Command(c.Args[0], c.Args[1:]...) //nolint:noctx,gosec // it is killed at the end of the test, which says what it is
	p.cmd.Dir, p.cmd.Env = c.Dir, c.Env
	if c.Env == nil {
		p.cmd.Env = []string{} // nil would be the test's own
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// In a group of its own it can be ended with what it has started.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // what it says is in ProcessState
	}()
	t.Cleanup(p.end)
	return p
}

// HasEnded reports whether the program has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Output is what it has printed so far, on both outputs, up to a megabyte.
func (p *Process) Output() string { return p.output.String() }

// Line waits for a line that matches, and returns what the pattern's last group has matched.
func (p *Process) Line(pattern string) string {
	p.t.Helper()
	expression := regexp.MustCompile(`(?m)^` + pattern + `$`)
	var found []string
	Eventually(p.t, p.Name+" prints "+pattern, func() bool {
		ended := p.HasEnded()
		found = expression.FindStringSubmatch(p.Output())
		if found == nil && ended {
			p.t.Fatalf("%s ended with %d and has not printed %s:\n%s", p.Name, p.cmd.ProcessState.ExitCode(), pattern, p.Output())
		}
		return found != nil
	})
	return found[len(found)-1]
}

// Signal sends a signal to the program and what it has started.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Fatal(err)
	}
}

// Exit waits for the end and returns the exit code, -1 after a signal.
func (p *Process) Exit() int {
	p.t.Helper()
	Eventually(p.t, p.Name+" ends", p.HasEnded)
	return p.cmd.ProcessState.ExitCode()
}

// Stop asks the program to end with SIGTERM, which it has to do with 0.
func (p *Process) Stop() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		p.t.Errorf("%s ended with %d after SIGTERM", p.Name, code)
	}
}

func (p *Process) end() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // the rest of its group, too
	<-p.ended
	if p.t.Failed() {
		p.t.Logf("%s: %v\n%s", strings.TrimSpace(p.Name), p.cmd.ProcessState, p.Output())
	}
}

// transcript keeps the first megabyte of what a program prints.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	const limit = 1 << 20
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(b[:min(len(b), max(0, limit-t.text.Len()))])
	return len(b), nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Environ is what a program needs of the test's environment: where programs and temporary files are.
func Environ(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + t.TempDir()}, more...)
}

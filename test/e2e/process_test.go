package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. The longest that is meant is JetStream's AckWait
// of 30 s, after which what a killed process held is delivered again.
const patience = 2 * time.Minute

// eventually waits until ok, and looks every few milliseconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// command is a program and all it is started with, so that it can be started again.
type command struct {
	program  string // in the folder of programs, or a path
	args     []string
	env      []string // beside PATH, HOME and a TMPDIR
	dir      string
	terminal *os.File // standard output, in place of the transcript
	// graceful programs end with 0 when they are told to stop.
	graceful bool
}

// process is a child. It never outlives its test, nor the test program.
type process struct {
	command

	t      *testing.T
	cmd    *exec.Cmd
	stdout transcript
	stderr transcript
	ended  chan struct{} // closed once it is reaped
}

func (c command) start(t *testing.T) *process {
	t.Helper()
	p := &process{command: c, t: t, ended: make(chan struct{})}
	path := c.program
	if !filepath.IsAbs(path) {
		path = filepath.Join(programs, path)
	}
	p.cmd = exec.Command(path, c.args...)
	p.cmd.Dir = c.dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + t.TempDir()}, c.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if c.terminal != nil {
		p.cmd.Stdout = c.terminal
	}
	// A group of its own keeps the terminal's Ctrl-C from it.
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

// closeTerminal leaves the terminal to the process.
func (p *process) closeTerminal() {
	p.t.Helper()
	if err := p.terminal.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// again starts another process with the same command.
func (p *process) again() *process {
	p.t.Helper()
	return p.start(p.t)
}

func (p *process) name() string { return filepath.Base(p.program) + " " + strings.Join(p.args, " ") }

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// line waits for a line that matches, on either output, and returns what the
// pattern's last group has matched.
func (p *process) line(pattern string) string {
	p.t.Helper()
	expression := regexp.MustCompile(`(?m)^` + pattern + `$`)
	var found []string
	eventually(p.t, p.name()+" prints "+pattern, func() bool {
		ended := p.hasEnded()
		found = expression.FindStringSubmatch(p.stdout.String() + "\n" + p.stderr.String())
		if found == nil && ended {
			p.t.Fatalf("%s ended with %d and has not printed %s", p.name(), p.cmd.ProcessState.ExitCode(), pattern)
		}
		return found != nil
	})
	return found[len(found)-1]
}

// signal sends a signal to the process and what it has started.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code, -1 after a signal.
func (p *process) exit() int {
	p.t.Helper()
	eventually(p.t, p.name()+" ends", p.hasEnded)
	return p.cmd.ProcessState.ExitCode()
}

// kill is kill -9.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.exit()
}

// stop asks the process to end, which it has to do well.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		p.t.Errorf("%s ended with %d after SIGTERM", p.name(), code)
	}
}

// end makes sure that the process has ended, and shows what it said if that may
// help.
func (p *process) end() {
	if p.graceful && !p.hasEnded() && !p.t.Failed() {
		p.stop()
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // the rest of its group, too
	<-p.ended
	if strings.Contains(p.stderr.String(), "WARNING: DATA RACE") {
		p.t.Errorf("%s: race detected", p.name())
	}
	if p.t.Failed() {
		p.t.Logf("%s: %v\n--- stdout\n%s--- stderr\n%s", p.name(), p.cmd.ProcessState, &p.stdout, &p.stderr)
	}
}

// transcript keeps the first megabyte of what a process prints.
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

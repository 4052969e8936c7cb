package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A secret is shown on a terminal and nowhere else.
func TestSecretIsForTerminals(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	configured := service(t, "drainline run", to(sim.url)...)
	made := service(t, "drainline run", to(sim.url)...)
	made.env = nil

	for _, c := range []command{configured, made} {
		secretOf := func() string {
			if len(c.env) > 0 {
				return secret
			}
			content, err := os.ReadFile(filepath.Join(c.dir, "drainline-data", "drain-secret"))
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(string(content))
		}
		p := c.start(t).ready()
		p.stop()
		secret := secretOf()
		for _, hidden := range []string{secret, splunkToken} {
			if strings.Contains(p.stdout.String()+p.stderr.String(), hidden) {
				t.Errorf("a secret is in\n%s%s", &p.stdout, &p.stderr)
			}
		}

		screen, terminal := openTerminal(t)
		c.terminal = terminal
		p = c.start(t)
		p.closeTerminal()
		go func() { _, _ = io.Copy(&p.stdout, screen) }() // fails when the other end is closed
		url := strings.ReplaceAll(p.line(`drain URL +(\S+)\s*`), "localhost", "127.0.0.1")
		if !strings.Contains(url, ":"+secret+"@") {
			t.Errorf("a terminal shows %s", url)
		}
		mustPost(t, url, frame("typed\n"))
		p.stop()
		if strings.Contains(p.stdout.String()+p.stderr.String(), splunkToken) {
			t.Errorf("Splunk's token is in\n%s%s", &p.stdout, &p.stderr)
		}
	}
}

// openTerminal opens a pseudo terminal: what is written to it appears on the screen.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, terminal
}

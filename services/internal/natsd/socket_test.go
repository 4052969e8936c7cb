package natsd_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/services/internal/natsd"
)

const socketFile = "operator.sock"

// knock connects by the data directory, as another process does.
func knock(t *testing.T, dir string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(natsd.Socket{Dir: dir}), nats.MaxReconnects(-1),
		nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func open(dir string) natsd.Options {
	o := quick(dir)
	o.Socket = true
	return o
}

// nobody wants the directory to say that no server runs on it.
func nobody(t *testing.T, dir string) {
	t.Helper()
	conn, err := natsd.Socket{Dir: dir}.InProcessConn()
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, natsd.ErrNobody) || !strings.HasPrefix(err.Error(), dir+": ") {
		t.Errorf("%s: %v", dir, err)
	}
}

func TestASocketLeadsToTheServer(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"":                            t.TempDir(),
		"longer than a path may be":   filepath.Join(t.TempDir(), strings.Repeat("long", 50)),
		"with what a killed one left": leftBehind(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nobody(t, dir)
			s := start(t, open(dir))
			info, err := os.Stat(filepath.Join(dir, socketFile))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v, want nobody else to be let in", info, err)
			}
			js := knock(t, dir)
			createStream(t, js)
			publish(t, js, 1)
			if _, here := connect(t, s); !stored(t, here)[payload(1)] {
				t.Error("it leads elsewhere")
			}
			s.Shutdown()
			nobody(t, dir)
		})
	}
}

// leftBehind is a directory with a socket that nobody listens on.
func leftBehind(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketFile), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNobodyIsThereWithoutASocket(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	start(t, o)
	nobody(t, o.Dir)
	nobody(t, filepath.Join(o.Dir, "missing"))
}

// Whoever came by the socket finds the server again after it was restarted in place, and
// keeps it from stopping as little as anybody else.
func TestASocketFollowsTheServer(t *testing.T) {
	t.Parallel()
	o := open(t.TempDir())
	var log logBuffer
	o.Log = log.logger()
	s := start(t, o)
	js := knock(t, o.Dir)
	createStream(t, js)
	ghost := filepath.Join(o.Dir, "jetstream", "$G", "streams", "ghost")
	if err := os.Mkdir(ghost, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a restart", func() error { return log.has("restarting the embedded NATS server") })
	if err := os.Remove(ghost); err != nil {
		t.Fatal(err)
	}
	eventually(t, "healthy again", s.Healthy)
	eventually(t, "publish through the old connection", func() error { return tryPublish(t, js, 1) })
	s.Shutdown() // returns although js is open
}

func TestASocketNeedsItsPath(t *testing.T) {
	t.Parallel()
	o := open(t.TempDir())
	// A folder with something in it cannot be removed for a socket.
	if err := os.MkdirAll(filepath.Join(o.Dir, socketFile, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, o, "data directory DIR: remove ")
}

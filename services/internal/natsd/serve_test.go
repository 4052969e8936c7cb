package natsd

import (
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// scarce is a listener of a process that has too many files open at first.
type scarce struct {
	net.Listener

	left int
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.left > 0 {
		s.left--
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// echoing serves a socket at the path, of which each connection is answered with what it says.
func echoing(t *testing.T, failures int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	k := &socket{listener: &scarce{listener, failures}, done: func() error { return nil }}
	k.serving.Go(func() {
		k.serve(func() (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(far, far) }()
			return near, nil
		})
	})
	t.Cleanup(func() {
		if err := k.close(); err != nil {
			t.Error(err)
		}
	})
	return path
}

// call connects and says something; it fails unless that comes back.
func call(t *testing.T, path string) (net.Conn, error) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err = conn.Write([]byte("x")); err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	return conn, err
}

func TestASocketOutlivesAShortageOfFiles(t *testing.T) {
	t.Parallel()
	if _, err := call(t, echoing(t, 2)); err != nil {
		t.Error(err)
	}
}

func TestASocketBoundsItsConnections(t *testing.T) {
	t.Parallel()
	path := echoing(t, 0)
	var first net.Conn
	for range mostOperators {
		conn, err := call(t, path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = conn
		}
	}
	if _, err := call(t, path); err == nil {
		t.Error("there is room for one more")
	}
	_ = first.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := call(t, path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody takes the room of one that has gone")
		}
	}
}

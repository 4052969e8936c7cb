package natsd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// socketName is a socket in the data directory, at which an operator's commands reach
// the server. Who may open the directory, which is its owner, may use it.
const socketName = "operator.sock"

// longestSocket is what the systems leave for the path of a socket, in bytes.
const longestSocket = 100

const (
	// mostOperators is how many connections the socket serves at once; more are hung up on.
	mostOperators = 64
	// acceptPause is before the next try when the system gives no connection, as it does
	// to a process that has too many files open.
	acceptPause = 100 * time.Millisecond
)

// socketPath is where the socket of a directory is. Linux can name one with a longer
// path by the open directory, which the caller closes when it is done with the path.
func socketPath(dir string) (path string, done func() error, err error) {
	path = filepath.Join(dir, socketName)
	if len(path) <= longestSocket {
		return path, func() error { return nil }, nil
	}
	open, err := os.Open(dir) //nolint:gosec // the operator names it
	if err != nil {
		return "", nil, err //nolint:wrapcheck // names the path
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", open.Fd(), socketName), open.Close, nil
}

// socket serves the current server to other processes of the same user.
type socket struct {
	listener net.Listener
	done     func() error
	serving  sync.WaitGroup
}

// listenSocket wants the directory locked: what it finds there is of a process that is gone.
func (s *Server) listenSocket(ctx context.Context) (*socket, error) {
	path, done, err := socketPath(s.opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", s.opts.Dir, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", s.opts.Dir, err), done())
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: no socket for the operator's commands: %w", s.opts.Dir, err), done())
	}
	k := &socket{listener: listener, done: done}
	k.serving.Go(func() { k.serve(s.InProcessConn) })
	return k, nil
}

// serve connects whoever comes with what connect gives, until the socket is closed.
func (k *socket) serve(connect func() (net.Conn, error)) {
	room := make(chan struct{}, mostOperators)
	for {
		client, err := k.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			_ = client.Close() // it tries again
			continue
		}
		k.serving.Go(func() {
			defer func() { <-room }()
			server, err := connect()
			if err != nil {
				_ = client.Close() // it tries again
				return
			}
			splice(client, server)
		})
	}
}

// splice carries bytes between two connections until one of them ends.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // either end may go at any time
			_ = a.Close()
			_ = b.Close()
		})
	}
	both.Wait()
}

// close ends what is served once the server is down.
func (k *socket) close() error {
	err := errors.Join(k.listener.Close(), k.done())
	k.serving.Wait()
	return err
}

// Socket reaches the embedded server of another process by its data directory. It is a
// nats.InProcessConnProvider.
type Socket struct{ Dir string }

// ErrNobody is what a Socket returns when no server runs on its directory.
var ErrNobody = errors.New("no Drainline runs on this data directory")

// InProcessConn connects to the server that runs on the directory now.
func (s Socket) InProcessConn() (net.Conn, error) {
	path, done, err := socketPath(s.Dir)
	if err == nil {
		var conn net.Conn
		conn, err = net.Dial("unix", path) //nolint:noctx // nats.go gives no context
		if err = errors.Join(err, done()); err == nil {
			return conn, nil
		}
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%s: only the user that Drainline runs as may ask it: %w", s.Dir, err)
	}
	return nil, fmt.Errorf("%s: %w: %w", s.Dir, ErrNobody, err)
}

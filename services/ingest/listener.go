package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/drainline/drainline/config"
)

// listener is a door's listening socket. It can be shut and opened again on the
// same address, of which net/http hears nothing: Accept waits meanwhile.
type listener struct {
	key     string // of the section in the configuration, such as ingest.logplex
	address string // with the port that was found at the first time
	addr    net.Addr
	tls     *tls.Config                // nil for plain HTTP
	current atomic.Pointer[tls.Config] // what tls uses for handshakes to come

	mu     sync.Mutex
	inner  net.Listener  // nil while shut
	opened chan struct{} // closed when inner is there again
	closed chan struct{} // closed for good
	once   sync.Once
}

// listen opens a listener, with TLS if there is a certificate. Errors are
// sentences for the operator.
func listen(ctx context.Context, key, address string, c config.ServerTLS) (*listener, error) {
	l := &listener{key: key, address: address, closed: make(chan struct{})}
	t, err := loadTLS(key, c)
	if err != nil {
		return nil, err
	}
	if t != nil {
		l.current.Store(t)
		l.tls = &tls.Config{
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.current.Load(), nil },
		}
	}
	if l.inner, err = l.bind(ctx); err != nil {
		return nil, err
	}
	l.addr = l.inner.Addr()
	host, _, err := net.SplitHostPort(address)
	if tcp, ok := l.addr.(*net.TCPAddr); ok && err == nil {
		l.address = net.JoinHostPort(host, strconv.Itoa(tcp.Port))
	}
	return l, nil
}

func (l *listener) bind(ctx context.Context) (net.Listener, error) {
	var c net.ListenConfig
	inner, err := c.Listen(ctx, "tcp", l.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s.listen %s is taken: stop what listens there or set another port", l.key, l.address)
	}
	if err != nil {
		return nil, fmt.Errorf("%s.listen %s cannot be opened: %w", l.key, l.address, err)
	}
	return inner, nil
}

// loadTLS returns nil where no certificate is configured.
func loadTLS(key string, c config.ServerTLS) (*tls.Config, error) {
	if c.CertFile == "" {
		return nil, nil //nolint:nilnil // plain HTTP is a choice, no error
	}
	t, err := c.Load()
	if err != nil {
		return nil, fmt.Errorf("%s.%w", key, err)
	}
	t.NextProtos = []string{"http/1.1"}
	return t, nil
}

// reload reads the certificates again; commit puts them in force for handshakes
// to come. Whether there is TLS at all is settled at the start.
func (l *listener) reload(c config.ServerTLS) (commit func(), err error) {
	t, err := loadTLS(l.key, c)
	if err != nil {
		return nil, err
	}
	return func() {
		if l.tls != nil && t != nil {
			l.current.Store(t)
		}
	}, nil
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, opened := l.socket()
		if inner == nil {
			select {
			case <-opened:
				continue
			case <-l.closed:
				return nil, net.ErrClosed
			}
		}
		conn, err := inner.Accept()
		switch {
		case err == nil && l.tls != nil:
			return tls.Server(conn, l.tls), nil
		case err == nil:
			return conn, nil
		}
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		default:
		}
		if now, _ := l.socket(); now == inner {
			return nil, err //nolint:wrapcheck // net/http looks at it
		}
	}
}

func (l *listener) socket() (inner net.Listener, opened <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner, l.opened
}

// Addr implements net.Listener: it stays the same when the socket is opened again.
func (l *listener) Addr() net.Addr { return l.addr }

// shut closes the socket until open is called: connections are refused.
func (l *listener) shut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == nil {
		return nil
	}
	inner := l.inner
	l.inner, l.opened = nil, make(chan struct{})
	if err := inner.Close(); err != nil {
		return fmt.Errorf("%s.listen %s: %w", l.key, l.address, err)
	}
	return nil
}

// open listens again, unless the listener is closed for good.
func (l *listener) open(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner != nil || l.isClosed() {
		return nil
	}
	inner, err := l.bind(ctx)
	if err != nil {
		return err
	}
	l.inner = inner
	close(l.opened)
	return nil
}

func (l *listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close implements net.Listener, for good.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.shut()
}

package door

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// pipes is a listener whose connections are in memory, for time that passes as
// the test wants.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// serve runs s until the test calls stop, which waits for all of it.
func serve(t *testing.T, s *Server) (p *pipes, stop func()) {
	t.Helper()
	p = newPipes()
	served := make(chan error)
	go func() { served <- s.Serve(p) }()
	return p, func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		s.Wait()
	}
}

func post(length int, header string) string {
	return fmt.Sprintf("POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: Basic OnNlc2FtZQ==\r\nContent-Length: %d\r\n%s\r\n", length, header)
}

// R18: an upload may be slow but not stand still. One that is cut off has no
// answer, since any would drop the batch; the bodies here are no frames, so a 400
// says that one was read to its end.
func TestUploadTimes(t *testing.T) {
	t.Parallel()
	const hangUp = -1 * time.Second
	for _, c := range []struct {
		name           string
		head           string
		length         int
		each           time.Duration // a byte
		answer         string
		cut, malformed int64
		took           time.Duration
	}{
		{"at once", post(50, ""), 50, 0, "HTTP/1.1 400", 0, 1, 0},
		{"a byte each 100 ms", post(66, ""), 66, 100 * time.Millisecond, "HTTP/1.1 400", 0, 1, 66 * 100 * time.Millisecond},
		{"a byte each 4.9 s, three of them", post(3, ""), 3, 4900 * time.Millisecond, "HTTP/1.1 400", 0, 1, 3 * 4900 * time.Millisecond},
		{"a byte each 4.9 s, ten of them", post(10, ""), 10, 4900 * time.Millisecond, "", 1, 0, limits.Upload},
		{"nothing comes", post(10, ""), 10, time.Hour, "", 1, 0, begins},
		{"nothing of a large one comes", post(8<<20, ""), 10, time.Hour, "", 1, 0, begins},
		{"nothing of a gzip comes", post(10, "Content-Encoding: gzip\r\n"), 10, time.Hour, "", 1, 0, begins},
		{"hang-up", post(10, ""), 0, hangUp, "", 1, 0, 0},
		{"hang-up in a gzip", post(10, "Content-Encoding: gzip\r\n"), 0, hangUp, "", 1, 0, 0},
		{"no gzip", post(50, "Content-Encoding: gzip\r\n"), 50, 0, "HTTP/1.1 400", 0, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			metrics, err := telemetry.New()
			if err != nil {
				t.Fatal(err)
			}
			counts := NewCounts(metrics)
			synctest.Test(t, func(t *testing.T) {
				logger := slog.New(slog.DiscardHandler)
				d := New(Options{Counts: counts, Log: logger, Healthy: nothing, Stopping: nothing}, open())
				p, stop := serve(t, NewServer(d, logger, limits))
				conn, start := p.dial(), time.Now()
				var sender sync.WaitGroup
				sender.Go(func() {
					_, err := io.WriteString(conn, c.head)
					for n := 0; n < c.length && err == nil; n++ {
						time.Sleep(c.each)
						_, err = conn.Write([]byte("x"))
					}
					if c.each == hangUp {
						_ = conn.Close()
					}
				})
				answer := make([]byte, len("HTTP/1.1 400"))
				n, _ := io.ReadFull(conn, answer) // an answer or none
				if got := string(answer[:n]); got != c.answer {
					t.Errorf("answered %q", got)
				}
				synctest.Wait()
				if cut, malformed := counts.Cut.Load(), counts.Malformed.Load(); cut != c.cut || malformed != c.malformed {
					t.Errorf("counted %d cut, %d malformed", cut, malformed)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("took %v", took)
				}
				_ = conn.Close()
				stop()
				sender.Wait()
				if lent := d.bodies.Lent(); lent != 0 {
					t.Errorf("%d bytes of memory did not come back", lent)
				}
			})
		})
	}
}

// ask makes a request on a connection and returns once it has the answer.
func ask(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		live := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "") })
		p, stop := serve(t, NewServer(live, slog.New(slog.DiscardHandler), config.Limits{Connections: 2, Header: 4 << 10, Upload: time.Second}))
		first, second, third := p.dial(), p.dial(), p.dial()
		answered := make(chan error, 1)
		go func() { answered <- ask(third) }()
		synctest.Wait()
		for range 2 {
			for _, conn := range []net.Conn{first, second} {
				if err := ask(conn); err != nil {
					t.Error(err)
				}
			}
		}
		select {
		case err := <-answered:
			t.Errorf("a third connection is served: %v", err)
		default:
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
		stop()
	})
}

// R22: Logplex leaves a connection idle for minutes, and loses one of its tries
// when it is gone.
func TestIdleConnectionsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		live := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "") })
		p, stop := serve(t, NewServer(live, slog.New(slog.DiscardHandler), limits))
		conn := p.dial()
		for n, idle := range []time.Duration{0, 160 * time.Second, 160 * time.Second, 500 * time.Second, 10 * time.Minute} {
			time.Sleep(idle)
			if err := ask(conn); err != nil {
				t.Errorf("request %d, after %v: %v", n, idle, err)
			}
		}
		stop()
	})
}

// Handlers outlive the connections that are cut off at the end.
func TestWaitIsForHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), slog.New(slog.DiscardHandler), limits)
		p, stop := serve(t, s)
		conn := p.dial()
		go func() { _ = ask(conn) }()
		synctest.Wait()
		stopped := make(chan struct{})
		go func() {
			stop()
			close(stopped)
		}()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("a handler still runs")
		default:
		}
		close(release)
		<-stopped
	})
}

func TestComplaintsAreSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := NewServer(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})), limits)
		for range 100 {
			s.ErrorLog.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
			s.ErrorLog.Print("http: panic serving 192.0.2.1:1: no")
		}
		time.Sleep(time.Minute)
		s.ErrorLog.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
		for what, want := range map[string]int{"level=WARN": 3, "TLS handshake": 2, "panic": 1, "times=1\n": 2, "times=100\n": 1} {
			if got := strings.Count(out.String(), what); got != want {
				t.Errorf("%s %d times in %s", what, got, out.String())
			}
		}
	})
}

package ingest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// raw sends bytes on a connection of their own and returns the status of the answer.
func (i *instance) raw(request string) int {
	i.t.Helper()
	c, err := net.Dial("tcp", i.addr)
	if err != nil {
		i.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		i.t.Fatal(err)
	}
	if _, err := c.Write([]byte(request)); err != nil {
		i.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		i.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		i.t.Error(err)
	}
	return resp.StatusCode
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	i, _ := start(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", "/logs", 204, ""},
		{"POST", "/logs/", 204, ""},
		{"POST", "/logs/shop/", 204, ""},
		{"POST", "/logs//", 404, ""},
		{"POST", "/logs/shop//", 404, ""},
		{"POST", "/logs/shop", 204, ""},
		{"POST", "/logs/Shop_1.eu-2", 204, ""},
		{"POST", "/logs/" + strings.Repeat("a", 64), 204, ""},
		{"POST", "/events", 204, ""},
		{"POST", "/heroku/api/v1/drain", 204, ""},
		{"POST", "/heroku/api/v1/drain/shop?x=y", 204, ""},
		{"POST", "/logs/" + strings.Repeat("a", 65), 404, ""},
		{"POST", "/logs/a/b", 404, ""},
		{"POST", "/logs/a%20b", 404, ""},
		{"POST", "/logs/caf%C3%A9", 404, ""},
		{"POST", "/logs//", 404, ""},
		{"POST", "/logsx", 404, ""},
		{"POST", "/heroku", 404, ""},
		{"POST", "/", 404, ""},
		{"GET", "/", 404, ""},
		{"GET", "/metrics", 404, ""},
		{"GET", "/logs", 200, ""},
		{"HEAD", "/logs", 200, ""},
		{"GET", "/events/shop", 200, ""},
		{"GET", "/healthz", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"PUT", "/logs", 405, "GET, HEAD, POST"},
		{"DELETE", "/logs/shop", 405, "GET, HEAD, POST"},
		{"BREW", "/events", 405, "GET, HEAD, POST"},
	} {
		status, text, h, err := i.do(c.method, c.path, headers("Logplex-Frame-Id", "-"), strings.NewReader(string(logplextest.Body(t, "N1"))))
		if err != nil {
			t.Fatal(err)
		}
		if status != c.status || h.Get("Allow") != c.allow || (text == "") != (status < 300) {
			t.Errorf("%s %s: answered %d %q, Allow %q", c.method, c.path, status, text, h.Get("Allow"))
		}
	}
}

// Logplex's client finds the end of an answer by Content-Length alone, and wants
// it even where there cannot be a body.
func TestAnswersOnTheWire(t *testing.T) {
	t.Parallel()
	i, _ := start(t)
	c, err := net.Dial("tcp", i.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	const (
		stored  = "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nDate: DATE\r\n\r\n"
		refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 67\r\nContent-Type: text/plain; charset=utf-8\r\n" +
			"Www-Authenticate: Basic realm=\"drainline\"\r\nDate: DATE\r\n\r\n" +
			"the drain URL's user or password must be the secret of a credential"
	)
	body := logplextest.Body(t, "N1")
	date := regexp.MustCompile(`Date: [^\r]+`)
	in := bufio.NewReader(c)
	for n, want := range []struct{ secret, answer string }{{secret, stored}, {"wrong", refused}, {secret, stored}} {
		fmt.Fprintf(c, "POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/logplex-1\r\n"+
			"Logplex-Msg-Count: 1\r\nLogplex-Frame-Id: %d\r\nContent-Length: %d\r\n\r\n%s", basic(":"+want.secret), n, len(body), body)
		var answer []byte
		for date.ReplaceAllString(string(answer), "Date: DATE") != want.answer {
			b, err := in.ReadByte()
			if err != nil {
				t.Fatalf("answer %d is %q, then %v", n, answer, err)
			}
			answer = append(answer, b)
		}
	}
	if in.Buffered() > 0 {
		t.Error("there is more than the answers")
	}
}

// R22 without waiting for it: Logplex leaves a connection idle for minutes.
func TestServerTimes(t *testing.T) {
	t.Parallel()
	i, _ := start(t)
	s := i.Server()
	for _, c := range []struct {
		what     string
		ok       bool
		duration time.Duration
	}{
		{"idle connections are kept", s.IdleTimeout >= 10*time.Minute, s.IdleTimeout},
		{"headers have a limit", s.ReadHeaderTimeout == 10*time.Second, s.ReadHeaderTimeout},
		{"uploads have a limit above Logplex's", s.ReadTimeout >= 10*time.Second && s.ReadTimeout <= time.Minute, s.ReadTimeout},
		{"answers wait for the bus", s.WriteTimeout >= s.ReadTimeout+5*time.Second && s.WriteTimeout <= time.Minute, s.WriteTimeout},
	} {
		if !c.ok {
			t.Errorf("%s: %v", c.what, c.duration)
		}
	}
	if s.MaxHeaderBytes != 32<<10 || s.Protocols.HTTP2() || !s.Protocols.HTTP1() {
		t.Errorf("headers of %d bytes, protocols %v", s.MaxHeaderBytes, s.Protocols)
	}
}

// Requests that are held at the end still get their answer.
func TestShutdownAnswersWhatIsHeld(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Hold = 4 * time.Second
	bus := connect(t, nats(t, t.TempDir(), -1), c)
	sick := make(chan struct{})
	asked := make(chan struct{}, 1000)
	i := run(t, open(t, ingest.Options{Config: c, Bus: bus, Healthy: func() error {
		asked <- struct{}{}
		select {
		case <-sick:
			return nil
		default:
			return context.DeadlineExceeded
		}
	}}))
	answered := make(chan int)
	go func() { answered <- i.post(headers(), logplextest.Body(t, "N1")) }()
	<-asked
	stopped := make(chan error)
	go func() { stopped <- i.stop() }()
	eventually(t, "no new connections", func() bool {
		conn, err := net.Dial("tcp", i.addr)
		if err == nil {
			err = conn.Close()
		}
		return err != nil
	})
	close(sick)
	if got := <-answered; got != 204 {
		t.Errorf("answered %d", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := len(stored(t, bus)); got != 1 {
		t.Errorf("stored %d", got)
	}
}

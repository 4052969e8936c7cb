package collector_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/collector"
)

// V54: what cannot be stored is to come again, and nothing of it is there.
func TestNothingCanBeStored(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Hold = 0 // half a second at least
	f := start(t, s)
	f.store.fails = errDown
	f.wantPostponed("the store fails", f.post(eventPath, plainToken, `{"event":"x"}`), 503, busy, "5")
	f.store.fails, f.store.until = nil, make(chan struct{})
	f.wantPostponed("the store takes too long", f.post(eventPath, plainToken, `{"event":"x"}`), 503, busy, "5")
	close(f.store.until)
	f.health = errDown
	f.wantPostponed("not healthy", f.post(rawPath, plainToken, `x`), 503, busy, "5")
	f.want("what is wrong is wrong in trouble, too", f.post(eventPath, plainToken, `{`), 400, invalid("0"))
	f.health = nil
	if n := len(f.store.take()); n != 0 {
		t.Errorf("stored %d", n)
	}
	f.want("after it", f.post(eventPath, plainToken, `{"event":"x"}`), 200, success)
	if n := f.counts.Unavailable.Load(); n != 3 {
		t.Errorf("counted %d", n)
	}
	if log := f.log.String(); strings.Count(log, "cannot be stored") != 1 || strings.Count(log, "stored again") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Requests = 2
	f := start(t, s)
	f.store.until = make(chan struct{})
	var senders sync.WaitGroup
	replies := make(chan reply, 2)
	for range 2 {
		senders.Go(func() {
			r, err := f.send(http.MethodPost, eventPath, strings.NewReader(`{"event":"x"}`), "Authorization", "Splunk "+plainToken)
			if err != nil {
				t.Error(err)
			}
			replies <- r
		})
	}
	waitFor(t, "two requests are held", func() bool { return f.counts.Requests.Load() == 2 && f.bodies.Lent() > 4<<10 })
	f.wantPostponed("a third", f.post(eventPath, plainToken, `{"event":"x"}`), 503, busy, "5")
	f.want("a question", f.post(ackPath+"?channel="+channel, ackToken, `{"acks":[1]}`), 200, `{"acks":{"1":false}}`)
	close(f.store.until)
	senders.Wait()
	for range 2 {
		f.want("held", <-replies, 200, success)
	}
	f.want("a fourth", f.post(eventPath, plainToken, `{"event":"x"}`), 200, success)
	if n := f.counts.Crowded.Load(); n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	const full = `{"text":"HEC queue is at capacity and cannot process any more requests","code":26}`
	s := settings()
	s.Tokens = []collector.Token{
		{Name: "requests", Secret: plainToken, Rate: config.Rate{Requests: 1}},
		{Name: "bytes", Secret: queryToken, Rate: config.Rate{Bytes: 1 << 10}},
	}
	f := start(t, s)
	f.want("first", f.post(eventPath, plainToken, `{"event":"x"}`), 200, success)
	f.wantPostponed("second", f.post(eventPath, plainToken, `{"event":"x"}`), 429, full, "1")
	f.want("another token", f.post(rawPath, queryToken, strings.Repeat("x", 4<<10)), 200, success)
	f.wantPostponed("another token's second", f.post(rawPath, queryToken, "x"), 429, full, "3")
	s.Hold++
	f.door.Set(s) // with the same rates
	f.wantPostponed("third", f.post(eventPath, plainToken, `{"event":"x"}`), 429, full, "1")
	s.Tokens[0].Rate = config.Rate{}
	f.door.Set(s)
	f.want("without a rate", f.post(eventPath, plainToken, `{"event":"x"}`), 200, success)
	if n := f.counts.OverRate.Load(); n != 3 {
		t.Errorf("counted %d", n)
	}
}

const closing = `{"text":"Server is shutting down","code":23}`

func TestDrain(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	f.want("stored", f.post(eventPath+"?channel="+channel, ackToken, `{"event":"x"}`), 200, `{"text":"Success","code":0,"ackId":0}`)
	f.door.Drain()
	f.wantPostponed("event", f.post(eventPath, plainToken, `{"event":"x"}`), 503, closing, "5")
	f.wantPostponed("raw", f.post(rawPath, plainToken, `x`), 503, closing, "5")
	f.want("no token", f.post(rawPath, "x", `x`), 403, `{"text":"Invalid token","code":4}`)
	f.want("ack", f.post(ackPath+"?channel="+channel, ackToken, `{"acks":[0]}`), 200, `{"acks":{"0":true}}`)
	f.want("health", f.do(http.MethodGet, "/services/collector/health", nil), 503, closing)
	f.want("healthz", f.do(http.MethodGet, "/healthz", nil), 503, closing)
	f.want("Logplex", f.post(rawPath, plainToken, frame, "Content-Type", "application/logplex-1"), 204, "")
	if n := f.counts.Draining.Load(); n != 2 {
		t.Errorf("counted %d", n)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	const (
		healthy  = `{"text":"HEC is healthy","code":17}`
		full     = `{"text":"HEC is unhealthy, queues are full","code":18}`
		invalid  = `{"text":"Invalid token","code":21}`
		disabled = `{"text":"Token disabled","code":22}`
	)
	f := start(t, settings())
	for _, c := range []struct {
		name, query, header string
		status              int
		answer              string
	}{
		{"none", "", "", 200, healthy},
		{"blank", "", " ", 200, healthy},
		{"good", "", "Splunk " + plainToken, 200, healthy},
		{"Basic", "", basic("x:" + plainToken), 200, healthy},
		{"wrong", "", "Splunk x", 400, invalid},
		{"malformed", "", "Bearer x", 400, invalid},
		{"disabled", "", "Splunk " + offToken, 400, disabled},
		{"elsewhere", "", "Splunk " + awayToken, 400, invalid},
		{"in the query", "?token=" + plainToken, "", 200, healthy},
		{"wrong in the query", "?token=x", "", 400, invalid},
		{"with acks", "?ack=true", "", 200, healthy},
	} {
		for _, path := range []string{"/services/collector/health", "/services/collector/health/1.0"} {
			f.want(c.name, f.do(http.MethodGet, path+c.query, nil, "Authorization", c.header), c.status, c.answer)
		}
	}
	f.trouble = errDown
	f.want("the bus is down", f.do(http.MethodGet, "/services/collector/health", nil), 503, full)
	f.want("the bus is down", f.do(http.MethodGet, "/healthz", nil), 200, healthy)
	f.trouble, f.stopping = nil, errDown
	for _, path := range []string{"/services/collector/health", "/healthz"} {
		f.want("about to stop", f.do(http.MethodGet, path, nil), 503, closing)
	}
	f.want("and still taken", f.post(rawPath, plainToken, `x`), 200, success)
}

// dial opens a connection to write on as one likes.
func (f *fixture) dial() (net.Conn, *bufio.Reader) {
	f.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func head(token string, headers ...string) string {
	lines := []string{"POST " + eventPath + " HTTP/1.1", "Host: x", "Authorization: Splunk " + token}
	return strings.Join(append(lines, headers...), "\r\n") + "\r\n\r\n"
}

// V53: who stands still is cut off, and what it takes is free again.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Upload = 50 * time.Millisecond
	f := start(t, s)
	conn, in := f.dial()
	fmt.Fprint(conn, head(plainToken, "Content-Length: 1000"), `{"event"`)
	if got, err := in.ReadString('\n'); err == nil {
		t.Errorf("answered %q", got)
	}
	waitFor(t, "the upload is cut", func() bool { return f.counts.Cut.Load() == 1 && f.bodies.Lent() == 0 })
}

// V51, and whoever else is refused by the headers is told before the body comes.
func TestEarlyAnswers(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for _, c := range []struct {
		name, head, status string
	}{
		{"V51", head(plainToken, "Content-Length: 999999999"), "413"},
		{"a gzip", head(plainToken, "Content-Length: 999999999", "Content-Encoding: gzip"), "413"},
		{"a wrong token", head("x", "Content-Length: 1000000"), "403"}, // net/http waits for less than 256 KiB
		{"an encoding", head(plainToken, "Content-Length: 1000000", "Content-Encoding: br"), "415"},
		{"no channel", head(ackToken, "Content-Length: 1000000"), "400"},
		{"waiting for leave", head(plainToken, "Content-Length: 999999999", "Expect: 100-continue"), "413"},
	} {
		conn, in := f.dial()
		fmt.Fprint(conn, c.head)
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !strings.HasPrefix(response.Status, c.status) {
			t.Errorf("%s: %s", c.name, response.Status)
		}
		_ = response.Body.Close()
	}
}

// curl asks for leave to send more than a megabyte.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	conn, in := f.dial()
	fmt.Fprint(conn, head(plainToken, "Content-Length: 11", "Expect: 100-continue"))
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, `{"event":1}`)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != success {
		t.Errorf("%s, %v", got, err)
	}
}

// A client that hangs up has not taken its events back.
func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	f.store.until = make(chan struct{})
	conn, _ := f.dial()
	fmt.Fprint(conn, head(plainToken, "Content-Length: 11"), `{"event":1}`)
	waitFor(t, "the request is held", func() bool { return f.bodies.Lent() > 0 })
	_ = conn.Close()
	close(f.store.until)
	waitFor(t, "it is stored", func() bool { return f.counts.Events.Load() == 1 })
}

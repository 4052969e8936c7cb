package player_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// A request is one request as a receiver got it.
type request struct {
	raw    string // head and body, from a hostile receiver only
	head   http.Header
	frames []string
}

func (r request) frameID() string { return r.head.Get("Logplex-Frame-Id") }

// texts are the texts of the frames, from behind the MSGID.
func (r request) texts() []string {
	texts := make([]string, len(r.frames))
	for i, frame := range r.frames {
		texts[i] = frame[strings.Index(frame, " - ")+len(" - "):]
	}
	return texts
}

// A receiver collects requests and the problems it has with them.
type receiver struct {
	url string

	mu          sync.Mutex // guards what follows
	requests    []request
	problems    []string
	connections int
}

func (r *receiver) problemf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// add takes a request in and returns how many came before it.
func (r *receiver) add(got request) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, got)
	return len(r.requests) - 1
}

// got returns the requests so far. It fails the test if they had problems.
func (r *receiver) got(t *testing.T) []request {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, problem := range r.problems {
		t.Error(problem)
	}
	return append([]request(nil), r.requests...)
}

func (r *receiver) connected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connections
}

var (
	frameHead = regexp.MustCompile(`^<(\d{2,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}\+00:00 host (app|heroku) [a-z0-9.-]+ - `)
	frameUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

// parse reads a body and checks a request against what Logplex sends.
func (r *receiver) parse(head http.Header, body []byte) request {
	got := request{head: head}
	for rest := string(body); rest != ""; {
		digits, after, _ := strings.Cut(rest, " ")
		length, err := strconv.Atoi(digits)
		if err != nil || length < 1 || length > len(after) || digits[0] < '1' {
			r.problemf("bad frame at %.40q", rest)
			break
		}
		if !frameHead.MatchString(after[:length]) {
			r.problemf("bad frame head in %.90q", after[:length])
		}
		got.frames = append(got.frames, after[:length])
		rest = after[length:]
	}
	if count := head.Get("Logplex-Msg-Count"); count != strconv.Itoa(len(got.frames)) {
		r.problemf("Logplex-Msg-Count is %s of %d frames", count, len(got.frames))
	}
	if !frameUUID.MatchString(got.frameID()) {
		r.problemf("Logplex-Frame-Id is %q", got.frameID())
	}
	if token, found := strings.CutPrefix(head.Get("Logplex-Drain-Token"), "d."); !found || !frameUUID.MatchString(token) {
		r.problemf("Logplex-Drain-Token is %q", head.Get("Logplex-Drain-Token"))
	}
	if kind := head.Get("Content-Type"); kind != "application/logplex-1" {
		r.problemf("Content-Type is %q", kind)
	}
	return got
}

// polite starts a receiver that answers as Logplex wants it: 204, Content-Length, keep-alive. Before it answers it calls then.
func polite(t *testing.T, start func(*httptest.Server), then func(n int, r request)) *receiver {
	t.Helper()
	r := new(receiver)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		body, err := io.ReadAll(hr.Body)
		if err != nil || hr.ContentLength < 1 {
			r.problemf("body of %d bytes: %v", hr.ContentLength, err)
		}
		got := r.parse(hr.Header, body)
		if n := r.add(got); then != nil {
			then(n, got)
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.mu.Lock()
			r.connections++
			r.mu.Unlock()
		}
	}
	start(server)
	t.Cleanup(server.Close)
	r.url = server.URL + "/logs"
	return r
}

// What a hostile receiver does in place of an answer.
const (
	reset  = "reset"  // breaks the connection
	silent = "silent" // waits until the client gives up
)

// hostile starts a receiver that gives request n the bytes answer(n), or worse.
func hostile(t *testing.T, answer func(n int) string) *receiver {
	t.Helper()
	return serveHostile(t, listen(t, "127.0.0.1:0"), answer)
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func serveHostile(t *testing.T, listener net.Listener, answer func(n int) string) *receiver {
	t.Helper()
	r := &receiver{url: "http://" + listener.Addr().String() + "/logs"}
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.connections++
			r.mu.Unlock()
			handlers.Go(func() { r.converse(conn, answer) })
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		handlers.Wait()
	})
	return r
}

// converse serves one connection until either side ends it.
func (r *receiver) converse(conn net.Conn, answer func(n int) string) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for {
		got, ok := r.read(reader)
		if !ok {
			return
		}
		switch reply := answer(r.add(got)); reply {
		case reset:
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // makes Close send a reset
			}
			return
		case silent:
			_, _ = reader.ReadByte()
			return
		default:
			for part := range strings.SplitAfterSeq(reply, pause) {
				part, more := strings.CutSuffix(part, pause)
				if _, err := io.WriteString(conn, part); err != nil {
					return
				}
				if more {
					time.Sleep(time.Millisecond) // so that parts most likely arrive one by one
				}
			}
		}
	}
}

// pause in an answer stands for a short pause in sending it.
const pause = "<pause>"

// read reads one request to the byte. It returns false if none comes.
func (r *receiver) read(reader io.Reader) (request, bool) {
	var raw bytes.Buffer
	tee := bufio.NewReader(io.TeeReader(iotest.OneByteReader(reader), &raw)) // by single bytes, so that nothing is read ahead
	hr, err := http.ReadRequest(tee)
	if err != nil {
		return request{}, false
	}
	body := make([]byte, hr.ContentLength)
	if _, err := io.ReadFull(tee, body); err != nil {
		return request{}, false
	}
	got := r.parse(hr.Header, body)
	got.raw = raw.String()
	return got, true
}

// A book is a ledger that can be read while it is written.
type book struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines.Write(p)
	return len(p), nil
}

func (b *book) ids() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Fields(b.lines.String())
}

// brokenBook is a ledger on a full disk.
type brokenBook struct{}

var errDisk = errors.New("disk full")

func (brokenBook) Write([]byte) (int, error) { return 0, errDisk }

// waitUntil polls until ok, at most ten seconds.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

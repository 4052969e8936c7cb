package endpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// serve starts a collector and returns its base URL.
func serve(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s.URL
}

func answer(w http.ResponseWriter, c hec.Code) {
	w.WriteHeader(c.Status())
	_, _ = w.Write(hec.AppendAnswer(nil, hec.NewAnswer(c)))
}

// always answers every request with a code.
func always(c hec.Code) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, c)
	}
}

func client(tb testing.TB, change func(*config.Destination), urls ...string) *Client {
	tb.Helper()
	return clientWithLog(tb, slog.New(slog.DiscardHandler), change, urls...)
}

func clientWithLog(tb testing.TB, log *slog.Logger, change func(*config.Destination), urls ...string) *Client {
	tb.Helper()
	d := &config.Destination{URLs: urls, Token: "secret", Timeout: 30 * time.Second, Concurrency: config.Concurrency{Max: 2}}
	if change != nil {
		change(d)
	}
	c, err := New(d, Options{Channel: "A-GUID", Version: "1.2", Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// events is a request.
func events() *Request { return &Request{Body: []byte(`{"event":"x"}`)} }

func TestSendRequest(t *testing.T) {
	t.Parallel()
	type seen struct {
		*http.Request

		body string
	}
	got := make(chan seen, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r, string(body)}
		answer(w, hec.Success)
	})
	c := client(t, nil, url+"/pre%2Ffix")
	f := func(r *Request, wantURI string, want map[string]string) {
		t.Helper()
		receipt, err := c.Send(t.Context(), r)
		if err != nil || receipt.Answer.Code != hec.Success || receipt.Session != nil || receipt.Took <= 0 {
			t.Fatal(receipt, err)
		}
		r2 := <-got
		if r2.Method != http.MethodPost || r2.RequestURI != wantURI || r2.body != string(r.Body) || r2.ContentLength != int64(len(r.Body)) {
			t.Errorf("%s %s, %q", r2.Method, r2.RequestURI, r2.body)
		}
		for name, value := range want {
			if v := strings.Join(r2.Header[name], ","); v != value {
				t.Errorf("%s: %q, want %q", name, v, value)
			}
		}
	}
	const path = "/pre%2Ffix/services/collector/"
	f(&Request{Body: []byte(`{"event":"x"}`), Gzip: true}, path+"event", map[string]string{
		"Authorization": "Splunk secret", "Content-Type": "application/json", "Content-Encoding": "gzip",
		"User-Agent": "drainline/1.2", "X-Splunk-Request-Channel": "A-GUID", "Accept-Encoding": "",
		"__splunk_app_name": "drainline", "__splunk_app_version": "1.2",
	})
	f(events(), path+"event", map[string]string{"Content-Encoding": "", "Authorization": "Splunk secret"})
	f(&Request{Body: []byte("{}"), Token: "other", Gzip: true}, path+"event", map[string]string{
		"Authorization": "Splunk other", "Content-Encoding": "gzip", "X-Splunk-Request-Channel": "A-GUID",
	})
	f(&Request{Raw: true, Body: []byte("a line\n")}, path+"raw", map[string]string{
		"Authorization": "Splunk secret", "Content-Type": "text/plain", "X-Splunk-Request-Channel": "A-GUID",
	})
	f(&Request{Raw: true, Query: "host=a%26b&index=main", Body: []byte("a line\n"), Gzip: true},
		path+"raw?host=a%26b&index=main", map[string]string{"Content-Encoding": "gzip"})
	f(events(), path+"event", map[string]string{"Authorization": "Splunk secret", "Content-Encoding": ""})
}

// A destination that has nothing but its URLs and a timeout is used as it is.
// What stands before Splunk may repeat the request in its answer, which is shown and kept.
func TestTheTokenIsNotTold(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<p>blocked: authorization: "+r.Header.Get("Authorization")+"</p>")
	})
	for _, ack := range []string{config.AckOff, config.AckOn} {
		c := client(t, func(d *config.Destination) { d.Token, d.Ack = "t0p-secret-token", ack }, url)
		for _, r := range []*Request{events(), {Body: events().Body, Token: "an0ther-token"}} {
			_, err := c.Send(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), "Splunk ***") || strings.Contains(err.Error(), "-token") {
				t.Errorf("ack %s: %v", ack, err)
			}
		}
	}
}

func TestSendZeroDestination(t *testing.T) {
	t.Parallel()
	c, err := New(&config.Destination{URLs: []string{serve(t, always(hec.Success))}, Timeout: time.Minute}, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	if _, err := c.Send(t.Context(), events()); err != nil {
		t.Error(err)
	}
	c.Close()
	c.Close()
	c.Start()
}

func TestSendFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		t.Error("the token was carried elsewhere")
		answer(w, hec.Success)
	})
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", elsewhere)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	if _, err := client(t, nil, url).Send(t.Context(), events()); policy(err) != "hold" {
		t.Errorf("redirect: %v", err)
	}
}

func TestSendContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	c := client(t, nil, url)
	for range tolerated + 1 {
		if _, err := c.Send(ctx, events()); !errors.Is(err, context.Canceled) || policy(err) == "retry" {
			t.Errorf("cancelled: %v", err)
		}
	}
	if err := c.Healthy(); err != nil {
		t.Errorf("our own end is no trouble of the destination's: %v", err)
	}
	if n := c.URLs()[0].InFlight; n != 0 {
		t.Errorf("%d in flight", n)
	}
}

// What becomes of a request whose connection fails: whether its events may have been
// taken is what counts.
func TestSendNetwork(t *testing.T) {
	t.Parallel()
	f := func(name, want string, h http.HandlerFunc) {
		t.Helper()
		c := client(t, func(d *config.Destination) { d.Timeout = 300 * time.Millisecond }, serve(t, h))
		if _, err := c.Send(t.Context(), events()); policy(err) != want {
			t.Errorf("%s: %s, want %s: %v", name, policy(err), want, err)
		}
	}
	f("reset before the body", "retry, taken: every", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	f("reset after the body", "retry, taken: every", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	f("no answer", "retry, taken: every, pressure", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	f("success breaks off", "retry, taken: every", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(code(0)))
	})
	f("413 breaks off", "refused: hec_http_413", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	f("endless success", "retry, taken: every", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(code(0)))
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 4096)); err != nil {
				return
			}
		}
	})
}

// Nothing was sent where there is no connection.
func TestSendWithoutConnection(t *testing.T) {
	t.Parallel()
	f := func(name, want, url string) {
		t.Helper()
		c := client(t, func(d *config.Destination) { d.Timeout = 300 * time.Millisecond }, url)
		if _, err := c.Send(t.Context(), events()); policy(err) != want {
			t.Errorf("%s: %s, want %s: %v", name, policy(err), want, err)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	f("refused connection", "retry", gone.URL)
	f("no such host", "retry", "http://splunk.invalid:8088")
	f("no TLS", "retry", strings.Replace(serve(t, always(hec.Success)), "http:", "https:", 1))

	var config net.ListenConfig
	silent, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	f("silent handshake", "retry, pressure", "https://"+silent.Addr().String())
}

func TestSendTimeoutSays(t *testing.T) {
	t.Parallel()
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	c := client(t, func(d *config.Destination) { d.Timeout = 20 * time.Millisecond }, url)
	if _, err := c.Send(t.Context(), events()); err == nil || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("timeout: %v", err)
	}
}

// A collector that answers without reading leaves the transport with the body in
// its hands; Send must not return before it has let go.
func TestSendLeavesBodyAlone(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		answer(w, hec.TooLarge)
	})
	c := client(t, nil, url)
	body, other := make([]byte, 4<<20), make([]byte, 4<<20)
	for range 10 {
		if _, err := c.Send(t.Context(), &Request{Body: body}); err == nil {
			t.Fatal("413 is no success")
		}
		copy(body, other) // the race detector sees a transport that still reads
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	ack := func(c hec.Code) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch {
			case !strings.HasSuffix(r.URL.Path, "/ack"):
				answer(w, hec.NoData)
			case r.URL.Query().Get("channel") != "A-GUID" || string(body) != `{"acks":[0]}`:
				answer(w, hec.InvalidDataFormat)
			case c == hec.Success:
				_, _ = w.Write([]byte(`{"acks":{"0":false}}`))
			default:
				answer(w, c)
			}
		}
	}
	f := func(name, mode, want string, handlers ...http.HandlerFunc) {
		t.Helper()
		var urls []string
		for _, h := range handlers {
			urls = append(urls, serve(t, h))
		}
		got := "nil"
		if err := client(t, func(d *config.Destination) { d.Ack = mode }, urls...).Probe(t.Context()); err != nil {
			got = err.Error()
		}
		if got != want && (want == "nil" || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("good token", "", "nil", always(hec.NoData))
	f("empty is fine", "", "nil", always(hec.Success))
	f("other words for no data", "", "nil", always(hec.InvalidDataFormat))
	f("bad token", "", "Invalid token (code 4)", always(hec.InvalidToken))
	f("busy", "", "Server is busy (code 9)", always(hec.ServerBusy))
	f("413 without a body", "", "HTTP status 413", always(hec.TooLarge))
	f("one of two", "", "nil", always(hec.InvalidToken), always(hec.NoData))
	f("none of two", "", "(code 4): check the destination's token; http", always(hec.InvalidToken), always(hec.ServerBusy))
	f("acknowledges", config.AckOn, "nil", ack(hec.Success))
	f("does not acknowledge", config.AckOn, "the token does not acknowledge: enable", ack(hec.AckDisabled))
	f("cannot say", config.AckOn, "Server is busy", ack(hec.ServerBusy))
	f("need not acknowledge", config.AckAuto, "nil", ack(hec.AckDisabled))
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	bad, good := serve(t, always(hec.InvalidToken)), serve(t, always(hec.Success))
	alone := client(t, nil, bad)
	if err := alone.Healthy(); err != nil {
		t.Errorf("nothing is known: %v", err)
	}
	_, _ = alone.Send(t.Context(), events())
	if err := alone.Healthy(); err == nil || !strings.Contains(err.Error(), "Invalid token (code 4)") {
		t.Errorf("a refused token: %v", err)
	}
	both := client(t, nil, bad, good)
	for range 2 {
		_, _ = both.Send(t.Context(), events())
	}
	if err := both.Healthy(); err != nil {
		t.Errorf("one of two URLs takes events: %v", err)
	}
	states := both.URLs()
	if states[0].URL != bad || states[0].State != Held || !strings.Contains(states[0].Error, "code 4") || states[0].Since.IsZero() ||
		states[1].State != Up || states[1].Error != "" || states[1].Since.IsZero() {
		t.Errorf("%+v", states)
	}
}

// gate holds requests back until it is opened.
type gate struct {
	came chan struct{}
	open chan struct{}
	once sync.Once
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{came: make(chan struct{}, 100), open: make(chan struct{})}
	t.Cleanup(g.lift)
	return g
}

func (g *gate) lift() { g.once.Do(func() { close(g.open) }) }

func (g *gate) handler(c hec.Code) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		g.came <- struct{}{}
		<-g.open
		answer(w, c)
	}
}

// A collector that switches to a protocol nobody asked for, and then says nothing, costs a
// try and no more.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "h2c")
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	c := client(t, nil, url)
	_, err := c.Send(t.Context(), &Request{Body: []byte("{}")})
	if retry, ok := errors.AsType[*RetryError](err); !ok || retry.Taken != Every {
		t.Errorf("%v", err)
	}
}

// What a collector says does not command the terminal that shows it.
func TestForeignTextIsPlain(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"text":"\u001b[2Jno\nready  true","code":4}`))
	})
	_, err := client(t, nil, url).Send(t.Context(), &Request{Body: []byte("{}")})
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || !strings.Contains(err.Error(), "no ready  true") {
		t.Errorf("%q", err)
	}
}

package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a collector and returns its base URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func answer(w http.ResponseWriter, c hec.Code) {
	w.WriteHeader(c.Status())
	_, _ = w.Write(hec.AppendAnswer(nil, hec.NewAnswer(c)))
}

func client(t *testing.T, change func(*config.Destination), urls ...string) *Client {
	t.Helper()
	d := &config.Destination{URLs: urls, Token: "secret", Timeout: 30 * time.Second, Concurrency: config.Concurrency{Max: 2}}
	if change != nil {
		change(d)
	}
	c, err := New(d, Options{Channel: "A-GUID", Version: "1.2", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestSendRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		answer(w, hec.Success)
	})
	c := client(t, nil, url+"/prefix")
	a, err := c.Send(t.Context(), c.Turn(), []byte(`{"event":"x"}`), true)
	if err != nil || a.Code != hec.Success {
		t.Fatal(a, err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/prefix/services/collector/event" || got.ContentLength != 13 {
		t.Errorf("%s %s, %d bytes", got.Method, got.URL, got.ContentLength)
	}
	if string(body) != `{"event":"x"}` {
		t.Errorf("body %q", body)
	}
	for name, want := range map[string]string{
		"Authorization": "Splunk secret", "Content-Type": "application/json", "Content-Encoding": "gzip",
		"User-Agent": "drainline/1.2", "X-Splunk-Request-Channel": "A-GUID", "Accept-Encoding": "",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	// These names are sent as they are: Splunk's apps look for the underscores.
	if v := got.Header["__splunk_app_name"]; len(v) != 1 || v[0] != "drainline" {
		t.Errorf("__splunk_app_name: %q", v)
	}
	if v := got.Header["__splunk_app_version"]; len(v) != 1 || v[0] != "1.2" {
		t.Errorf("__splunk_app_version: %q", v)
	}
	if _, err := c.Send(t.Context(), c.Turn(), []byte(`{"event":"x"}`), false); err != nil {
		t.Fatal(err)
	}
	if v := got.Header.Get("Content-Encoding"); v != "" {
		t.Errorf("Content-Encoding without gzip: %q", v)
	}
}

func TestSendKeepsConnections(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	peers := map[string]bool{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		answer(w, hec.ServerBusy) // errors keep the connection too
	})
	c := client(t, nil, url)
	for range 10 {
		if _, err := c.Send(t.Context(), c.Turn(), []byte("{}"), false); err == nil {
			t.Fatal("503 is no success")
		}
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for requests one after another", len(peers))
	}
}

func TestSendRotates(t *testing.T) {
	t.Parallel()
	var seen []string
	urls := make([]string, 3)
	for i, name := range []string{"a", "b", "c"} {
		urls[i] = serve(t, func(w http.ResponseWriter, _ *http.Request) {
			seen = append(seen, name)
			answer(w, hec.Success)
		})
	}
	c := client(t, nil, urls...)
	for range 3 {
		turn := c.Turn()
		for try := range uint64(3) {
			if _, err := c.Send(t.Context(), turn+try, []byte("{}"), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := strings.Join(seen, ""); got != "bcacababc" {
		t.Errorf("order %s: each request starts one further, each try goes one further", got)
	}
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
	c := client(t, nil, url)
	if _, err := c.Send(t.Context(), 0, []byte("{}"), false); policy(err) != "hold" {
		t.Errorf("redirect: %v", err)
	}
}

func TestSendTimeout(t *testing.T) {
	t.Parallel()
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	c := client(t, func(d *config.Destination) { d.Timeout = 20 * time.Millisecond }, url)
	_, err := c.Send(t.Context(), 0, []byte("{}"), false)
	if policy(err) != "retry" || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("timeout: %v", err)
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
		if _, err := c.Send(ctx, 0, []byte("{}"), false); !errors.Is(err, context.Canceled) || policy(err) == "retry" {
			t.Errorf("cancelled: %v", err)
		}
	}
	if err := c.Healthy(); err != nil {
		t.Errorf("our own end is no trouble of the destination's: %v", err)
	}
}

func TestSendNetwork(t *testing.T) {
	t.Parallel()
	f := func(name string, h http.HandlerFunc) {
		t.Helper()
		c := client(t, nil, serve(t, h))
		if _, err := c.Send(t.Context(), 0, []byte("{}"), false); policy(err) != "retry" {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	f("answer breaks off", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"text":"Success","code":0}`))
	})
	f("endless answer", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 4096)); err != nil {
				return
			}
		}
	})

	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := client(t, nil, gone.URL)
	if _, err := c.Send(t.Context(), 0, []byte("{}"), false); policy(err) != "retry" {
		t.Errorf("refused connection: %v", err)
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
		if _, err := c.Send(t.Context(), 0, body, false); err == nil {
			t.Fatal("413 is no success")
		}
		copy(body, other) // the race detector sees a transport that still reads
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, hec.Success) }))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(name, want string, options config.ClientTLS) {
		t.Helper()
		c := client(t, func(d *config.Destination) { d.TLS = options }, s.URL)
		if _, err := c.Send(t.Context(), 0, []byte("{}"), false); policy(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	f("unknown authority", "hold", config.ClientTLS{})
	f("ca_file", "delivered", config.ClientTLS{CAFile: ca})
	f("server_name", "delivered", config.ClientTLS{CAFile: ca, ServerName: "example.com"})
	f("wrong server_name", "hold", config.ClientTLS{CAFile: ca, ServerName: "splunk.test"})
	f("insecure_skip_verify", "delivered", config.ClientTLS{InsecureSkipVerify: true})
}

func TestTLSClientCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 1 {
			answer(w, hec.Success)
			return
		}
		answer(w, hec.InvalidToken)
	}))
	s.StartTLS()
	t.Cleanup(s.Close)
	// The server's own pair serves as the client's: it only has to be presented.
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: s.Certificate().Raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	}
	for name, block := range files {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.TLS.ClientAuth = tls.RequestClientCert
	c := client(t, func(d *config.Destination) {
		d.TLS = config.ClientTLS{
			InsecureSkipVerify: true, CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
		}
	}, s.URL)
	if _, err := c.Send(t.Context(), 0, []byte("{}"), false); err != nil {
		t.Error(err)
	}
}

func TestNewFails(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want string, d config.Destination) {
		t.Helper()
		_, err := New(&d, Options{Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	urls := []string{"http://splunk:8088"}
	f("urls: empty", config.Destination{})
	f("urls: ", config.Destination{URLs: []string{"http://splunk:8088%zz"}})
	f("tls.ca_file: ", config.Destination{URLs: urls, TLS: config.ClientTLS{CAFile: "/no/such/file"}})
	f("no PEM certificate", config.Destination{URLs: urls, TLS: config.ClientTLS{CAFile: empty}})
	f("tls.cert_file, tls.key_file: ", config.Destination{URLs: urls, TLS: config.ClientTLS{CertFile: empty, KeyFile: empty}})
	f("one is set without the other", config.Destination{URLs: urls, TLS: config.ClientTLS{CertFile: empty}})
	f("one is set without the other", config.Destination{URLs: urls, TLS: config.ClientTLS{KeyFile: empty}})
}

func TestHealthyWithOneURL(t *testing.T) {
	t.Parallel()
	bad := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, hec.InvalidToken) })
	good := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, hec.Success) })
	send := func(c *Client, turn uint64) {
		_, _ = c.Send(t.Context(), turn, []byte("{}"), false)
	}
	alone := client(t, nil, bad)
	send(alone, 0)
	if err := alone.Healthy(); err == nil || !strings.Contains(err.Error(), "Invalid token (code 4)") {
		t.Errorf("a refused token: %v", err)
	}
	both := client(t, nil, bad, good)
	send(both, 0)
	send(both, 1)
	if err := both.Healthy(); err != nil {
		t.Errorf("one of two URLs takes events: %v", err)
	}
}

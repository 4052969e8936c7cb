package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

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
		if _, err := c.Send(t.Context(), events()); policy(err) != want {
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
	if _, err := c.Send(t.Context(), events()); err != nil {
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
	f("proxy: not a URL like http://proxy:3128", config.Destination{URLs: urls, Proxy: "http://user:hunter2@%zz"})
	f("proxy: not a URL like http://proxy:3128", config.Destination{URLs: urls, Proxy: "proxy:3128"})
	f("no PEM certificate", config.Destination{URLs: urls, TLS: config.ClientTLS{CAFile: empty}})
	f("tls.cert_file, tls.key_file: ", config.Destination{URLs: urls, TLS: config.ClientTLS{CertFile: empty, KeyFile: empty}})
	f("one is set without the other", config.Destination{URLs: urls, TLS: config.ClientTLS{CertFile: empty}})
	f("one is set without the other", config.Destination{URLs: urls, TLS: config.ClientTLS{KeyFile: empty}})
}

// A proxy sees requests for a collector that does not exist.
func TestProxy(t *testing.T) {
	t.Parallel()
	credentials := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:hunter2"))
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "splunk.invalid:8088" || r.Header.Get("Proxy-Authorization") != credentials {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		answer(w, hec.Success)
	})
	through := func(user string) config.Secret { return config.Secret(strings.Replace(proxy, "//", "//"+user+"@", 1)) }
	f := func(name, want, url string, proxy config.Secret) {
		t.Helper()
		c := client(t, func(d *config.Destination) { d.Proxy = proxy }, url)
		_, err := c.Send(t.Context(), events())
		if policy(err) != want {
			t.Errorf("%s: %s, want %s: %v", name, policy(err), want, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is in %q", name, err)
		}
	}
	const plain, secure = "http://splunk.invalid:8088", "https://splunk.invalid:8088"
	f("proxy", "delivered", plain, through("user:hunter2"))
	f("wrong password", "hold", plain, through("user:hunter22"))
	f("refused tunnel", "retry", secure, through("user:hunter2"))
	f("no proxy there", "retry", secure, "http://user:hunter2@127.0.0.1:1")
	f("proxy of an unknown kind", "retry", secure, "gopher://user:hunter2@127.0.0.1:1")
	f("none", "retry", plain, "none")
	f("of the environment", "retry", plain, "")
}

func TestDial(t *testing.T) {
	t.Parallel()
	addresses := func(of ...string) (all []netip.Addr) {
		for _, a := range of {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	f := func(name, address, want string, found []netip.Addr, reachable ...string) {
		t.Helper()
		tried := map[string]int{}
		reached := map[string]int{}
		d := dialer{
			lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != "splunk" {
					t.Errorf("%s: lookup of %s", name, host)
				}
				if found == nil {
					return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
				}
				return slices.Clone(found), nil
			},
			connect: func(_ context.Context, network, address string) (net.Conn, error) {
				tried[network+" "+address]++
				if !slices.Contains(reachable, address) {
					return nil, errors.New("unreachable")
				}
				reached[address]++
				here, there := net.Pipe()
				_ = there.Close()
				return here, nil
			},
		}
		const often = 200
		var failed error
		for range often {
			conn, err := d.dial(t.Context(), "tcp", address)
			if err == nil {
				_ = conn.Close()
			} else {
				failed = err
			}
		}
		switch {
		case want == "" && failed != nil:
			t.Errorf("%s: %v", name, failed)
		case want != "" && (failed == nil || !strings.Contains(failed.Error(), want)):
			t.Errorf("%s: %v, want %s", name, failed, want)
		}
		for _, address := range reachable { // chance misses one of three once in 10^35 years
			if reached[address] < often/20 {
				t.Errorf("%s: %s got %d of %d connections", name, address, reached[address], often)
			}
		}
	}
	three := addresses("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.3", "2001:db8::4")
	f("all", "splunk:8088", "", three, "10.0.0.1:8088", "10.0.0.2:8088", "10.0.0.3:8088", "[2001:db8::4]:8088")
	f("some", "splunk:8088", "", three, "10.0.0.3:8088", "[2001:db8::4]:8088")
	f("none", "splunk:8088", "none of 4 addresses of splunk takes connections: unreachable", three)
	f("no address", "splunk:8088", "none of 0 addresses", []netip.Addr{})
	f("no such host", "splunk:8088", "no such host", nil)
	f("an address", "10.0.0.1:8088", "", nil, "10.0.0.1:8088")
	f("another address", "[2001:db8::4]:8088", "", nil, "[2001:db8::4]:8088")
	f("no port", "splunk", "missing port", nil)
}

// connections counts those a collector gets.
type connections struct {
	mu    sync.Mutex
	peers []string
}

func (c *connections) counted(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if !slices.Contains(c.peers, r.RemoteAddr) {
			c.peers = append(c.peers, r.RemoteAddr)
		}
		c.mu.Unlock()
		h(w, r)
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.peers)
}

func TestSendRenewsConnections(t *testing.T) {
	t.Parallel()
	var (
		peers connections
		code  hec.Code
	)
	now := newClock()
	c := client(t, nil, serve(t, peers.counted(func(w http.ResponseWriter, _ *http.Request) { answer(w, code) })))
	c.now = now.time
	f := func(name string, after time.Duration, answers hec.Code, want int) {
		t.Helper()
		now.add(after)
		code = answers
		for range 3 {
			_, _ = c.Send(t.Context(), events())
		}
		if got := peers.count(); got != want {
			t.Errorf("%s: %d connections, want %d", name, got, want)
		}
	}
	f("new", 0, hec.Success, 1)
	f("kept", time.Minute, hec.Success, 1)
	f("refusals keep it", 0, hec.InvalidDataFormat, 1)
	f("503", 0, hec.ServerBusy, 2)
	f("503 again", 9*time.Second, hec.ServerBusy, 2)
	f("503 later", time.Second, hec.ServerBusy, 3)
	f("429", 10*time.Second, hec.QueueFull, 4)
	f("500", 10*time.Second, hec.InternalError, 4)
	f("young", 3*time.Minute+30*time.Second, hec.Success, 4)
	f("old", 3*time.Minute, hec.Success, 5)
}

// What is in flight when connections are renewed ends on the old one, which is then closed.
func TestSendEndsOnOldConnection(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	closed := make(chan string, 10)
	s := httptest.NewUnstartedServer(g.handler(hec.Success))
	s.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- conn.RemoteAddr().String()
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	now := newClock()
	c := client(t, nil, s.URL)
	c.now = now.time
	var sending sync.WaitGroup
	send := func() {
		sending.Go(func() {
			if _, err := c.Send(t.Context(), events()); err != nil {
				t.Error(err)
			}
		})
		<-g.came
	}
	send()
	now.add(time.Hour)
	send()
	g.lift()
	sending.Wait()
	<-closed // the old one; the test ends at its deadline otherwise
	c.Close()
	<-closed
}

// What a collector wants of a certificate or a version is not cured by trying again.
func TestTLSAlertsHold(t *testing.T) {
	t.Parallel()
	f := func(name string, change func(*tls.Config)) {
		t.Helper()
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, hec.Success) }))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		change(s.TLS)
		s.StartTLS()
		t.Cleanup(s.Close)
		c := client(t, func(d *config.Destination) { d.TLS.InsecureSkipVerify = true }, s.URL)
		var err error
		for range 50 { // with TLS 1.3 the alert may come after a write has failed
			if _, err = c.Send(t.Context(), events()); policy(err) == "hold" {
				break
			}
		}
		if policy(err) != "hold" || !strings.Contains(err.Error(), "check the destination's tls") {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("a certificate, TLS 1.2", func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 })
	f("a certificate, TLS 1.3", func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })
	f("an old version", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 })
}

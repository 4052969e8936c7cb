package endpoint

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/test/simulators/splunk"
)

const goodToken = "11111111-2222-3333-4444-555555555555"

// simulator is a Splunk with a token for each of what can be wrong with one.
func simulator() *splunk.Splunk {
	return splunk.New(splunk.Options{Tokens: map[string]splunk.Token{
		goodToken:                              {},
		"22222222-2222-2222-2222-222222222222": {Disabled: true},
		"33333333-3333-3333-3333-333333333333": {UseACK: true},
	}})
}

// said are the findings of a single URL, a line each: check, state and what to do.
func said(x Examination) string {
	var b strings.Builder
	for _, f := range x.Findings {
		fmt.Fprintf(&b, "%s %s", f.Check, f.State)
		if f.Fix != "" {
			fmt.Fprintf(&b, ": %s", f.Fix)
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

// find looks for what a single URL is said to be.
func find(t *testing.T, c *Client, send bool, want ...string) Examination {
	t.Helper()
	x := c.Examine(t.Context(), send)
	if len(x) != 1 {
		t.Fatalf("%d examinations", len(x))
	}
	lines := strings.Split(said(x[0]), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got\n%s\nwant\n%s", said(x[0]), strings.Join(want, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got %q, want %q\n%+v", lines[i], want[i], x[0].Findings)
		}
	}
	return x[0]
}

func TestExamineToken(t *testing.T) {
	t.Parallel()
	sim := simulator()
	url := serve(t, sim.ServeHTTP)
	for _, c := range []struct {
		name   string
		change func(*config.Destination)
		send   bool
		want   []string
	}{
		{"good", func(*config.Destination) {}, false, []string{"token good"}},
		{"without gzip, raw", func(d *config.Destination) { d.Gzip, d.Endpoint = false, config.EndpointRaw }, false, []string{"token good"}},
		{"unknown", func(d *config.Destination) { d.Token = "nobody" }, true, []string{"token failed: set the destination's token"}},
		{"disabled", func(d *config.Destination) { d.Token = "22222222-2222-2222-2222-222222222222" }, true, []string{"token failed: enable the token in Splunk"}},
		{"not acknowledging", func(d *config.Destination) { d.Ack = config.AckOn }, true, []string{"token failed: enable indexer acknowledgement"}},
		{
			"acknowledging", func(d *config.Destination) { d.Ack, d.Token = config.AckOn, "33333333-3333-3333-3333-333333333333" }, true,
			[]string{"token good", "event good"},
		},
		{"event", func(*config.Destination) {}, true, []string{"token good", "event good"}},
		{"event, compressed", func(d *config.Destination) { d.Gzip = true }, true, []string{"token good", "event good"}},
		{"event, raw", func(d *config.Destination) { d.Endpoint = config.EndpointRaw }, true, []string{"token good", "event good"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := config.Destination{URLs: []string{url}, Token: goodToken, Gzip: true, Timeout: 30 * time.Second}
			c.change(&d)
			examined, err := New(&d, Options{Channel: NewChannel(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer examined.Close()
			find(t, examined, c.send, append([]string{"tcp good", "health good"}, c.want...)...)
		})
	}
}

// An event is there only where it was asked for, once.
func TestExamineSends(t *testing.T) {
	t.Parallel()
	sim := simulator()
	c := client(t, func(d *config.Destination) { d.Token = goodToken }, serve(t, sim.ServeHTTP))
	c.Examine(t.Context(), false)
	if n := sim.Stats().Events; n != 0 {
		t.Errorf("%d events that nobody asked for", n)
	}
	c.Examine(t.Context(), true)
	if n := sim.Stats().Events; n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestExamineAnswers(t *testing.T) {
	t.Parallel()
	status := func(n int) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) } }
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    []string
	}{
		{"everything is success", always(hec.Success), []string{"health good", "token warning: see that the destination's urls lead to Splunk", "event good"}},
		{
			"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(html)) },
			[]string{"health warning: see that the destination's urls name", "token failed: see what stands between"},
		},
		{"Splunk Web", status(http.StatusSeeOther), []string{"health warning", "token failed: correct the destination's urls"}},
		{"not found", status(http.StatusNotFound), []string{"health warning", "token failed: correct the destination's urls"}},
		{"busy", always(hec.ServerBusy), []string{"health failed: look at Splunk's queues", "token failed: look at Splunk's queues"}},
		{"no collector behind it", status(http.StatusServiceUnavailable), []string{"health failed: start the collectors", "token failed: look at Splunk's queues"}},
		{"forbidden", status(http.StatusForbidden), []string{"health warning", "token failed: set the destination's token"}},
		{"no gzip", status(http.StatusUnsupportedMediaType), []string{"health warning", "token failed: set the destination's gzip to false"}},
		{"proxy wants a user", status(http.StatusProxyAuthRequired), []string{"health warning", "token failed: give the destination's proxy"}},
		{"no index", func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodGet:
				answer(w, hec.Healthy)
			case r.ContentLength == 0:
				answer(w, hec.NoData)
			default:
				answer(w, hec.IncorrectIndex)
			}
		}, []string{"health good", "token good", "event failed: give the token a default index"}},
		{"header lost", always(hec.TokenRequired), []string{"health warning", "token failed: see that nothing between"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			find(t, client(t, func(*config.Destination) {}, serve(t, c.handler)), true, append([]string{"tcp good"}, c.want...)...)
		})
	}
}

func TestExamineNetwork(t *testing.T) {
	t.Parallel()
	up := serve(t, simulator().ServeHTTP)
	plain := func(*config.Destination) {}
	f := func(url string, change func(*config.Destination), want ...string) {
		t.Helper()
		find(t, client(t, change, url), true, want...)
	}
	f("http://127.0.0.1:1", plain, "tcp failed: start what listens there, or correct the port in the destination's urls")
	f("http://splunk.invalid:8088", plain, "dns failed: ")
	f(strings.Replace(up, "http://", "https://", 1), plain, "tcp good", "tls failed: write http:// in the destination's urls")
	proxy := func(url string) func(*config.Destination) {
		return func(d *config.Destination) { d.Proxy, d.Token = config.Secret(url), goodToken }
	}
	f("http://splunk.invalid:8088", proxy(up), "proxy good", "tcp good", "health good", "token good", "event good") // the simulator serves any host
	f("https://splunk.invalid:8088", proxy(up), "proxy good", "tcp good", "tls failed: see that the proxy lets this machine through")
	f("https://splunk.invalid:8088", proxy("http://127.0.0.1:1"), "proxy good", "tcp failed: start what listens there, or correct the port in the proxy's URL")
}

// Of the addresses of a name each is tried.
func TestExamineAddresses(t *testing.T) {
	t.Parallel()
	url := serve(t, simulator().ServeHTTP)
	c := client(t, func(d *config.Destination) { d.Token = goodToken }, strings.Replace(url, "127.0.0.1", "splunk.test", 1))
	addresses := func(of ...string) {
		c.transports.dial.lookup = func(context.Context, string) (all []netip.Addr, err error) {
			for _, a := range of {
				all = append(all, netip.MustParseAddr(a))
			}
			return all, nil
		}
	}
	addresses("127.0.0.1")
	find(t, c, false, "dns good", "tcp good", "health good", "token good")
	addresses("127.0.0.1", "127.0.0.2")
	find(t, c, false, "dns good", "tcp warning: start what listens there, or take the addresses out of DNS", "health good", "token good")
	addresses("127.0.0.2", "127.0.0.3")
	find(t, c, false, "dns good", "tcp failed: start what listens there")
	addresses()
	find(t, c, false, "dns failed: correct the name in the destination's urls")
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	pair := a.sign("authority", time.Now().Add(time.Hour*24*365), func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	a.key, a.cert = pair.PrivateKey.(*ecdsa.PrivateKey), pair.Leaf
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a certificate, by itself while there is no authority.
func (a *authority) sign(name string, end time.Time, change func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour * 24 * 365), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(c)
	by, byKey := a.cert, a.key
	if by == nil {
		by, byKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestExamineChain(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	here := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }
	long, short, over := time.Now().Add(time.Hour*24*90), time.Now().Add(time.Hour*24*7), time.Now().Add(-time.Hour)
	trust := func(d *config.Destination) { d.TLS.CAFile = ca.file }
	for _, c := range []struct {
		name   string
		pair   tls.Certificate
		change func(*config.Destination)
		server func(*tls.Config)
		want   string
	}{
		{"good", ca.sign("splunk", long, here), trust, nil, "tls good"},
		{"over soon", ca.sign("splunk", short, here), trust, nil, "tls warning: renew the certificate of the destination"},
		{"over", ca.sign("splunk", over, here), trust, nil, "tls failed: renew the certificate"},
		{"over, and nobody looks", ca.sign("splunk", over, here), func(d *config.Destination) { d.TLS.InsecureSkipVerify = true }, nil, "tls warning: renew the certificate"},
		{"not verified", ca.sign("splunk", long, here), func(d *config.Destination) { d.TLS.InsecureSkipVerify = true }, nil, "tls warning: set the destination's tls.ca_file"},
		{"of another name", ca.sign("splunk", long, func(c *x509.Certificate) { c.DNSNames = []string{"splunk.test"} }), trust, nil, "tls failed: use a name of the certificate"},
		{"of nobody known", ca.sign("splunk", long, here), func(*config.Destination) {}, nil, "tls failed: have the server send its whole chain"},
		{"of itself", (&authority{t: t}).sign("splunk", long, here), func(*config.Destination) {}, nil, "tls failed: set the destination's tls.ca_file to the authority"},
		{
			"a client's is wanted", ca.sign("splunk", long, here), trust, func(s *tls.Config) { s.ClientAuth = tls.RequireAnyClientCert },
			"tls failed: set the destination's tls.cert_file",
		},
		{"old", ca.sign("splunk", long, here), trust, func(s *tls.Config) { s.MinVersion, s.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "tls failed: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(simulator())
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{c.pair}, MinVersion: tls.VersionTLS12}
			if c.server != nil {
				c.server(s.TLS)
			}
			s.StartTLS()
			t.Cleanup(s.Close)
			want := []string{"tcp good", c.want, "health good", "token good"}
			if strings.HasPrefix(c.want, "tls failed") {
				want = want[:2]
			}
			find(t, client(t, func(d *config.Destination) {
				d.Token = goodToken
				c.change(d)
			}, s.URL), false, want...)
		})
	}
}

func TestExamineTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 500e6, time.UTC)
	later := now.Add(100 * time.Millisecond)
	f := func(date time.Time, want time.Duration) {
		t.Helper()
		var x examiner
		x.time(date.UTC().Format(http.TimeFormat), now, later)
		if x.Ahead != want || !x.Dated {
			t.Errorf("%v: %v, want %v", date, x.Ahead, want)
		}
	}
	f(now, 0)
	f(now.Add(time.Second), 400*time.Millisecond)
	f(now.Add(10*time.Second), 9400*time.Millisecond)
	f(now.Add(-time.Second), -500*time.Millisecond)
	f(now.Add(-time.Minute), -59500*time.Millisecond)
	var x examiner
	if x.time("soon", now, later); x.Dated || x.Ahead != 0 {
		t.Errorf("%v ahead of no date", x.Ahead)
	}
}

// What comes from outside does nothing to a terminal.
func TestExamineIsPlain(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"text":"\u001b[31mred\nx","code":18}`))
	})
	for _, f := range client(t, func(*config.Destination) {}, s).Examine(t.Context(), true)[0].Findings {
		if strings.ContainsAny(f.Found, "\x1b\n") {
			t.Errorf("%q", f.Found)
		}
	}
}

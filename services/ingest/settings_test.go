package ingest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
	"github.com/drainline/drainline/services/internal/telemetry"
)

func TestMadeSecretIsKept(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Logplex.Credentials = nil
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	dir := filepath.Join(t.TempDir(), "data")
	first := run(t, open(t, ingest.Options{Config: c, Bus: conn, DataDir: dir}))
	if want := filepath.Join(dir, "drain-secret"); first.SecretFile() != want {
		t.Errorf("kept in %q", first.SecretFile())
	}
	info, err := os.Stat(first.SecretFile())
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	u, err := url.Parse(first.DrainURL(true))
	if err != nil {
		t.Fatal(err)
	}
	made, _ := u.User.Password()
	if !regexp.MustCompile(`^[a-z0-9]{32}$`).MatchString(made) {
		t.Errorf("made %q", made)
	}
	if got := first.post(headers("Authorization", basic(u.User.String())), logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("answered %d", got)
	}
	if r := stored(t, conn); len(r) != 1 || r[0].GetCredential() != config.DefaultCredential {
		t.Errorf("stored %v", r)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := run(t, open(t, ingest.Options{Config: c, Bus: conn, DataDir: dir}))
	if u, err = url.Parse(second.DrainURL(true)); err != nil {
		t.Fatal(err)
	}
	if got, _ := u.User.Password(); got != made {
		t.Errorf("made %q, then %q", made, got)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left %v in the data directory, %v", files, err)
	}
}

// failure is what New says.
func failure(t *testing.T, o ingest.Options) string {
	t.Helper()
	metrics, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	o.Metrics, o.Log = metrics, slog.New(slog.DiscardHandler)
	i, err := ingest.New(t.Context(), o)
	if err == nil {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		t.Fatal("no error; run ended with", i.Run(ctx))
	}
	return err.Error()
}

func TestStartFailsWithOneSentence(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "drain-secret")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("missing/folder", nowhere); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, nats(t, t.TempDir(), -1), settings())
	for _, c := range []struct {
		name   string
		change func(*ingest.Options)
		want   string
	}{
		{
			"a port that is taken", func(o *ingest.Options) { o.Config.Ingest.Logplex.Listen = taken.Addr().String() },
			"ingest.logplex.listen " + taken.Addr().String() + " is taken: stop what listens there or set another port",
		},
		{
			"an address of another machine", func(o *ingest.Options) { o.Config.Ingest.Logplex.Listen = "192.0.2.1:0" },
			"ingest.logplex.listen 192.0.2.1:0 cannot be opened: ",
		},
		{
			"no place for a secret", func(o *ingest.Options) { o.Config.Ingest.Logplex.Credentials = nil },
			"set DRAINLINE_DRAIN_SECRET, ingest.logplex.credentials or ingest.hec.tokens",
		},
		{
			"a secret file that is empty", func(o *ingest.Options) {
				o.Config.Ingest.Logplex.Credentials, o.DataDir = nil, filepath.Dir(file)
			},
			file + " holds no secret of 1 to 256 characters: correct it, or delete it to have one made",
		},
		{
			"a data directory that is none", func(o *ingest.Options) { o.Config.Ingest.Logplex.Credentials, o.DataDir = nil, file },
			"the drain secret cannot be read: ",
		},
		{
			"a data directory that cannot be made", func(o *ingest.Options) {
				o.Config.Ingest.Logplex.Credentials, o.DataDir = nil, nowhere
			},
			"the drain secret cannot be kept: make the data directory writable, or set DRAINLINE_DRAIN_SECRET: ",
		},
		{
			"no certificate", func(o *ingest.Options) {
				o.Config.Ingest.Logplex.TLS = config.ServerTLS{CertFile: "/none.crt", KeyFile: "/none.key"}
			},
			"ingest.logplex.tls.cert_file, tls.key_file: open /none.crt: ",
		},
	} {
		o := ingest.Options{Config: settings(), Bus: conn}
		c.change(&o)
		if got := failure(t, o); !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestDrainURL(t *testing.T) {
	t.Parallel()
	conn := connect(t, nats(t, t.TempDir(), -1), settings())
	for _, c := range []struct {
		name, public string
		credentials  map[string]config.Credential
		want, hidden string
	}{
		{
			"here", "",
			map[string]config.Credential{"a": {User: "shop", Secret: "s"}},
			"http://shop:s@localhost:PORT/logs", "http://shop:***@localhost:PORT/logs",
		},
		{
			"behind a proxy", "https://logs.example.com",
			map[string]config.Credential{"a": {Secret: "s"}},
			"https://drain:s@logs.example.com/logs", "https://drain:***@logs.example.com/logs",
		},
		{
			"below a path", "https://example.com:8443/in/",
			map[string]config.Credential{"b": {Secret: "2"}, "a": {User: "a", Secret: "1"}},
			"https://a:1@example.com:8443/in/logs", "https://a:***@example.com:8443/in/logs",
		},
		{
			"the default comes first", "https://example.com",
			map[string]config.Credential{"a": {Secret: "1"}, "default": {Secret: "2"}},
			"https://drain:2@example.com/logs", "https://drain:***@example.com/logs",
		},
	} {
		s := settings()
		s.Ingest.PublicURL, s.Ingest.Logplex.Credentials = c.public, c.credentials
		i := run(t, open(t, ingest.Options{Config: s, Bus: conn, DataDir: t.TempDir()}))
		_, port, err := net.SplitHostPort(i.addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.DrainURL(true); got != strings.Replace(c.want, "PORT", port, 1) {
			t.Errorf("%s: %s", c.name, got)
		}
		if got := i.DrainURL(false); got != strings.Replace(c.hidden, "PORT", port, 1) {
			t.Errorf("%s, hidden: %s", c.name, got)
		}
		if got := i.SecretFile(); got != "" {
			t.Errorf("%s: secret in %q", c.name, got)
		}
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	post := func(path, secret string, body []byte) int {
		status, _, _, err := i.do(http.MethodPost, path, headers("Authorization", basic(":"+secret), "Logplex-Frame-Id", "-"), strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	c := settings()
	c.Ingest.Logplex.Credentials = map[string]config.Credential{"old": {Secret: secret}, "new": {Secret: "fresh"}}
	c.Ingest.Logplex.Paths = []string{"/new"}
	c.Ingest.Logplex.MaxBody = 100
	c.Ingest.Logplex.QueryFields = []string{"env"}
	commit, err := i.Reload(c)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	for _, c := range []struct {
		path, secret, body string
		status             int
	}{
		{"/new?app=a&env=b", "fresh", "N1", 204},
		{"/new", secret, "N1", 204},
		{"/new", "wrong", "N1", 401},
		{"/logs", "fresh", "N1", 404},
		{"/new", "fresh", "N3", 413},
	} {
		if got := post(c.path, c.secret, logplextest.Body(t, c.body)); got != c.status {
			t.Errorf("%s with %s: answered %d", c.path, c.secret, got)
		}
	}
	if got := fmt.Sprint(stored(t, conn)[0].GetQuery()); got != "map[env:b]" {
		t.Errorf("kept %s", got)
	}
	if got := i.DrainURL(true); !strings.Contains(got, ":fresh@") || !strings.HasSuffix(got, "/new") {
		t.Errorf("drain URL %s", got)
	}
	// Without a data directory no credential can be made: all stays as it is.
	c = settings()
	c.Ingest.Logplex.Credentials = nil
	if _, err := i.Reload(c); err == nil {
		t.Error("a configuration without credentials is taken")
	}
	if got := post("/new", "fresh", logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("answered %d after a reload that failed", got)
	}
}

func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestTLS(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Logplex.TLS.CertFile, c.Ingest.Logplex.TLS.KeyFile = certificate(t)
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	if got := i.DrainURL(false); !strings.HasPrefix(got, "https://shop:***@localhost:") {
		t.Errorf("drain URL %s", got)
	}
	pem, err := os.ReadFile(c.Ingest.Logplex.TLS.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.DrainURL(true), strings.NewReader(string(logplextest.Body(t, "N1"))))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(withUser(req))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != http.StatusNoContent || resp.Proto != "HTTP/1.1" {
		t.Errorf("answered %s %d", resp.Proto, resp.StatusCode)
	}
}

// withUser does what http.Client does with a URL's userinfo.
func withUser(r *http.Request) *http.Request {
	r.Header.Set("Authorization", basic(r.URL.User.String()))
	return r
}

func TestCountsAreExported(t *testing.T) {
	t.Parallel()
	c := settings()
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	metrics, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	opened, err := ingest.New(t.Context(), ingest.Options{Config: c, Bus: conn, Metrics: metrics, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	i := run(t, opened)
	for _, id := range []string{"N3", "N3", "X1"} {
		i.post(headers(), logplextest.Body(t, id))
	}
	i.post(headers("Authorization", "-"), logplextest.Body(t, "N3"))
	page := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"drainline_ingest_requests_total 4",
		"drainline_ingest_frames_total 2",
		"drainline_ingest_body_bytes_total 160",
		"drainline_ingest_duplicates_total 1",
		"drainline_ingest_count_mismatches_total 2",
		"drainline_ingest_unavailable_total 0",
		`drainline_ingest_refused_total{reason="body"} 1`,
		`drainline_ingest_refused_total{reason="credential"} 1`,
		`drainline_ingest_refused_total{reason="size"} 0`,
		`drainline_ingest_request_duration_seconds_count{door="logplex",status="204"} 2`,
		`drainline_ingest_request_duration_seconds_count{door="logplex",status="400"} 1`,
		`drainline_ingest_request_duration_seconds_count{door="logplex",status="401"} 1`,
	} {
		if !strings.Contains(page.Body.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, page.Body)
		}
	}
}

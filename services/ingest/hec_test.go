package ingest_test

import (
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest"
)

const hecToken = "22222222-3333-4444-5555-666666666666"

// hecSettings open the HEC door as well.
func hecSettings() *config.Config {
	c := settings()
	c.Ingest.HEC = config.HEC{
		Listen: "127.0.0.1:0", MaxBody: 1 << 20, MaxEvent: 64 << 10, MaxEvents: 1000, MaxDepth: 100, Limits: c.Ingest.Logplex.Limits,
		Tokens: map[string]config.Token{"web": {Token: hecToken}},
	}
	return c
}

// collect sends an event to a HEC door and returns the status.
func collect(t *testing.T, client *http.Client, url string) (int, error) {
	t.Helper()
	url = strings.Replace(url, "localhost", "127.0.0.1", 1) + "/services/collector"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"event":"hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Splunk "+hecToken)
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// Where nobody could come in by the Logplex door it stays closed.
func TestHECOnly(t *testing.T) {
	t.Parallel()
	c := hecSettings()
	c.Ingest.Logplex.Credentials = nil
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, nats(t, t.TempDir(), -1), c)}))
	if url := i.DrainURL(true); url != "" {
		t.Errorf("the Logplex door is open at %s", url)
	}
	if status, err := collect(t, http.DefaultClient, i.HECURL()); status != http.StatusOK || err != nil {
		t.Errorf("answered %d, %v", status, err)
	}
	if n := i.Counts().Frames.Load() + i.Counts().Bytes.Load(); n != 0 {
		t.Errorf("an event counts as %d of frames", n)
	}
	if _, err := i.Reload(hecSettings()); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("a credential that cannot be used: %v", err)
	}
}

func TestHECDoorCannotBeOpenedLater(t *testing.T) {
	t.Parallel()
	c := settings()
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, nats(t, t.TempDir(), -1), c)}))
	if url := i.HECURL(); url != "" {
		t.Errorf("the HEC door is open at %s", url)
	}
	if _, err := i.Reload(hecSettings()); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("a token that cannot be used: %v", err)
	}
}

// The HEC door speaks TLS, wants a client's certificate if told to, and follows
// when its own is renewed.
func TestHECOverTLS(t *testing.T) {
	t.Parallel()
	c := hecSettings()
	own := &c.Ingest.HEC.TLS
	own.CertFile, own.KeyFile = certificate(t)
	clientCert, clientKey := certificate(t)
	own.ClientCAFile = clientCert
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, nats(t, t.TempDir(), -1), c)}))
	if !strings.HasPrefix(i.HECURL(), "https://localhost:") {
		t.Errorf("the URL is %s", i.HECURL())
	}
	pair, err := tls.LoadX509KeyPair(clientCert, clientKey)
	if err != nil {
		t.Fatal(err)
	}
	var presented []byte
	send := func(certificates ...tls.Certificate) error {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, Certificates: certificates,
			VerifyConnection: func(s tls.ConnectionState) error {
				presented = s.PeerCertificates[0].Raw
				return nil
			},
		}}
		defer transport.CloseIdleConnections()
		status, err := collect(t, &http.Client{Transport: transport}, i.HECURL())
		if err == nil && status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
		return err
	}
	if err := send(); err == nil {
		t.Error("a client without a certificate got in")
	}
	if err := send(pair); err != nil {
		t.Error(err)
	}
	before := string(presented)
	cert, key := certificate(t)
	for from, to := range map[string]string{cert: own.CertFile, key: own.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	commit, err := i.Reload(c)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if err := send(pair); err != nil {
		t.Error(err)
	}
	if string(presented) == before {
		t.Error("the old certificate is shown after it was renewed")
	}
}

package ingest_test

import (
	"crypto/tls"
	"net/http"
	"os"
	"testing"

	"github.com/drainline/drainline/services/ingest"
)

// presented is the certificate that a new connection sees.
func (i *instance) presented() string {
	i.t.Helper()
	conn, err := tls.Dial("tcp", i.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		i.t.Fatal(err)
	}
	defer conn.Close()
	return string(conn.ConnectionState().PeerCertificates[0].Raw)
}

// Certificates are read again at a reload, also under the same names, and stay
// when the gate has opened the socket again.
func TestCertificateReload(t *testing.T) {
	t.Parallel()
	c, o := settings(), startOutage(t)
	c.Ingest.BehindProxy = false
	c.Ingest.Logplex.TLS.CertFile, c.Ingest.Logplex.TLS.KeyFile = certificate(t)
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, o.ns, c)}))
	kept := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer kept.CloseIdleConnections()
	get := func() {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+i.addr+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := kept.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	get()
	before := i.presented()

	cert, key := certificate(t)
	for from, to := range map[string]string{cert: c.Ingest.Logplex.TLS.CertFile, key: c.Ingest.Logplex.TLS.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if got := i.presented(); got != before {
		t.Error("another certificate before the reload")
	}
	i.reload(c)
	after := i.presented()
	if after == before {
		t.Error("the same certificate after the reload")
	}
	get() // on the connection from before

	if err := os.Remove(c.Ingest.Logplex.TLS.KeyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Reload(c); err == nil {
		t.Error("a certificate without its key is taken")
	}
	o.begin()
	eventually(t, "connections are refused", i.refuses)
	o.end()
	eventually(t, "connections are accepted", func() bool { return !i.refuses() })
	if got := i.presented(); got != after {
		t.Error("another certificate after the socket was opened again")
	}
}

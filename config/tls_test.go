package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
)

// certificate writes a certificate of its own authority for that name, with its
// key, and returns the names of both files.
func certificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, "tls.crt", pemText("CERTIFICATE", cert)), write(t, dir, "tls.key", pemText("PRIVATE KEY", der))
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestServerTLS(t *testing.T) {
	t.Parallel()
	if got, err := (config.ServerTLS{MinVersion: "1.3"}).Load(); got != nil || err != nil {
		t.Errorf("without certificate: %v, %v", got, err)
	}
	cert, key := certificate(t, t.TempDir(), "logs.example.com")
	for name, c := range map[string]struct {
		tls     config.ServerTLS
		version uint16
		client  tls.ClientAuthType
	}{
		"default":    {config.ServerTLS{CertFile: cert, KeyFile: key, MinVersion: "1.2"}, tls.VersionTLS12, tls.NoClientCert},
		"no version": {config.ServerTLS{CertFile: cert, KeyFile: key}, tls.VersionTLS12, tls.NoClientCert},
		"TLS 1.3":    {config.ServerTLS{CertFile: cert, KeyFile: key, MinVersion: "1.3"}, tls.VersionTLS13, tls.NoClientCert},
		"clients":    {config.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: cert}, tls.VersionTLS12, tls.RequireAndVerifyClientCert},
	} {
		got, err := c.tls.Load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.MinVersion != c.version || got.ClientAuth != c.client || len(got.Certificates) != 1 || (got.ClientCAs != nil) != (c.client != 0) {
			t.Errorf("%s: loaded %+v", name, got)
		}
	}
}

func TestServerTLSErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir, "logs.example.com")
	empty := write(t, dir, "empty", "")
	for want, c := range map[string]config.ServerTLS{
		"one is set without the other":             {CertFile: cert},
		"tls.cert_file, tls.key_file: ":            {CertFile: empty, KeyFile: key},
		"tls.client_ca_file: ":                     {CertFile: cert, KeyFile: key, ClientCAFile: filepath.Join(dir, "none")},
		"empty: no PEM certificate in it":          {CertFile: cert, KeyFile: key, ClientCAFile: empty},
		"tls.cert_file and tls.key_file: one is":   {KeyFile: key, ClientCAFile: cert},
		"no such file or directory":                {CertFile: filepath.Join(dir, "none"), KeyFile: key},
		"tls: private key does not match public k": {CertFile: cert, KeyFile: otherKey(t)},
	} {
		if got, err := c.Load(); got != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", c, err, want)
		}
	}
}

func TestClientTLSVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		got, err := config.ClientTLS{MinVersion: version}.Load()
		if err != nil || got.MinVersion != want {
			t.Errorf("%q: %v, %v", version, got, err)
		}
	}
}

// A server that speaks TLS 1.2 only is none for a client that wants 1.3.
func TestClientTLSRefusesOlderVersions(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, t.TempDir(), "splunk.example.com")
	server, err := config.ServerTLS{CertFile: cert, KeyFile: key}.Load()
	if err != nil {
		t.Fatal(err)
	}
	server.MaxVersion = tls.VersionTLS12
	for version, ok := range map[string]bool{"1.2": true, "1.3": false} {
		client, err := config.ClientTLS{CAFile: cert, ServerName: "splunk.example.com", MinVersion: version}.Load()
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(t, server, client); (err == nil) != ok {
			t.Errorf("%s: the server's handshake ends with %v", version, err)
		}
	}
}

func otherKey(t *testing.T) string {
	t.Helper()
	_, key := certificate(t, t.TempDir(), "other.example.com")
	return key
}

// A listener with client certificates takes those of its authority only.
func TestServerTLSVerifiesClients(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, t.TempDir(), "logs.example.com")
	strangerCert, strangerKey := certificate(t, t.TempDir(), "logs.example.com")
	server, err := config.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: cert}.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client config.ClientTLS
		ok     bool
	}{
		"its own":  {config.ClientTLS{CAFile: cert, CertFile: cert, KeyFile: key, ServerName: "logs.example.com"}, true},
		"none":     {config.ClientTLS{CAFile: cert, ServerName: "logs.example.com"}, false},
		"stranger": {config.ClientTLS{CAFile: cert, CertFile: strangerCert, KeyFile: strangerKey, ServerName: "logs.example.com"}, false},
	} {
		client, err := c.client.Load()
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(t, server, client); (err == nil) != c.ok {
			t.Errorf("%s: the server's handshake ends with %v", name, err)
		}
	}
}

// handshake returns how a handshake ends for the server.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			ended <- err
			return
		}
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
		ended <- err
	}()
	conn, err := (&tls.Dialer{Config: client}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err == nil {
		_, _ = conn.Write([]byte{1}) // the server may have closed already; its side counts
	}
	result := <-ended
	if conn != nil {
		_ = conn.Close()
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	return result
}

// Kubernetes mounts a secret as links through a link that it replaces.
func TestWatchFollowsCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	publish := func(version string) {
		certificate(t, filepath.Join(dir, ".."+version), version)
		if err := os.Symlink(".."+version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
	}
	publish("v1")
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink("..data/"+name, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tlsFiles := "{cert_file: " + dir + "/tls.crt, key_file: " + dir + "/tls.key}"
	for section, file := range map[string]string{
		"a door":        "ingest: {hec: {tls: " + tlsFiles + "}}",
		"clients":       "ingest: {logplex: {tls: {cert_file: a, key_file: b, client_ca_file: " + dir + "/tls.crt}}}",
		"a destination": "destinations: {prod: {urls: [https://a], token: t, tls: {ca_file: " + dir + "/tls.crt}}}",
	} {
		w := watch(t, config.Loader{Files: []string{write(t, t.TempDir(), "drainline.yaml", file)}})
		for _, version := range []string{"v2", "v3"} {
			publish(version)
			if got := w.next().Certificates; got == "" {
				t.Errorf("%s: no digest of %s", section, version)
			}
			remove(t, filepath.Join(dir, "..v2"))
		}
		remove(t, filepath.Join(dir, "..v3"))
	}
}

// The SHA is the same on machines that have different certificates.
func TestCertificatesAreNotInTheSHA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir, "one")
	l := config.Loader{Flags: map[string]any{"ingest.hec.tls.cert_file": cert, "ingest.hec.tls.key_file": key}}
	before := load(t, l)
	certificate(t, dir, "two")
	after := load(t, l)
	if before.SHA() != after.SHA() || before.Certificates == after.Certificates {
		t.Errorf("SHA %s and %s, certificates %s and %s", before.SHA(), after.SHA(), before.Certificates, after.Certificates)
	}
}

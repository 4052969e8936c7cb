package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/drainline/drainline/config"
)

const (
	// A proxy or load balancer that closes an idle connection earlier costs a try;
	// splunkd itself keeps one for 7200 s (keepAliveIdleTimeout).
	idleTimeout = 90 * time.Second
	// A request is up to megabytes and leaves in one go.
	writeBuffer = 64 << 10
	readBuffer  = 4 << 10
)

// newTransport keeps a connection alive for every request that may be in
// flight. It speaks HTTP/1.1, as splunkd does: a connection is a request.
func newTransport(d *config.Destination) (*http.Transport, error) {
	tlsConfig, err := newTLS(&d.TLS)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     tlsConfig,
		MaxIdleConnsPerHost: d.Concurrency.Max,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true,
		WriteBufferSize:     writeBuffer,
		ReadBufferSize:      readBuffer,
	}, nil
}

func newTLS(c *config.ClientTLS) (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:         tls.VersionTLS12, // HEC's sslVersions default
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // the operator's choice, for a Splunk with its own default certificate
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s: no PEM certificate in it", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("tls.cert_file and tls.key_file: one is set without the other")
	}
	if c.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file, tls.key_file: %w", err)
		}
		t.Certificates = []tls.Certificate{certificate}
	}
	return t, nil
}

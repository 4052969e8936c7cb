package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Load reads the files. TLS 1.2 is the least that is spoken, unless MinVersion says 1.3.
func (c ClientTLS) Load() (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:         minVersion(c.MinVersion),
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // the operator's choice, for a Splunk with its own default certificate
	}
	var err error
	if t.RootCAs, err = loadAuthorities("tls.ca_file", c.CAFile); err != nil {
		return nil, err
	}
	if t.Certificates, err = loadCertificate(c.CertFile, c.KeyFile); err != nil {
		return nil, err
	}
	return t, nil
}

// Load reads the files, and is nil without a certificate: the listener then
// speaks plain HTTP. With authorities of clients it takes only connections whose
// certificate they have signed. NextProtos is the caller's to set.
func (c ServerTLS) Load() (*tls.Config, error) {
	certificates, err := loadCertificate(c.CertFile, c.KeyFile)
	if err != nil || certificates == nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: minVersion(c.MinVersion), Certificates: certificates}
	if t.ClientCAs, err = loadAuthorities("tls.client_ca_file", c.ClientCAFile); err != nil {
		return nil, err
	}
	if t.ClientCAs != nil {
		t.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return t, nil
}

func minVersion(version string) uint16 {
	if version == tls13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// loadAuthorities is nil without a file.
func loadAuthorities(key, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // crypto/tls, too, says with nil that there are none
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names the files
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s: no PEM certificate in it", key, file)
	}
	return pool, nil
}

// loadCertificate is empty without files.
func loadCertificate(certFile, keyFile string) ([]tls.Certificate, error) {
	if (certFile == "") != (keyFile == "") {
		return nil, errors.New("tls.cert_file and tls.key_file: one is set without the other")
	}
	if certFile == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("tls.cert_file, tls.key_file: %w", err)
	}
	return []tls.Certificate{certificate}, nil
}

package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/drainline/drainline/config"
)

// listen opens the door's listener, with TLS if there is a certificate.
func listen(ctx context.Context, address string, certificate *tls.Certificate) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("ingest.logplex.listen %s is taken: stop what listens there or set another port", address)
	}
	if err != nil {
		return nil, fmt.Errorf("ingest.logplex.listen %s cannot be opened: %w", address, err)
	}
	if certificate == nil {
		return l, nil
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{*certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}), nil
}

// loadCertificate returns nil where none is configured.
func loadCertificate(c config.ServerTLS) (*tls.Certificate, error) {
	if c.CertFile == "" && c.KeyFile == "" {
		return nil, nil //nolint:nilnil // plain HTTP is a choice, no error
	}
	certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("ingest.logplex.tls: the certificate cannot be loaded: %w", err)
	}
	return &certificate, nil
}

package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/drainline/drainline/config"
)

const (
	// A proxy or load balancer that closes an idle connection earlier costs a try;
	// splunkd itself keeps one for 7200 s (inputs.conf: keepAliveIdleTimeout).
	idleTimeout = 90 * time.Second
	// handshakeTimeout is for TLS.
	handshakeTimeout = 10 * time.Second
	// A request is up to megabytes and leaves in one go.
	writeBuffer = 64 << 10
	readBuffer  = 4 << 10
	// lifetime is how long a transport is used, more or less: then DNS is asked again
	// and a load balancer can lead elsewhere.
	lifetime = 5 * time.Minute
)

// transports makes a destination's transports. They speak HTTP/1.1, as splunkd does: a
// connection is a request.
type transports struct {
	tls   *tls.Config
	proxy func(*http.Request) (*url.URL, error)
	dial  dialer
	idle  int // connections that a shared transport keeps
}

func newTransports(d *config.Destination) (*transports, error) {
	tlsConfig, err := d.TLS.Load()
	if err != nil {
		return nil, err
	}
	// Connections are renewed now and then, which then costs little.
	tlsConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	proxy, err := proxyOf(d.Proxy)
	if err != nil {
		return nil, err
	}
	return &transports{tls: tlsConfig, proxy: proxy, dial: newDialer(), idle: d.Concurrency.Max}, nil
}

// shared keeps a connection alive for every request that may be in flight.
func (t *transports) shared() *http.Transport {
	return &http.Transport{
		Proxy:               t.proxy,
		DialContext:         t.dial.dial,
		TLSClientConfig:     t.tls,
		TLSHandshakeTimeout: handshakeTimeout,
		MaxIdleConnsPerHost: t.idle,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true,
		WriteBufferSize:     writeBuffer,
		ReadBufferSize:      readBuffer,
		// Splunk's own headers are a few hundred bytes.
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// single has one connection at a time, and keeps it as long as a session lasts.
func (t *transports) single(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	s := t.shared()
	s.DialContext = dial
	s.MaxConnsPerHost, s.MaxIdleConnsPerHost, s.IdleConnTimeout = 1, 1, lifetime
	return s
}

// proxyOf is net/http's idea of a proxy. No error holds its URL, which may have a
// password.
func proxyOf(proxy config.Secret) (func(*http.Request) (*url.URL, error), error) {
	switch proxy {
	case config.ProxyNone:
		return nil, nil //nolint:nilnil // net/http, too, says with nil that there is none
	case "":
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(proxy.Reveal())
	if err != nil || u.Host == "" {
		return nil, errors.New("proxy: not a URL like http://proxy:3128")
	}
	return http.ProxyURL(u), nil
}

// jitter is d, give or take a fifth, so that what began together does not end together.
func jitter(d time.Duration) time.Duration {
	const fifths = 5
	return d - d/fifths + rand.N(max(d*2/fifths, 1)) //nolint:gosec // no secret
}

package endpoint

import (
	"net/http"
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
	tlsConfig, err := d.TLS.Load()
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

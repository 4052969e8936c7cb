package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// probing is how often the balancer looks whether a door is ready, and well below the
// doors' ingest.shutdown_delay.
const probing = 100 * time.Millisecond

// balancer is the load balancer before several ingests: each request goes to the next one
// that is ready.
type balancer struct {
	server *http.Server
	url    string
	proxy  httputil.ReverseProxy
	ready  atomic.Pointer[[]string]
	next   atomic.Uint64
	failed atomic.Int64 // requests that no door answered

	mu    sync.Mutex
	doors map[string]string // by the admin that says whether they are ready
}

// startBalancer listens until ctx ends.
func startBalancer(ctx context.Context) (*balancer, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{url: l.Addr().String(), doors: map[string]string{}}
	b.ready.Store(&[]string{})
	b.proxy = httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			ready := *b.ready.Load()
			target := &url.URL{Scheme: "http", Host: "127.0.0.1:0"} // nobody
			if len(ready) > 0 {
				target.Host = ready[b.next.Add(1)%uint64(len(ready))]
			}
			r.SetURL(target)
		},
		// As many connections are kept as there are drains, or each request would make one.
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			b.failed.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	b.server = &http.Server{Handler: &b.proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.server.Serve(l) }()
	go b.probe(ctx)
	return b, nil
}

// probe keeps the list of those that are ready. A door that has gone is not.
func (b *balancer) probe(ctx context.Context) {
	defer b.server.Close()
	tick := time.NewTicker(probing)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		doors := maps.Clone(b.doors)
		b.mu.Unlock()
		ready := []string{}
		for admin, door := range doors {
			if _, err := get(ctx, "http://"+admin+"/readyz"); err == nil {
				ready = append(ready, door)
			}
		}
		b.ready.Store(&ready)
	}
}

// add has the balancer look from now on whether a door is ready.
func (b *balancer) add(admin, door string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doors[admin] = door
}

// await waits until so many doors are ready.
func (b *balancer) await(ctx context.Context, doors int) error {
	for len(*b.ready.Load()) < doors {
		if err := pause(ctx, probing); err != nil {
			return fmt.Errorf("%d of %d doors are ready: %w", len(*b.ready.Load()), doors, err)
		}
	}
	return nil
}

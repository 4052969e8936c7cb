package splunk

import (
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
)

// cookieName is what AWS's application load balancers call theirs.
const cookieName = "AWSALB"

// Stickiness is what a load balancer goes by when it chooses an indexer.
type Stickiness int

// Ways to choose an indexer.
const (
	NotSticky        Stickiness = iota // the next one for each request
	StickyCookie                       // the one named by a cookie that comes with a client's first answer
	StickyConnection                   // the same one for each request of a connection
)

// A Cluster is a load balancer with indexers behind it, an http.Handler. Each indexer has its own acknowledgements and faults, all have
// one ledger and one total.
type Cluster struct {
	*store

	sticky   Stickiness
	indexers []*Splunk
	down     []atomic.Bool
	next     atomic.Uint64
}

// NewCluster returns n indexers, 1 or more, behind a load balancer.
func NewCluster(n int, sticky Stickiness, options Options) *Cluster {
	c := &Cluster{store: newStore(options), sticky: sticky, down: make([]atomic.Bool, n)}
	for range n {
		c.indexers = append(c.indexers, newIndexer(c.store))
	}
	return c
}

// Indexer returns the ith indexer, from 0. It is an http.Handler too, which can be reached without the load balancer.
func (c *Cluster) Indexer(i int) *Splunk {
	return c.indexers[i]
}

// Down makes the ith indexer unreachable for the load balancer, or reachable again. Requests in progress end as ever. It keeps what it
// knows of acknowledgement; see Splunk.Restart.
func (c *Cluster) Down(i int, down bool) {
	c.down[i].Store(down)
}

// ServeHTTP passes a request to an indexer. Without one it answers 503 with a page.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i, ok := c.choose(w, r)
	if !ok || c.down[i].Load() {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, c.options.MaxContentLength))
		a := page(http.StatusServiceUnavailable, "Service Temporarily Unavailable")
		a.header = http.Header{"Server": {"awselb/2.0"}}
		a.write(w)
		return
	}
	c.indexers[i].ServeHTTP(w, r)
}

// choose returns the indexer for a request, if there is one to choose.
func (c *Cluster) choose(w http.ResponseWriter, r *http.Request) (int, bool) {
	switch c.sticky {
	case StickyCookie:
		if i, ok := c.remembered(r); ok {
			return i, true
		}
		i, ok := c.from(c.next.Add(1) - 1)
		if ok {
			//nolint:gosec // the load balancer plays AWS's, which sets neither Secure nor HttpOnly
			http.SetCookie(w, &http.Cookie{Name: cookieName, Value: strconv.Itoa(i), Path: "/"})
		}
		return i, ok
	case StickyConnection:
		hash := fnv.New64a()
		_, _ = io.WriteString(hash, r.RemoteAddr) // a hash takes everything
		return c.from(hash.Sum64())
	default:
		return c.from(c.next.Add(1) - 1)
	}
}

// remembered returns the indexer that a request's cookie names, unless the balancer knows it to be down.
func (c *Cluster) remembered(r *http.Request) (int, bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return 0, false
	}
	i, err := strconv.Atoi(cookie.Value)
	return i, err == nil && i >= 0 && i < len(c.indexers) && c.eligible(i)
}

// from returns the first eligible indexer from a place on.
func (c *Cluster) from(place uint64) (int, bool) {
	n := uint64(len(c.indexers))
	for k := range n {
		if i := int((place%n + k) % n); c.eligible(i) {
			return i, true
		}
	}
	return 0, false
}

// eligible tells whether the balancer sends requests to an indexer.
func (c *Cluster) eligible(i int) bool {
	return c.options.BlindBalancer || !c.down[i].Load()
}

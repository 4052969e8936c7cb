package endpoint

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// healthTimeout is for one check.
	healthTimeout = 5 * time.Second
	// unwellAfter is how many checks in a row have to fail.
	unwellAfter = 2
)

// watchHealth checks all URLs from time to time, until ctx ends.
func (c *Client) watchHealth(ctx context.Context) {
	tick := time.NewTicker(c.healthInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.checkHealth(ctx)
		}
	}
}

func (c *Client) checkHealth(ctx context.Context) {
	var checks sync.WaitGroup
	for _, t := range c.balancer.targets {
		checks.Go(func() { c.checkTarget(ctx, t) })
	}
	checks.Wait()
}

// checkTarget asks one URL for its health, or one that is held whether it has been put
// right. HEC answers 200 or 503 without a token. Anything else is the answer of a proxy
// that does not have this endpoint.
func (c *Client) checkTarget(ctx context.Context, t *target) {
	if c.balancer.is(t, Held) {
		if c.probe(ctx, t) == nil {
			c.balancer.well(t)
		}
		return
	}
	transport := t.lines.take(c.now())
	defer t.lines.release(transport)
	ask := call{method: http.MethodGet, url: t.health, header: http.Header{"User-Agent": {userAgent(c.version)}}}
	o := ask.do(ctx, transport, healthTimeout)
	switch {
	case ctx.Err() != nil:
	case o.status == http.StatusOK:
		t.unwell = 0
		c.balancer.well(t)
	case o.status == http.StatusServiceUnavailable:
		c.unwell(t, fmt.Errorf("%s: HTTP status %d of its health endpoint", t.base, o.status))
	case o.status == 0:
		c.unwell(t, fmt.Errorf("%s: health endpoint: %w", t.base, o.err))
	default:
		t.unwell = 0
	}
}

func (c *Client) unwell(t *target, why error) {
	if t.unwell++; t.unwell < unwellAfter {
		return
	}
	c.balancer.unwell(t)
	t.watch.trouble(why, away, 0, c.now())
}

package endpoint

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// Probe asks each URL, without an event, whether it would take events: HEC answers an
// empty request with code 5 when its token is good. The request is made as those with events
// are, compressed or not, for one endpoint or the other. It returns nil when one would, else
// why none does.
func (c *Client) Probe(ctx context.Context) error {
	failures := make([]error, len(c.balancer.targets))
	var probes sync.WaitGroup
	for i, t := range c.balancer.targets {
		probes.Go(func() {
			if failures[i] = c.probe(ctx, t); failures[i] == nil {
				c.balancer.well(t)
			}
		})
	}
	probes.Wait()
	if slices.Contains(failures, nil) {
		return nil
	}
	return oneLine(failures)
}

// emptyRequest is a request without events, made as the destination's others are.
func emptyRequest(d *config.Destination) Request {
	r := Request{Raw: d.Endpoint == config.EndpointRaw, Gzip: d.Gzip}
	if r.Gzip {
		r.Body = zipped(nil)
	}
	return r
}

func zipped(content []byte) []byte {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	_, _ = w.Write(content) // a bytes.Buffer never fails
	_ = w.Close()
	return body.Bytes()
}

// probe asks one URL, with the destination's own token.
func (c *Client) probe(ctx context.Context, t *target) error {
	transport := t.lines.take(c.now())
	defer t.lines.release(transport)
	ask := call{method: http.MethodPost, url: t.place(&c.empty), header: c.headers.of(&c.empty), data: c.empty.Body}
	o := ask.do(ctx, transport, c.timeout)
	_, err := classify(t.base, &o, false, c.now())
	if refused, ok := errors.AsType[*RefusedError](err); ok && !refused.TooLarge() {
		err = nil
	}
	if err != nil || c.ack != config.AckOn {
		return err
	}
	return c.probeAck(ctx, t, transport)
}

// probeAck asks whether the token acknowledges. HEC says with code 14 that it does not,
// and knows no request with this ackId otherwise.
func (c *Client) probeAck(ctx context.Context, t *target, transport http.RoundTripper) error {
	u := *t.ack
	u.RawQuery = "channel=" + url.QueryEscape(c.channel)
	ask := call{method: http.MethodPost, url: &u, header: c.headers.query(), data: hec.AppendAckQuery(nil, []int64{0})}
	o := ask.do(ctx, transport, c.timeout)
	if _, err := classifyAcks(t.base, &o, c.now()); err != nil {
		if _, refused := errors.AsType[*HoldError](err); refused {
			return notAcknowledging(t.base)
		}
		return err
	}
	return nil
}

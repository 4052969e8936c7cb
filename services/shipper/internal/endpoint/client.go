// Package endpoint is Splunk's HTTP Event Collector as its client sees it: one
// destination's URLs behind one Send, with every answer turned into a type that
// says what to do about it.
package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// path is where HEC takes envelopes.
const path = "/services/collector/event"

// Request is one HEC request. It is sent again as the same Request: then a URL is
// preferred that has not failed it.
type Request struct {
	// Raw is for the raw endpoint, with Query (encoded) for its metadata.
	Raw   bool
	Query string
	// Token in place of the destination's; empty is that one.
	Token config.Secret
	// Body as it is sent; Gzip says that it is compressed.
	Body []byte
	Gzip bool
}

// Receipt is what a collector answered that has taken every event of a request.
type Receipt struct {
	Answer hec.Answer
	// Session is where the request's acknowledgement is to be asked for, by
	// Answer.AckID; nil when nothing is to be waited for.
	Session *Session
	// Took is the time from the first byte sent to the answer.
	Took time.Duration
}

// Options are what a client needs beside its destination's configuration.
type Options struct {
	// Channel is sent as X-Splunk-Request-Channel, a GUID. Tokens with indexer
	// acknowledgement require one, others ignore it.
	Channel string
	// Version of Drainline, for the collector's access log.
	Version string
	// Log gets a line when a URL stops to take events and one when it takes them again.
	Log *slog.Logger
}

// Client sends requests to one destination. Its methods may be called from any
// goroutine.
type Client struct {
	targets   []*target
	turn      atomic.Uint64
	transport *http.Transport
	header    http.Header
	timeout   time.Duration
}

// target is one URL of a destination.
type target struct {
	url   *url.URL
	base  string // as configured, for messages
	watch watch
}

// New makes a client. It fails when a TLS file cannot be read or a URL cannot be parsed.
func New(d *config.Destination, o Options) (*Client, error) {
	transport, err := newTransport(d)
	if err != nil {
		return nil, err
	}
	c := &Client{
		transport: transport,
		timeout:   d.Timeout,
		header: http.Header{
			"Authorization":            {"Splunk " + d.Token.Reveal()},
			"Content-Type":             {"application/json"},
			"User-Agent":               {"drainline/" + o.Version},
			"X-Splunk-Request-Channel": {o.Channel},
			"__splunk_app_name":        {"drainline"},
			"__splunk_app_version":     {o.Version},
		},
	}
	for _, base := range d.URLs {
		u, err := url.Parse(base + path)
		if err != nil {
			return nil, fmt.Errorf("urls: %w", err)
		}
		c.targets = append(c.targets, &target{url: u, base: base, watch: watch{log: o.Log.With("url", base)}})
	}
	if len(c.targets) == 0 {
		return nil, errors.New("urls: empty: name at least one")
	}
	return c, nil
}

// Close closes idle connections, also those that are still to become idle.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Start begins to watch over the URLs, until Close.
func (c *Client) Start() {}

// Send posts one request to the URL that takes events and has the fewest in flight, and
// returns when every event in it was accepted. Otherwise it fails with a *RetryError, a
// *HoldError or a *RefusedError, or with ctx's error when ctx ended. When it
// returns, the body is free to be changed.
func (c *Client) Send(ctx context.Context, r *Request) (Receipt, error) {
	t := c.targets[c.turn.Add(1)%uint64(len(c.targets))]
	answer, err := c.post(ctx, t, r.Body, r.Gzip)
	if ctx.Err() != nil && err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", t.base, context.Cause(ctx))
	}
	t.watch.note(err, time.Now())
	return Receipt{Answer: answer}, err
}

// Probe asks each URL, without an event, whether it would take events: HEC answers an
// empty request with code 5 when its token is good. It returns nil when one would, else
// why none does.
func (c *Client) Probe(ctx context.Context) error {
	_, err := c.post(ctx, c.targets[0], nil, false)
	if refused, ok := errors.AsType[*RefusedError](err); ok && refused.Answer.Code == hec.NoData {
		return nil
	}
	return err
}

// Healthy is nil while at least one URL takes events, else says why none does.
func (c *Client) Healthy() error {
	reasons := make([]string, 0, len(c.targets))
	for _, t := range c.targets {
		trouble := t.watch.trouble()
		if trouble == nil {
			return nil
		}
		reasons = append(reasons, trouble.Error())
	}
	return errors.New(strings.Join(reasons, "; "))
}

func (c *Client) post(ctx context.Context, t *target, data []byte, gzip bool) (hec.Answer, error) {
	body := &body{data: data}
	defer body.await()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	// Without an http.Client nothing follows redirects: HEC has none, and the token
	// would go to whatever they name.
	response, err := c.transport.RoundTrip(c.request(ctx, t, body, gzip))
	if err != nil {
		return hec.Answer{}, c.failed(ctx, t, err)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, hec.MaxAnswer+1))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return hec.Answer{}, c.failed(ctx, t, fmt.Errorf("answer %d broke off: %w", response.StatusCode, err))
	}
	return classify(t.base, response, text, time.Now())
}

func (c *Client) request(ctx context.Context, t *target, body *body, gzip bool) *http.Request {
	header := c.header.Clone()
	if gzip {
		header["Content-Encoding"] = []string{"gzip"}
	}
	r := &http.Request{
		Method: http.MethodPost, URL: t.url, Host: t.url.Host, Header: header,
		Body: body.open(), ContentLength: int64(len(body.data)),
		// Lets the transport repeat a request that met a connection the collector
		// had just closed, of which nothing was sent.
		GetBody: func() (io.ReadCloser, error) { return body.open(), nil },
	}
	return r.WithContext(ctx)
}

// failed is the policy for a request that got no answer. Whether the collector
// took its events is not known.
func (c *Client) failed(ctx context.Context, t *target, err error) error {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return &HoldError{Err: fmt.Errorf("%s: %w: check the destination's tls", t.base, err)}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &RetryError{Err: fmt.Errorf("%s: no answer within %v: %w", t.base, c.timeout, err)}
	default:
		return &RetryError{Err: fmt.Errorf("%s: %w", t.base, err)}
	}
}

// Package endpoint is Splunk's HTTP Event Collector as its client sees it: one
// destination's URLs behind one Send, with every answer turned into a type that
// says what to do about it.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

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

	failed []string // URLs, in this round
	tries  int
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
	// Tracer makes a span of each try whose context has a sampled one; nil makes none.
	Tracer trace.Tracer
	// Answered, if it is not nil, is told of every try of Send: the HTTP status, 0 where there
	// was no answer, HEC's code, NoCode where there was none, and how long it took.
	Answered func(status int, code hec.Code, took time.Duration)
}

// Client sends requests to one destination. Its methods may be called from any
// goroutine.
type Client struct {
	balancer       balancer
	transports     *transports
	headers        *headers // of the destination's token on its channel
	token          config.Secret
	channel        string
	version        string
	ack            string
	timeout        time.Duration
	healthInterval time.Duration
	answered       func(status int, code hec.Code, took time.Duration)
	empty          Request // like those with events
	tracer         trace.Tracer
	now            func() time.Time

	mu     sync.Mutex
	end    context.CancelFunc // ends the health checks; nil when there are none
	closed bool
	checks sync.WaitGroup
}

// New makes a client. It fails when a TLS file cannot be read or a URL cannot be parsed.
func New(d *config.Destination, o Options) (*Client, error) {
	transports, err := newTransports(d)
	if err != nil {
		return nil, err
	}
	c := &Client{
		transports: transports, headers: newHeaders(o.Version, o.Channel, d.Token),
		token: d.Token, channel: o.Channel, version: o.Version, ack: d.Ack,
		timeout: d.Timeout, healthInterval: d.Health.Interval,
		answered: o.Answered, empty: emptyRequest(d), tracer: o.Tracer, now: time.Now,
	}
	c.balancer = balancer{normal: d.Concurrency.Max, now: c.clock}
	for _, base := range d.URLs {
		t, err := newTarget(base)
		if err != nil {
			return nil, err
		}
		log := o.Log.With("url", base)
		t.since = c.now()
		t.watch.log = log
		t.lines.open = transports.shared
		t.sessions = sessions{
			open: func(token config.Secret) *Session { return c.newSession(t, token) },
			most: c.balancer.normal, log: log, now: c.clock,
		}
		c.balancer.targets = append(c.balancer.targets, t)
	}
	if len(c.balancer.targets) == 0 && d.Type != config.TypeDiscard {
		return nil, errors.New("urls: empty: name at least one")
	}
	return c, nil
}

// clock is the time, from where tests have changed it.
func (c *Client) clock() time.Time { return c.now() }

// Start begins to watch over the URLs, until Close. A single URL is not watched over:
// whatever its health, there is no other.
func (c *Client) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.end != nil || c.healthInterval <= 0 || c.balancer.single() {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	c.end = end
	c.checks.Go(func() { c.watchHealth(ctx) })
}

// Close ends what Start began and closes idle connections, also those that are still to
// become idle, but for sessions that something may be asked for on. It may be called
// without Start, and more than once.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	if c.end != nil {
		c.end()
	}
	c.mu.Unlock()
	c.checks.Wait()
	for _, t := range c.balancer.targets {
		t.lines.close()
		t.sessions.close()
	}
}

// Send posts one request to the URL that takes events and has the fewest in flight, and
// returns when every event in it was accepted. Otherwise it fails with a *RetryError, a
// *HoldError or a *RefusedError, or with ctx's error when ctx ended. When it
// returns, the body is free to be changed.
func (c *Client) Send(ctx context.Context, r *Request) (Receipt, error) {
	turn := c.balancer.pick(r)
	t := turn.target
	begun := time.Now()
	ctx, span := c.begin(ctx, t, r)
	receipt, o, err := c.post(ctx, t, r)
	told(span, &o, &receipt.Answer, err)
	c.tell(&o, receipt.Answer.Code, time.Since(begun))
	if o.err != nil && ctx.Err() != nil {
		c.balancer.done(turn, o.err)
		return Receipt{}, fmt.Errorf("%s: %w", t.base, o.err)
	}
	hold, held := errors.AsType[*HoldError](err)
	if held {
		hold.Token = hold.Token && c.isForeign(r.Token)
	}
	c.balancer.done(turn, err)
	if !held || !hold.Token {
		t.watch.note(err, c.now())
	}
	if err != nil {
		return Receipt{}, c.balancer.verdict(t, r, err)
	}
	return receipt, nil
}

// tell tells of a try. One without an answer took as long as all of it.
func (c *Client) tell(o *outcome, code hec.Code, took time.Duration) {
	switch {
	case c.answered == nil:
	case o.status == 0:
		c.answered(0, NoCode, took)
	default:
		c.answered(o.status, code, o.took)
	}
}

// isForeign reports whether a request's token is another than the destination's.
func (c *Client) isForeign(token config.Secret) bool { return token != "" && token != c.token }

// Healthy is nil while at least one URL takes events, else says why none does.
func (c *Client) Healthy() error {
	if len(c.balancer.targets) == 0 {
		return nil // everything is discarded
	}
	reasons := make([]error, len(c.balancer.targets))
	for i, t := range c.balancer.targets {
		if reasons[i] = t.watch.why(); reasons[i] == nil {
			return nil
		}
	}
	return oneLine(reasons)
}

// URLs says how each URL does, in the order of the configuration.
func (c *Client) URLs() []URLState {
	states := c.balancer.states()
	for i, t := range c.balancer.targets {
		if why := t.watch.why(); why != nil {
			states[i].Error = why.Error()
		}
	}
	return states
}

func oneLine(failures []error) error {
	said := make([]string, len(failures))
	for i, err := range failures {
		said[i] = err.Error()
	}
	return errors.New(strings.Join(said, "; "))
}

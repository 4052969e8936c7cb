// Package collector is the door for clients of Splunk's HTTP Event Collector (HEC).
// It answers as Splunk does, in the order in which Splunk decides, with these
// differences: a request is stored whole or not at all; where Splunk sends HTML
// (a body that is too large, encoded otherwise or no gzip) the answer is JSON with
// the same status, because clients such as Kafka Connect retry for ever on anything
// else; and an ackId turns true when events are delivered, not when they are indexed.
package collector

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	otel "go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/door"
	"github.com/drainline/drainline/services/ingest/internal/notice"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/trace"
	"github.com/drainline/drainline/services/internal/hec"
)

// Acks number requests, and know what became of them. Tokens are given by name,
// channels in lower case. An error is answered with "Server is busy": the client
// asks, or sends, again.
type Acks interface {
	// Issue gives the request that is about to be stored its ackId: 0, 1, 2 … on
	// each channel of each token. It fails when there are too many channels, or too
	// many ids that nobody asked for.
	Issue(ctx context.Context, token, channel string) (*drainlinev1.Ack, error)
	// Withdraw says that the request was not stored.
	Withdraw(ack *drainlinev1.Ack)
	// Query tells of each of the ids whether its events have been delivered. Ids
	// that are not in the answer are not, or nothing is known of them.
	Query(ctx context.Context, token, channel string, ids []uint64) (map[uint64]bool, error)
}

// Options are what a Collector works with.
type Options struct {
	Store parcel.Store
	// Healthy returns an error while nothing may be stored. Every request asks it,
	// and waits.
	Healthy func() error
	// Trouble returns why nothing can be stored now, nil while something can. The
	// health endpoint asks it.
	Trouble func() error
	// Stopping returns an error when clients had better go elsewhere, although what
	// they send is still taken. The health endpoint asks it.
	Stopping func() error
	Acks     Acks
	// Logplex takes the bodies that Heroku's drains post to this door.
	Logplex *door.Door
	// Bodies is the memory for all bodies with events.
	Bodies *body.Reader
	Counts *Counts
	Log    *slog.Logger
	// Tracer makes a span of each request with events that is sampled; nil makes none.
	Tracer otel.Tracer
}

// queries is the memory for the bodies of all requests to the ack endpoint, in bytes.
const queries = 2 * maxQuery

// Collector is an http.Handler that takes what HEC clients send. It answers 200
// once a request is stored.
type Collector struct {
	Options

	rules    atomic.Pointer[rules]
	queries  *body.Reader
	active   atomic.Int64 // requests that are worked on
	draining atomic.Bool
	trouble  *notice.Trouble

	refused, foreign, unanswered, unnumbered notice.Seldom
}

// New makes a Collector.
func New(o Options, s Settings) *Collector {
	c := &Collector{Options: o, queries: body.NewReader(queries), trouble: notice.NewTrouble(o.Log)}
	c.rules.Store(s.rules(nil))
	return c
}

// Set changes the settings for all requests that come from now on. Tokens that
// keep their rate keep what they have used of it. It is not for concurrent use.
func (c *Collector) Set(s Settings) { c.rules.Store(s.rules(c.rules.Load().rates)) }

// Drain is for the moment in which the door closes: requests with events that come
// on connections that are open still are answered with "Server is shutting down".
// What has been stored can be asked about.
func (c *Collector) Drain() { c.draining.Store(true) }

// endpoint is what a path stands for.
type endpoint int

const (
	nowhere endpoint = iota
	alive
	event
	raw
	ack
	health
)

// endpointOf knows HEC's paths, each also with the version of the protocol behind
// it. Splunk's /mint and /s2s carry other protocols, which nobody should believe
// to be spoken here.
func endpointOf(path string) endpoint {
	if path == "/healthz" {
		return alive
	}
	rest, ok := strings.CutPrefix(path, "/services/collector")
	if !ok {
		return nowhere
	}
	switch strings.TrimSuffix(rest, "/1.0") {
	case "", "/event":
		return event
	case "/raw":
		return raw
	case "/ack":
		return ack
	case "/health":
		return health
	default:
		return nowhere
	}
}

// methods are for the Allow header.
func (e endpoint) methods() string {
	if e == alive || e == health {
		return "GET, HEAD, OPTIONS"
	}
	return "POST, OPTIONS"
}

func (e endpoint) takes(method string) bool {
	if e == alive || e == health {
		return method == http.MethodGet || method == http.MethodHead
	}
	return method == http.MethodPost
}

// ServeHTTP implements http.Handler.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := endpointOf(r.URL.Path)
	switch {
	case e == nowhere:
		answer(w, hec.NewAnswer(hec.NotFound))
	case r.Method == http.MethodOptions: // Docker asks so, without a token, whether there is a HEC
		w.Header().Set("Allow", e.methods())
		write(w, http.StatusOK, nil)
	case !e.takes(r.Method):
		w.Header().Set("Allow", e.methods())
		write(w, http.StatusMethodNotAllowed, hec.AppendAnswer(nil, hec.NewAnswer(hec.NotFound)))
	case e == alive:
		answer(w, hec.NewAnswer(c.life()))
	case e == health:
		answer(w, hec.NewAnswer(c.health(r)))
	default:
		c.Counts.Requests.Add(1)
		if e != ack { // clients ask again and again
			var end func()
			r, end = trace.Begin(c.Tracer, r, r.URL.Path)
			defer end()
		}
		c.post(w, r, e)
	}
}

// post answers a request to one of the endpoints that want a token. The token is
// looked at before anything else of the request, and its body last.
func (c *Collector) post(w http.ResponseWriter, r *http.Request, e endpoint) {
	q, err := c.rules.Load().admit(r)
	trace.Note(r, q.tokenName(), "")
	if err == nil && e != ack && fromLogplex(r.Header) {
		c.Counts.Logplex.Add(1)
		sender := q.sender()
		c.Counts.StrayIndexes.Add(len(sender.Marks))
		c.Logplex.Serve(w, r, sender)
		return
	}
	var reply []byte
	switch {
	case err != nil:
	case e == ack:
		reply, err = c.query(w, q)
	default:
		reply, err = c.take(w, q, e)
	}
	w = trace.Answering(w, r)
	if err != nil {
		c.refuse(w, q, e, err)
		return
	}
	write(w, http.StatusOK, reply)
}

// busyError says that a request cannot be taken now, and when it may come again.
type busyError struct {
	code   hec.Code
	wait   time.Duration
	reason string
}

func (e *busyError) Error() string { return e.reason }

// refuse answers a request that was not taken.
func (c *Collector) refuse(w http.ResponseWriter, q *request, e endpoint, err error) {
	refused, final := errors.AsType[*hec.RefusedError](err)
	busy, defined := errors.AsType[*busyError](err)
	switch {
	case final:
		c.Counts.refused(refused).Add(1)
		c.tell(q, refused)
		a := refused.Answer()
		if errors.Is(err, body.ErrBroken) {
			a.Text = brokenGzip
		}
		answer(w, a)
	case defined:
		postpone(w, busy.code, busy.wait)
	case errors.Is(err, body.ErrGone):
		c.Counts.Cut.Add(1)
		panic(http.ErrAbortHandler)
	case e == ack:
		c.Counts.Acks.Add(1)
		if n, ok := c.unanswered.Speak(); ok {
			c.Log.WarnContext(q.http.Context(), "what became of requests cannot be told, clients are told to ask again", "error", err, "requests", n)
		}
		postpone(w, hec.ServerBusy, pause)
	default:
		c.Counts.Unavailable.Add(1)
		c.trouble.Failed(q.http.Context(), err)
		postpone(w, hec.ServerBusy, pause)
	}
}

// brokenGzip is Splunk's text. With that of code 6 Kafka Connect would take the
// request for stored and drop it.
const brokenGzip = "Unparsable gzip header in request data"

// tell logs what clients do not send again. A client outside the networks of its
// token cannot know from the answer what is wrong, so that is told apart.
func (c *Collector) tell(q *request, refused *hec.RefusedError) {
	seldom, message := &c.refused, "requests are refused, their senders drop what is in them"
	if q.foreign {
		seldom, message = &c.foreign, "requests come with a token from outside the networks that it allows, they are refused"
	}
	if n, ok := seldom.Speak(); ok {
		c.Log.WarnContext(q.http.Context(), message, "status", refused.Code.Status(), "code", int(refused.Code), "reason", refused.Error(),
			"token", q.tokenName(), "from", q.client, "requests", n)
	}
}

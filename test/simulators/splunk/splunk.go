// Package splunk simulates a strict Splunk HTTP Event Collector (HEC), or a cluster of them, and keeps a ledger of what it indexed.
//
// It answers as Splunk Enterprise 10 does: same paths, decision order, status codes and bytes. It is strict beside that: whatever
// Splunk tolerates but a careful client never sends (an unknown envelope key, a duplicate key, bytes that are not UTF-8) is answered
// as Splunk answers it and recorded as a violation. What Splunk refuses is no violation: it is answered, and counted by code in
// [Stats].
//
// The event, raw, ack and health endpoints exist; every other path is answered 404.
package splunk

import (
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Token is what the simulator knows of one HEC token.
type Token struct {
	Indexes  []string // the indexes an event may go to; empty allows every name, as in Splunk
	Disabled bool
	// UseACK is inputs.conf's: requests need a channel, and success comes with an ackId to ask the ack endpoint about.
	UseACK bool
}

// Options configure a simulator. The zero value knows no token and so refuses everything.
type Options struct {
	// Tokens by their secret, compared exactly.
	Tokens map[string]Token
	// Indexes that exist. Events for another one are answered as if nothing were wrong and thrown away, unless their token has a
	// list that refuses them. Empty means that every index exists. Not looked at in fast mode.
	Indexes []string
	// MaxContentLength bounds a body in bytes, as declared and as inflated. Default: 838860800.
	MaxContentLength int64
	// MaxEventSize bounds the JSON of one "event" in bytes. Default: 5 MiB.
	MaxEventSize int
	// AllOrNothing makes a request with an invalid event index nothing. Without it the events before the invalid one are indexed,
	// which is what has been observed of Splunk; one splunkd log shows the opposite, so a client has to live with both.
	AllOrNothing bool
	// Poison returns the HEC code (6, 7, 12, 13 or 15) for which an otherwise valid event is refused, or 0. It is called from several
	// goroutines, and not in fast mode.
	Poison func(Event) int
	// Numbers is how the answer to an invalid event tells which one it is.
	Numbers Numbers
	// Acks is indexer acknowledgement, for tokens that use it.
	Acks AckOptions
	// Capacity is how many POSTs of events may be in progress at a time. Beyond it they are answered 503/9, and health 503/18.
	// Default: no bound.
	Capacity int
	// Work is how long each POST of events takes.
	Work time.Duration
	// Backpressure is inputs.conf's backpressureState=warn_at_80: success is 200/24 when more than 80 % of Capacity are in progress
	// and 200/25 when a channel has more than 80 % of Acks.MaxPending; what is full is answered 429/26 and 429/27 instead of 503/9.
	Backpressure bool
	// KeepEvents is how many events, counted from the first, Events returns. Default: 0.
	KeepEvents int
	// OnEvent is called for each indexed event, one at a time and in the order of indexing. Not called in fast mode.
	OnEvent func(Event)
	// Ledger gets the id of each event whose text holds one (see ID), one a line, in one Write a request. A request whose ids
	// cannot be written is answered 500 and not counted.
	Ledger io.Writer
	// Fast makes the simulator cheap enough to run beside what it measures. Paths, methods, authentication, gzip, UTF-8 and an empty
	// body are checked as ever, but envelopes are split and counted without being decoded: nothing inside them is checked or kept,
	// latency is taken from one event in 64, and ids are looked for only with a Ledger.
	Fast bool
	// BlindBalancer makes a cluster's balancer go on sending to indexers that are down, and answer 503 with a page in their stead.
	// Without it they are left out.
	BlindBalancer bool
}

// Numbers is how an answer tells which event is invalid.
type Numbers int

// Ways to tell which event is invalid. With all but the first a client has to find it by itself.
const (
	NumbersRight   Numbers = iota // as Splunk: from zero, one higher for code 7
	NumbersMissing                // not at all
	NumbersWrong                  // always 0
)

// Splunk is the simulator, an http.Handler. Its methods may be called while it serves.
type Splunk struct {
	*store

	tokens    atomic.Pointer[map[string]Token]
	fault     atomic.Pointer[func(*http.Request) *Response]
	acks      *acks
	working   atomic.Int64 // POSTs of events in progress
	bodies    sync.Pool    // of *bytes.Buffer
	inflaters sync.Pool    // of *gzip.Reader
}

// New returns a simulator.
func New(options Options) *Splunk {
	return newIndexer(newStore(options))
}

func newIndexer(into *store) *Splunk {
	s := &Splunk{store: into, acks: newAcks(into)}
	s.SetTokens(into.options.Tokens)
	return s
}

// SetTokens replaces the tokens: from now on these, by their secret, are known.
func (s *Splunk) SetTokens(tokens map[string]Token) {
	tokens = maps.Clone(tokens)
	s.tokens.Store(&tokens)
}

// Restart forgets what was to be acknowledged, as splunkd does when it ends. The ids of every channel begin at 0 again.
func (s *Splunk) Restart() {
	s.acks.forget()
}

// A call is one request while it is answered.
type call struct {
	*http.Request

	number int64
	raw    bool // for the raw endpoint
	keep   int  // with a fault that keeps a prefix, how many events are indexed, or -1
}

// ServeHTTP answers as Splunk does, unless a fault is set.
func (s *Splunk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{Request: r, number: s.requests.Add(1), keep: -1}
	if fault := s.nextFault(r); fault != nil {
		s.serveFault(w, c, fault)
		return
	}
	a := s.answer(c)
	if r.Context().Err() != nil {
		s.unconfirmed.Add(a.confirms)
	}
	a.write(w)
}

// answer is Splunk's answer to a request. What it refuses is counted.
func (s *Splunk) answer(c call) answer {
	a := s.route(c)
	if a.status >= http.StatusBadRequest {
		s.refuse(a.code)
	}
	return a
}

// route finds the answer to a request by exact path and method.
func (s *Splunk) route(c call) answer {
	switch c.URL.Path {
	case "/services/collector", "/services/collector/1.0", "/services/collector/event", "/services/collector/event/1.0":
		if c.Method == http.MethodOptions { // answered without credentials: Docker's driver starts no container otherwise
			return answer{status: http.StatusOK}
		}
		return only(http.MethodPost, c, s.collect)
	case "/services/collector/raw", "/services/collector/raw/1.0":
		c.raw = true
		return only(http.MethodPost, c, s.collect)
	case "/services/collector/ack", "/services/collector/ack/1.0":
		return only(http.MethodPost, c, s.acknowledge)
	case "/services/collector/health", "/services/collector/health/1.0":
		return only(http.MethodGet, c, s.health)
	default:
		return notFound(http.StatusNotFound)
	}
}

// only lets f answer one method.
func only(method string, c call, f func(call) answer) answer {
	if c.Method != method {
		return notFound(http.StatusMethodNotAllowed)
	}
	return f(c)
}

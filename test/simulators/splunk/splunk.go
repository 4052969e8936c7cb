// Package splunk simulates a strict Splunk HTTP Event Collector (HEC) and keeps a ledger of what it indexed.
//
// It answers as Splunk Enterprise 10 does: same paths, decision order, status codes and bytes. It is strict beside that: whatever
// Splunk tolerates but a careful client never sends (an unknown envelope key, a duplicate key, bytes that are not UTF-8) is answered
// as Splunk answers it and recorded as a violation. What Splunk refuses is no violation: it is answered, and counted by code in
// [Stats].
//
// The event endpoint and health exist; every other path, the raw and ack endpoints included, is answered 404.
package splunk

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultMaxContentLength = 838_860_800 // max_content_length in Splunk's limits.conf
	defaultMaxEventSize     = 5 << 20     // maxEventSize in Splunk's inputs.conf
	keptViolations          = 100
)

// A Token is what the simulator knows of one HEC token.
type Token struct {
	Indexes  []string // the indexes an envelope may name; empty allows every name, as in Splunk
	Disabled bool
}

// Options configure a simulator. The zero value knows no token and so refuses everything.
type Options struct {
	// Tokens by their secret, compared exactly.
	Tokens map[string]Token
	// MaxContentLength bounds a body in bytes, as declared and as inflated. Default: 838860800.
	MaxContentLength int64
	// MaxEventSize bounds the JSON of one "event" in bytes. Default: 5 MiB.
	MaxEventSize int
	// AllOrNothing makes a request with an invalid event index nothing. Without it the events before the invalid one are indexed,
	// which is what has been observed of Splunk; one splunkd log shows the opposite, so a client has to live with both.
	AllOrNothing bool
	// KeepEvents is how many events, counted from the first, Events returns. Default: 0.
	KeepEvents int
	// OnEvent is called for each indexed event, one at a time and in the order of indexing.
	OnEvent func(Event)
	// Ledger gets the id of each event whose text holds one (see ID), one a line, in one Write a request. A request whose ids
	// cannot be written is answered 500 and not counted.
	Ledger io.Writer
	// Fast makes the simulator cheap enough to run beside what it measures. Paths, methods, authentication, gzip, UTF-8 and an empty
	// body are checked as ever, but envelopes are split and counted without being decoded: nothing inside them is checked or kept,
	// OnEvent is not called, latency is taken from one event in 64, and ids are looked for only with a Ledger.
	Fast bool
}

// Splunk is the simulator, an http.Handler. Its methods may be called while it serves.
type Splunk struct {
	options   Options
	ledger    *Ledger
	latency   histogram
	fault     atomic.Pointer[func(*http.Request) *Response]
	requests  atomic.Int64
	bodies    sync.Pool // of *bytes.Buffer
	inflaters sync.Pool // of *gzip.Reader

	indexing sync.Mutex // serialises indexing, so that OnEvent and Ledger see events in order; taken before mu
	mu       sync.Mutex // guards what follows
	count    int64
	bytes    int64
	refused  map[int]int64
	events   []Event
	breaches int64
	breach   []string
}

// New returns a simulator.
func New(options Options) *Splunk {
	if options.MaxContentLength == 0 {
		options.MaxContentLength = defaultMaxContentLength
	}
	if options.MaxEventSize == 0 {
		options.MaxEventSize = defaultMaxEventSize
	}
	return &Splunk{options: options, ledger: NewLedger(), refused: map[int]int64{}, breach: []string{}}
}

// Count is the number of events indexed.
func (s *Splunk) Count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Events returns the first Options.KeepEvents events in the order of indexing.
func (s *Splunk) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Ledger returns the ids seen so far. It goes on counting while the simulator serves.
func (s *Splunk) Ledger() *Ledger {
	return s.ledger
}

// Violations returns the first hundred things a client did that Splunk tolerates and a careful client never does.
func (s *Splunk) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.breach)
}

// ServeHTTP answers as Splunk does, unless a fault is set.
func (s *Splunk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := s.requests.Add(1)
	if fault := s.nextFault(r); fault != nil {
		s.serveFault(w, r, number, fault)
		return
	}
	s.answer(number, r).write(w)
}

// answer is Splunk's answer to a request. What it refuses is counted.
func (s *Splunk) answer(number int64, r *http.Request) answer {
	a := s.route(number, r)
	if a.status >= http.StatusBadRequest {
		s.mu.Lock()
		s.refused[a.code]++
		s.mu.Unlock()
	}
	return a
}

// route finds the answer to a request by exact path and method.
func (s *Splunk) route(number int64, r *http.Request) answer {
	switch r.URL.Path {
	case "/services/collector", "/services/collector/1.0", "/services/collector/event", "/services/collector/event/1.0":
		switch r.Method {
		case http.MethodPost:
			return s.collect(number, r)
		case http.MethodOptions: // answered without credentials: Docker's driver starts no container otherwise
			return answer{status: http.StatusOK}
		default:
			return notFound(http.StatusMethodNotAllowed)
		}
	case "/services/collector/health", "/services/collector/health/1.0":
		if r.Method != http.MethodGet {
			return notFound(http.StatusMethodNotAllowed)
		}
		return s.health(r)
	default:
		return notFound(http.StatusNotFound)
	}
}

// collect handles one POST to the event endpoint.
func (s *Splunk) collect(number int64, r *http.Request) answer {
	allowed, code := s.authenticate(r)
	if code != codeSuccess {
		return reply(code)
	}
	s.checkHeader(number, r)
	buf := s.takeBody()
	defer s.returnBody(buf)
	if refusal := s.readBody(buf, r); refusal != nil {
		return *refusal
	}
	body := buf.Bytes()
	s.mu.Lock()
	s.bytes += int64(len(body))
	s.mu.Unlock()
	s.checkUTF8(number, body)
	if len(bytes.TrimLeft(body, jsonSpace)) == 0 {
		return reply(codeNoData)
	}
	if s.options.Fast {
		return s.collectFast(body)
	}
	return s.collectStrict(number, r, allowed, body)
}

// collectStrict decodes every envelope and indexes what is valid.
func (s *Splunk) collectStrict(number int64, r *http.Request, allowed Token, body []byte) answer {
	b := newBatch(number, r.URL.Query(), allowed, s.options.MaxEventSize)
	code, at := b.parse(body)
	s.violate(b.violations...)
	if code != codeSuccess && s.options.AllOrNothing {
		return invalidEvent(code, at)
	}
	if err := s.index(b.events); err != nil {
		return reply(codeInternal)
	}
	if code != codeSuccess {
		return invalidEvent(code, at)
	}
	return reply(codeSuccess)
}

// index counts the events, keeps the first ones and tells who wants to know. It fails, and counts nothing, if the ledger cannot be
// written.
func (s *Splunk) index(events []Event) error {
	s.indexing.Lock()
	defer s.indexing.Unlock()
	now := time.Now().UnixNano()
	ids := make([][]byte, 0, len(events))
	for i := range events {
		if id := mark(events[i].Event, idKey); id != nil {
			ids = append(ids, id)
		}
	}
	if err := s.record(ids); err != nil {
		return err
	}
	for i := range events {
		s.measure(now, events[i].Event)
	}
	s.mu.Lock()
	s.count += int64(len(events))
	s.events = append(s.events, events[:min(len(events), s.options.KeepEvents-len(s.events))]...)
	s.mu.Unlock()
	if s.options.OnEvent != nil {
		for i := range events {
			s.options.OnEvent(events[i])
		}
	}
	return nil
}

// violate records what the client should not have done.
func (s *Splunk) violate(what ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaches += int64(len(what))
	s.breach = append(s.breach, what[:min(len(what), keptViolations-len(s.breach))]...)
}

package splunk

import (
	"cmp"
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

// A store is what was indexed and counted. The indexers of a cluster share one.
type store struct {
	options     Options
	ledger      *Ledger
	thrownAway  *Ledger
	latency     histogram
	requests    atomic.Int64
	unconfirmed atomic.Int64
	ackQueries  atomic.Int64
	acked       atomic.Int64
	ackChannels atomic.Int64

	indexing sync.Mutex // serialises indexing, so that OnEvent and Ledger see events in order; taken before mu
	mu       sync.Mutex // guards what follows
	count    int64
	thrown   int64
	bytes    int64
	refused  map[int]int64
	events   []Event
	breaches int64
	breach   []string
}

func newStore(options Options) *store {
	options.MaxContentLength = cmp.Or(options.MaxContentLength, defaultMaxContentLength)
	options.MaxEventSize = cmp.Or(options.MaxEventSize, defaultMaxEventSize)
	options.Acks.IdleCleanup = cmp.Or(options.Acks.IdleCleanup, defaultIdleCleanup)
	options.Acks.MaxPending = cmp.Or(options.Acks.MaxPending, defaultMaxPending)
	return &store{options: options, ledger: NewLedger(), thrownAway: NewLedger(), refused: map[int]int64{}, breach: []string{}}
}

// A load is what one request brings to the index.
type load struct {
	count  int64    // events to be indexed
	ids    [][]byte // their ids
	made   []int64  // when they were made, of those that tell; in fast mode only some
	events []Event  // the events themselves, in strict mode

	thrown    int64 // events for indexes that do not exist
	thrownIDs [][]byte
}

// add notes one event.
func (l *load) add(text []byte) {
	l.count++
	l.addID(text)
	l.addTime(text)
}

func (l *load) addID(text []byte) {
	if id := mark(text, idKey); id != nil {
		l.ids = append(l.ids, id)
	}
}

func (l *load) addTime(text []byte) {
	if at, ok := made(text); ok {
		l.made = append(l.made, at)
	}
}

// throwAway notes an event for an index that does not exist.
func (l *load) throwAway(text []byte) {
	l.thrown++
	if id := mark(text, idKey); id != nil {
		l.thrownIDs = append(l.thrownIDs, id)
	}
}

// index counts the events, keeps the first ones and tells who wants to know. It fails, and counts nothing, if the ledger cannot be
// written.
func (s *store) index(l load) error {
	s.indexing.Lock()
	defer s.indexing.Unlock()
	now := time.Now().UnixNano()
	if err := s.record(l.ids); err != nil {
		return err
	}
	for _, id := range l.thrownIDs {
		s.thrownAway.add(id)
	}
	for _, at := range l.made {
		s.latency.add(now - at)
	}
	s.mu.Lock()
	s.count += l.count
	s.thrown += l.thrown
	s.events = append(s.events, l.events[:min(len(l.events), s.options.KeepEvents-len(s.events))]...)
	s.mu.Unlock()
	if s.options.OnEvent != nil {
		for i := range l.events {
			s.options.OnEvent(l.events[i])
		}
	}
	return nil
}

// receive counts a body.
func (s *store) receive(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(bytes)
}

// refuse counts a refusal.
func (s *store) refuse(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[code]++
}

// violate records what the client should not have done.
func (s *store) violate(what ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaches += int64(len(what))
	s.breach = append(s.breach, what[:min(len(what), keptViolations-len(s.breach))]...)
}

// Count is the number of events indexed.
func (s *store) Count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Events returns the first Options.KeepEvents events in the order of indexing.
func (s *store) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Ledger returns the ids indexed so far. It goes on counting while the simulator serves.
func (s *store) Ledger() *Ledger {
	return s.ledger
}

// ThrownAway returns the ids of events that were accepted and thrown away, because their index does not exist.
func (s *store) ThrownAway() *Ledger {
	return s.thrownAway
}

// Violations returns the first hundred things a client did that Splunk tolerates and a careful client never does.
func (s *store) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.breach)
}

package inspector

import (
	"slices"
	"sort"
	"sync"
	"time"
)

// sink holds the latest events and counts all. Whoever looks copies what it
// needs under the lock and works on it afterwards, so that looking does not hold
// up the door.
type sink struct {
	mu       sync.RWMutex
	kept     ring
	received int64 // events; also the number of the newest
	requests int64
	refused  int64
	refusal  string // why the last one was refused
	meter    meter
}

func newSink(maxEvents, maxBytes int) *sink {
	return &sink{kept: ring{maxEvents: maxEvents, maxBytes: maxBytes}}
}

// stage is an empty ring with the sink's bounds, for one request: nothing of a
// request is taken before all of it is known to be good.
func (s *sink) stage() *ring {
	return &ring{maxEvents: s.kept.maxEvents, maxBytes: s.kept.maxBytes}
}

// take adds the events of a good request: total of them, of which staged holds
// the latest.
func (s *sink) take(staged *ring, total int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.received += int64(total)
	s.meter.add(now, total)
	for i, e := range staged.entries {
		e.Number = s.received - int64(len(staged.entries)-1-i)
		s.kept.add(e)
	}
}

func (s *sink) refuse(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.refused++
	s.refusal = why
}

// since is what is kept of the events after the one numbered last, oldest first,
// and the number of the newest event.
func (s *sink) since(last int64) (entries []*entry, newest int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	first := sort.Search(len(s.kept.entries), func(i int) bool { return s.kept.entries[i].Number > last })
	return slices.Clone(s.kept.entries[first:]), s.received
}

// numbered is one event, nil when it is not kept.
func (s *sink) numbered(number int64) *entry {
	after, _ := s.since(number - 1)
	if len(after) == 0 || after[0].Number != number {
		return nil
	}
	return after[0]
}

// stats are what the page says about all events.
type stats struct {
	Received  int64
	Kept      int
	Requests  int64
	Refused   int64
	Refusal   string
	PerSecond float64
	// Delay is the median of the latest events, where HasDelay.
	Delay    time.Duration
	HasDelay bool
}

func (s *sink) stats(now time.Time) stats {
	const sample = 100
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := stats{
		Received: s.received, Kept: len(s.kept.entries), Requests: s.requests, Refused: s.refused, Refusal: s.refusal,
		PerSecond: s.meter.perSecond(now),
	}
	delays := make([]time.Duration, 0, sample)
	for _, e := range s.kept.entries[max(0, len(s.kept.entries)-sample):] {
		if d, ok := e.delay(); ok {
			delays = append(delays, d)
		}
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		st.Delay, st.HasDelay = delays[len(delays)/2], true
	}
	return st
}

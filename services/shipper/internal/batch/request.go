// Package batch packs events into HEC requests and remembers which delivery from
// the bus each of them came from.
package batch

import (
	"math"
	"slices"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// Limits bound one request.
type Limits struct {
	// MaxBytes of envelopes, before compression. An event larger than that makes a
	// request of its own.
	MaxBytes  int
	MaxEvents int
}

// Request is the envelopes of one HEC request, one after another. The zero value
// is empty and ready.
type Request struct {
	body    []byte
	ends    []int // of each envelope in body
	parts   []part
	settled []*Ticket
	oldest  int64
}

// part is consecutive events of one delivery.
type part struct {
	ticket *Ticket
	first  int // position in the request
	event  int // position in the delivery
}

// Span is a range of a request's events: From included, To not.
type Span struct{ From, To int }

// Len is the number of events in the span.
func (s Span) Len() int { return s.To - s.From }

// Halves splits a span of at least two events.
func (s Span) Halves() (first, second Span) {
	middle := s.From + s.Len()/2
	return Span{s.From, middle}, Span{middle, s.To}
}

// Add appends an event, the position-th of its ticket's delivery, and holds the
// ticket. It reports false, and takes nothing, when the event does not fit: the
// request is full then. An empty request takes any event.
func (r *Request) Add(t *Ticket, position int, e *wire.Event, receivedNS int64, l Limits) bool {
	if len(r.ends) > 0 && len(r.ends) >= l.MaxEvents {
		return false
	}
	before := len(r.body)
	r.body = hec.AppendEvent(r.body, e)
	if before > 0 && len(r.body) > l.MaxBytes {
		r.body = r.body[:before]
		return false
	}
	if len(r.parts) == 0 || r.parts[len(r.parts)-1].ticket != t {
		t.Hold()
		r.parts = append(r.parts, part{ticket: t, first: len(r.ends), event: position})
	}
	if len(r.ends) == 0 {
		r.oldest = math.MaxInt64
	}
	r.ends = append(r.ends, len(r.body))
	r.oldest = min(r.oldest, receivedNS)
	return true
}

// Full reports whether nothing more can be added.
func (r *Request) Full(l Limits) bool {
	return len(r.body) >= l.MaxBytes || len(r.ends) >= l.MaxEvents
}

// All is the span of all events.
func (r *Request) All() Span { return Span{0, len(r.ends)} }

// Empty reports whether the request holds no event.
func (r *Request) Empty() bool { return len(r.ends) == 0 }

// Body is the envelopes of a span. It stays valid until Reset.
func (r *Request) Body(s Span) []byte {
	if s.Len() == 0 {
		return nil
	}
	start := 0
	if s.From > 0 {
		start = r.ends[s.From-1]
	}
	return r.body[start:r.ends[s.To-1]]
}

// Source is where an event of the request came from: its delivery's ticket and
// its position in the delivery.
func (r *Request) Source(event int) (t *Ticket, position int) {
	for _, v := range slices.Backward(r.parts) {
		if p := v; p.first <= event {
			return p.ticket, p.event + event - p.first
		}
	}
	return nil, 0
}

// OldestNS is when the oldest event was received, in nanoseconds since 1970.
func (r *Request) OldestNS() int64 { return r.oldest }

// Settle says that every event is delivered or dead. It returns the tickets whose
// deliveries are to be settled, which stay valid until Reset.
func (r *Request) Settle() []*Ticket {
	for _, p := range r.parts {
		if p.ticket.Done() {
			r.settled = append(r.settled, p.ticket)
		}
	}
	return r.settled
}

// GiveBack says that there is no more time. A delivery with another part that was
// delivered comes again whole: at a stop that cannot be told apart.
func (r *Request) GiveBack() {
	for _, p := range r.parts {
		p.ticket.Delivery.Release(0)
	}
}

// Reset empties the request and keeps its memory, unless a large event has made
// that much more than the limits ask for.
func (r *Request) Reset(l Limits) {
	const spare = 2 // append doubles
	if cap(r.body) > spare*l.MaxBytes {
		r.body = nil
	}
	clear(r.parts)
	clear(r.settled)
	*r = Request{body: r.body[:0], ends: r.ends[:0], parts: r.parts[:0], settled: r.settled[:0]}
}

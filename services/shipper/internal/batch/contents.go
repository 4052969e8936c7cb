package batch

import (
	"math"
	"slices"
)

// Contents is which events a request has, and which deliveries from the bus they came
// from. It holds their tickets. The zero value is empty and ready.
type Contents struct {
	runs   []run
	events int
	oldest int64
	logged int64
}

// run is consecutive events of one delivery. Each has a hold on its ticket.
type run struct {
	ticket *Ticket
	first  int // number in the request
	event  int // position in the delivery
}

// Add appends the event at a position of a ticket's delivery. It was received, and before
// that logged, so many nanoseconds after 1970; logged is 0 where that is not known.
func (c *Contents) Add(t *Ticket, position int, receivedNS, loggedNS int64) {
	if last := len(c.runs) - 1; last < 0 || c.runs[last].ticket != t || c.runs[last].event+c.events-c.runs[last].first != position {
		t.Hold()
		c.runs = append(c.runs, run{ticket: t, first: c.events, event: position})
	}
	if c.events == 0 {
		c.oldest = math.MaxInt64
	}
	c.events++
	c.oldest = min(c.oldest, receivedNS)
	if loggedNS != 0 && (c.logged == 0 || loggedNS < c.logged) {
		c.logged = loggedNS
	}
}

// Len is the number of events.
func (c *Contents) Len() int { return c.events }

// All selects every event.
func (c *Contents) All() Selection { return Select(c.events) }

// OldestNS is when the oldest event was received, in nanoseconds since 1970.
func (c *Contents) OldestNS() int64 { return c.oldest }

// LoggedNS is when the oldest event of which that is known was logged, in nanoseconds
// since 1970, 0 if it is known of none.
func (c *Contents) LoggedNS() int64 { return c.logged }

// Source is where an event came from: its delivery's ticket and its position there.
func (c *Contents) Source(event int) (t *Ticket, position int) {
	at, found := slices.BinarySearchFunc(c.runs, event, func(r run, event int) int { return r.first - event })
	if !found {
		at--
	}
	r := c.runs[at]
	return r.ticket, r.event + event - r.first
}

// Pick is some of the events as contents of their own, with holds of their own.
func (c *Contents) Pick(s Selection) Contents {
	if s.Len() == c.events {
		all := Contents{runs: slices.Clone(c.runs), events: c.events, oldest: c.oldest, logged: c.logged}
		for _, r := range all.runs {
			r.ticket.Hold()
		}
		return all
	}
	var picked Contents
	for event := range s.Events() {
		t, position := c.Source(event)
		picked.Add(t, position, c.oldest, c.logged)
	}
	return picked
}

// Tickets calls f with the ticket of each run of events that the selection has a part of;
// a ticket may come more than once.
func (c *Contents) Tickets(s Selection, f func(*Ticket)) {
	at := 0
	for i := range c.runs {
		end := c.events
		if i+1 < len(c.runs) {
			end = c.runs[i+1].first
		}
		for at < len(s) && s[at].To <= c.runs[i].first {
			at++
		}
		if at == len(s) {
			return
		}
		if s[at].From < end {
			f(c.runs[i].ticket)
		}
	}
}

// Settle says that every event is delivered, dead or dropped, or held by others. It
// returns the tickets whose deliveries are to be settled.
func (c *Contents) Settle() []*Ticket {
	var settled []*Ticket
	for _, r := range c.runs {
		if r.ticket.Done() {
			settled = append(settled, r.ticket)
		}
	}
	return settled
}

// GiveBack says that there is no more time. A delivery with another part that was
// delivered comes again whole: at a stop that cannot be told apart.
func (c *Contents) GiveBack() {
	for _, r := range c.runs {
		r.ticket.GiveBack()
	}
}

// Reset empties the contents and keeps their memory.
func (c *Contents) Reset() {
	clear(c.runs)
	*c = Contents{runs: c.runs[:0]}
}

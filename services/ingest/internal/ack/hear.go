package ack

import (
	"slices"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// batch is a message on its way to a destination that requests wait for.
type batch struct {
	waiters []waiter
	alive   int // waiters that have not been forgotten
}

// waiter is a request by name: where its status is changes.
type waiter struct {
	channel *channel
	id      uint64
}

// Hear takes in what was told on the bus, and when: what is read from there ages as
// if it had been heard then. It may be told again, and settled may come before routed.
func (x *Index) Hear(note *drainlinev1.AckNote, told time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at := min(told.Sub(x.start), time.Since(x.start)) // clocks differ
	x.heard = max(x.heard, at)
	x.sweep(at)
	for _, r := range note.GetRouted() {
		x.hearRouted(r, at)
	}
	for _, b := range note.GetSettled() {
		if id := wire.ToID(b); !id.IsZero() {
			x.hearSettled(id, at)
		}
	}
	for _, a := range note.GetReported() {
		x.hearReported(a, at)
	}
}

// hearRouted adds what a part of a request has to wait for. A part that is told
// again, because transform did a block again, waits for what was told both times.
func (x *Index) hearRouted(r *drainlinev1.Routed, at time.Duration) {
	a := r.GetAck()
	id := wire.ToID(a.GetChannel())
	if id.IsZero() || a.GetParts() > maxParts || a.GetPart() > 0 && a.GetPart() >= a.GetParts() {
		return // nobody knows what is missing: it is never true
	}
	c := x.touch(id, at)
	s := x.request(c, a, at)
	if s == nil || a.GetParts() == 0 {
		return
	}
	if !s.hear(a.GetPart(), a.GetParts()) {
		x.drop(c, s) // an id that stands for two requests
		return
	}
	for _, b := range r.GetBatches() {
		x.await(c, s, wire.ToID(b))
	}
}

// request returns the status of a request, and makes it if need be. There is none
// when the request has been reported, when its id is another's by now, or without room.
func (x *Index) request(c *channel, a *drainlinev1.Ack, at time.Duration) *status {
	id, issued := a.GetId(), a.GetIssuedNs()
	if s := c.find(id); s != nil && s.issued == issued {
		return s
	}
	if !x.replace(c, id, issued) || c.isOld(issued) {
		return nil
	}
	if x.pending >= x.bounds.Pending || c.len() >= x.bounds.PendingPerChannel {
		x.counts.forgotten.Add(1)
		return nil
	}
	x.pending++
	return c.insert(status{id: id, issued: issued, born: at})
}

// replace takes away what is known of an id from when it was issued before. It
// reports false when it was issued as late as this, or later.
func (x *Index) replace(c *channel, id uint64, issued int64) bool {
	before, known := c.issued(id)
	if !known {
		return true
	}
	if before >= issued {
		return false
	}
	if s := c.find(id); s != nil {
		x.counts.forgotten.Add(1)
		x.release(s)
		c.drop(s)
	}
	c.restart(before, issued)
	return true
}

func (x *Index) await(c *channel, s *status, id wire.ID) {
	if x.settled.has(id) {
		return
	}
	b := x.batches[id]
	if b == nil {
		b = &batch{}
		x.batches[id] = b
	}
	if slices.Contains(s.waits, id) {
		return
	}
	s.waits = append(s.waits, id)
	b.waiters = append(b.waiters, waiter{channel: c, id: s.id})
	b.alive++
}

func (x *Index) hearSettled(id wire.ID, at time.Duration) {
	x.settled.add(id, at)
	b := x.batches[id]
	if b == nil {
		return
	}
	delete(x.batches, id)
	for _, w := range b.waiters {
		if s := w.channel.find(w.id); s != nil {
			s.settle(id)
			x.channels.touch(w.channel, at) // who waited has time to ask now
		}
	}
}

func (x *Index) hearReported(a *drainlinev1.Ack, at time.Duration) {
	c := x.find(wire.ToID(a.GetChannel()), at)
	if c == nil {
		return
	}
	x.channels.touch(c, at)
	if s := c.find(a.GetId()); s != nil && s.issued == a.GetIssuedNs() {
		x.drop(c, s)
	} else if x.replace(c, a.GetId(), a.GetIssuedNs()) {
		c.finish(a.GetId(), a.GetIssuedNs())
	}
}

// find returns a channel, or nil. One that is idle is forgotten: what is read from
// the bus anew may have put it behind others that are not.
func (x *Index) find(id wire.ID, now time.Duration) *channel {
	c := x.channels.find(id)
	if c != nil && x.quiet(c, now) && !c.waits() {
		x.forget(c)
		return nil
	}
	return c
}

// quiet reports whether a channel was not used for so long that it is idle, unless
// something is on its way there.
func (x *Index) quiet(c *channel, now time.Duration) bool { return c.touched+x.bounds.Idle <= now }

// touch says that a channel is in use, and makes it if need be: at capacity in
// the place of the one that was not used for longest.
func (x *Index) touch(id wire.ID, now time.Duration) *channel {
	c := x.find(id, now)
	if c == nil {
		for oldest := x.channels.oldest(); oldest != nil && x.channels.len() >= x.bounds.Channels; oldest = x.channels.oldest() {
			x.forget(oldest)
		}
		c = x.channels.add(id, now)
	}
	x.use(c, now)
	return c
}

// use says that a channel is in use, and drops what is too old there.
func (x *Index) use(c *channel, now time.Duration) {
	x.channels.touch(c, now)
	for s := c.first(); s != nil && s.born+bus.AckAge < now; s = c.first() {
		x.counts.forgotten.Add(1)
		x.drop(c, s)
	}
}

// sweep forgets idle channels. One that waits for a destination is as good as used:
// its client may be sending, and asking, elsewhere.
func (x *Index) sweep(now time.Duration) {
	for c := x.channels.oldest(); c != nil && x.quiet(c, now); c = x.channels.oldest() {
		if c.waits() {
			x.use(c, now)
		} else {
			x.forget(c)
		}
	}
}

// forget drops a channel with all its statuses.
func (x *Index) forget(c *channel) {
	x.counts.forgotten.Add(c.len())
	for s := c.first(); s != nil; s = c.first() {
		x.drop(c, s)
	}
	x.channels.remove(c)
}

// drop ends a status for good: its id is never true again, unless it is given again.
func (x *Index) drop(c *channel, s *status) {
	x.release(s)
	c.finish(s.id, s.issued)
	c.drop(s)
}

// release has nothing wait for a status any more.
func (x *Index) release(s *status) {
	x.pending--
	for _, id := range s.waits {
		b := x.batches[id]
		if b.alive--; b.alive == 0 {
			delete(x.batches, id)
		}
	}
}

// now is the time since the index was made: it takes a third of a time.Time. Until
// what is on the bus has been read it is when what was read last was told.
func (x *Index) now() time.Duration {
	if x.isReady() {
		return time.Since(x.start)
	}
	return x.heard
}

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

// Hear takes in what was told on the bus. It may be told again, and settled may
// come before routed.
func (x *Index) Hear(note *drainlinev1.AckNote) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep()
	for _, r := range note.GetRouted() {
		x.hearRouted(r)
	}
	for _, b := range note.GetSettled() {
		if id := wire.ToID(b); !id.IsZero() {
			x.hearSettled(id)
		}
	}
	for _, a := range note.GetReported() {
		x.hearReported(a)
	}
}

// hearRouted adds what a part of a request has to wait for. A part that is told
// again, because transform did a block again, waits for what was told both times.
func (x *Index) hearRouted(r *drainlinev1.Routed) {
	a := r.GetAck()
	id := wire.ToID(a.GetChannel())
	if id.IsZero() || a.GetParts() > maxParts || a.GetPart() >= a.GetParts() {
		return // nobody knows what is missing: it is never true
	}
	c := x.touch(id)
	s := c.find(a.GetId())
	if s == nil {
		if s = x.add(c, a); s == nil {
			return
		}
	}
	if !s.hear(a.GetPart(), a.GetParts()) {
		x.drop(c, s) // an id that stands for two requests
		return
	}
	for _, b := range r.GetBatches() {
		x.await(c, s, wire.ToID(b))
	}
}

// add makes a status, unless the id has been reported or there is no room.
func (x *Index) add(c *channel, a *drainlinev1.Ack) *status {
	if c.done.has(a.GetId()) {
		return nil
	}
	if x.pending >= x.bounds.Pending || c.len() >= x.bounds.PendingPerChannel {
		x.counts.forgotten.Add(1)
		return nil
	}
	x.pending++
	return c.insert(newStatus(a.GetId(), a.GetParts(), x.now()))
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

func (x *Index) hearSettled(id wire.ID) {
	x.settled.add(id, x.now())
	b := x.batches[id]
	if b == nil {
		return
	}
	delete(x.batches, id)
	for _, w := range b.waiters {
		if s := w.channel.find(w.id); s != nil {
			s.settle(id)
		}
	}
}

func (x *Index) hearReported(a *drainlinev1.Ack) {
	c := x.channels.find(wire.ToID(a.GetChannel()))
	if c == nil {
		return
	}
	x.channels.touch(c, x.now())
	if s := c.find(a.GetId()); s != nil {
		x.drop(c, s)
	} else {
		c.done.add(a.GetId())
	}
}

// touch says that a channel is in use, and makes it if need be: at capacity in
// the place of the one that was idle for longest.
func (x *Index) touch(id wire.ID) *channel {
	c := x.channels.find(id)
	if c == nil {
		for oldest := x.channels.oldest(); oldest != nil && x.channels.len() >= x.bounds.Channels; oldest = x.channels.oldest() {
			x.forget(oldest)
		}
		c = x.channels.add(id)
	}
	x.channels.touch(c, x.now())
	for s := c.first(); s != nil && s.born+bus.AckAge < x.now(); s = c.first() {
		x.counts.forgotten.Add(1)
		x.drop(c, s)
	}
	return c
}

// sweep forgets idle channels.
func (x *Index) sweep() {
	for c := x.channels.oldest(); c != nil && c.touched+x.bounds.Idle <= x.now(); c = x.channels.oldest() {
		x.forget(c)
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

// drop ends a status for good: its id is never true again.
func (x *Index) drop(c *channel, s *status) {
	x.pending--
	for _, id := range s.waits {
		b := x.batches[id]
		if b.alive--; b.alive == 0 {
			delete(x.batches, id)
		}
	}
	c.drop(s)
}

// now is the time since the index was made: it takes a third of a time.Time.
func (x *Index) now() time.Duration { return time.Since(x.start) }

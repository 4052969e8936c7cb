package ack

import (
	"cmp"
	"slices"
	"time"

	"github.com/drainline/drainline/proto/wire"
)

// channel is what is known of one channel of a token.
type channel struct {
	id      wire.ID
	touched time.Duration // last sent on, asked about or part of it settled

	// Statuses in the order of their ids, which is nearly that of their age. Those
	// that are dropped stay until they are half of it, so that dropping is cheap.
	statuses []status
	head     int // the first that is not dropped
	dropped  int
	done     spans // ids of statuses that were dropped
	latest   int64 // when the latest of done was issued
	// Where the ids began again, because the bus lost their counter: when the latest
	// that is known from before was issued. Zero for never.
	ended int64

	older, newer *channel
}

func (c *channel) len() int { return len(c.statuses) - c.dropped }

// find returns the status of an id, or nil. It stays in place until the next
// insert or drop.
func (c *channel) find(id uint64) *status {
	i, found := c.search(id)
	if !found || c.statuses[i].dropped {
		return nil
	}
	return &c.statuses[i]
}

func (c *channel) search(id uint64) (int, bool) {
	return slices.BinarySearchFunc(c.statuses, id, func(s status, id uint64) int { return cmp.Compare(s.id, id) })
}

// first returns the status with the lowest id, or nil.
func (c *channel) first() *status {
	if c.head == len(c.statuses) {
		return nil
	}
	return &c.statuses[c.head]
}

// waits reports whether events of a request are still on their way.
func (c *channel) waits() bool {
	return slices.ContainsFunc(c.statuses[c.head:], func(s status) bool { return !s.dropped && !s.complete() })
}

// insert adds a status whose id is neither there nor done.
func (c *channel) insert(s status) *status {
	i, found := c.search(s.id)
	if found {
		c.statuses[i] = s
		c.dropped--
	} else {
		c.statuses = slices.Insert(c.statuses, i, s)
	}
	if i < c.head {
		c.head = i
	}
	return &c.statuses[i]
}

// issued is when a request was given this id, as far as is known.
func (c *channel) issued(id uint64) (at int64, known bool) {
	if s := c.find(id); s != nil {
		return s.issued, true
	}
	return c.latest, c.done.has(id)
}

// restart says that ids began again between these times, since one of them was
// issued at both.
func (c *channel) restart(before, since int64) {
	c.ended = max(c.ended, before)
	if c.latest < since {
		c.ended = max(c.ended, c.latest)
		c.done = nil
	}
}

// isOld reports that an id was issued before ids began again.
func (c *channel) isOld(issued int64) bool { return c.ended > 0 && issued <= c.ended }

// finish remembers that an id is never true again.
func (c *channel) finish(id uint64, issued int64) {
	if c.isOld(issued) {
		return // the id is another request's
	}
	c.done.add(id)
	c.latest = max(c.latest, issued)
}

// drop takes a status away.
func (c *channel) drop(s *status) {
	s.dropped = true
	s.waits, s.parts = nil, nil
	if c.dropped++; 2*c.dropped > len(c.statuses) {
		c.statuses = slices.DeleteFunc(c.statuses, func(s status) bool { return s.dropped })
		c.head, c.dropped = 0, 0
	}
	for c.head < len(c.statuses) && c.statuses[c.head].dropped {
		c.head++
	}
}

// forgetTold forgets all but the ids that no part was routed of, and returns how many
// requests it forgot. Nothing may wait for them. They are not learned again either:
// what is left of older ones with their ids could be taken for them.
func (c *channel) forgetTold() int {
	before := c.len()
	c.ended = max(c.ended, c.latest)
	c.statuses = slices.DeleteFunc(c.statuses, func(s status) bool {
		if s.total > 0 {
			c.ended = max(c.ended, s.issued)
		}
		return s.dropped || s.total > 0
	})
	c.head, c.dropped, c.done, c.latest = 0, 0, nil, 0
	return before - c.len()
}

// channels are all channels, in the order in which they were touched.
type channels struct {
	byID map[wire.ID]*channel
	ends *channel // newer than the newest and older than the oldest
}

func newChannels() channels {
	ends := &channel{}
	ends.older, ends.newer = ends, ends
	return channels{byID: map[wire.ID]*channel{}, ends: ends}
}

func (s *channels) len() int { return len(s.byID) }

func (s *channels) find(id wire.ID) *channel { return s.byID[id] }

// oldest returns the channel that was not touched for longest, or nil.
func (s *channels) oldest() *channel {
	if s.ends.newer == s.ends {
		return nil
	}
	return s.ends.newer
}

func (s *channels) add(id wire.ID, now time.Duration) *channel {
	c := &channel{id: id, touched: now}
	s.byID[id] = c
	s.link(c)
	return c
}

func (s *channels) touch(c *channel, now time.Duration) {
	c.touched = max(c.touched, now)
	c.unlink()
	s.link(c)
}

func (s *channels) remove(c *channel) {
	c.unlink()
	delete(s.byID, c.id)
}

func (s *channels) link(c *channel) {
	c.older, c.newer = s.ends.older, s.ends
	c.older.newer, c.newer.older = c, c
}

func (c *channel) unlink() {
	c.older.newer, c.newer.older = c.newer, c.older
}

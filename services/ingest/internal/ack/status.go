package ack

import (
	"slices"
	"time"

	"github.com/drainline/drainline/proto/wire"
)

// maxParts bounds the parts of one request, for which there is a bit each. It is
// more than any body has: of raw ones of 64 MiB, the largest, with max_event 1 KiB,
// the smallest, one whose every other line is just too long has 195,848.
const maxParts = 1 << 18

// status is what is known of one request since it was given its id here, or the
// first of its parts was routed.
type status struct {
	id      uint64
	issued  int64         // when the id was given, nanoseconds since 1970
	waits   []wire.ID     // batches that are not settled
	parts   *parts        // nil when all have been routed
	born    time.Duration // when it was first heard of
	total   uint32        // parts of the request, zero before the first is routed
	dropped bool
}

// parts are those of a request that have been routed.
type parts struct {
	heard []uint64 // a bit each
	left  int
}

// complete reports whether every event of the request is settled.
func (s *status) complete() bool { return s.total > 0 && s.parts == nil && len(s.waits) == 0 }

// hear takes in that a part was routed. It reports false when it cannot be one of
// this request.
func (s *status) hear(part, total uint32) bool {
	if s.total == 0 {
		s.total, s.parts = total, &parts{heard: make([]uint64, (total+63)/64), left: int(total)}
	}
	if s.total != total {
		return false
	}
	if s.parts == nil {
		return true
	}
	word, bit := &s.parts.heard[part/64], uint64(1)<<(part%64)
	if *word&bit != 0 {
		return true
	}
	*word |= bit
	if s.parts.left--; s.parts.left == 0 {
		s.parts = nil
	}
	return true
}

// settle takes in that a batch is settled.
func (s *status) settle(batch wire.ID) {
	i := slices.Index(s.waits, batch)
	if i < 0 {
		return
	}
	s.waits = slices.Delete(s.waits, i, i+1)
	if len(s.waits) == 0 {
		s.waits = nil // a request may wait long to be asked for
	}
}

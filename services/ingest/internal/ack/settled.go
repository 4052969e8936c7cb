package ack

import (
	"time"

	"github.com/drainline/drainline/proto/wire"
)

// What is remembered of batches that were settled: at least so many ids or for so
// long. Transform tells where a block goes before it publishes it, so hardly
// anybody waits for one of them later: requests of a block that is done again
// after a crash, or whose telling took another try.
const (
	settledKept = 1 << 17
	settledAge  = time.Hour
)

// settled is a bounded memory of batches. The zero value is ready.
type settled struct {
	young, old map[wire.ID]struct{}
	turned     time.Duration
}

func (s *settled) add(id wire.ID, now time.Duration) {
	if s.young == nil || len(s.young) >= settledKept || now-s.turned >= settledAge {
		s.young, s.old, s.turned = map[wire.ID]struct{}{}, s.young, now
	}
	s.young[id] = struct{}{}
}

func (s *settled) has(id wire.ID) bool {
	if _, ok := s.young[id]; ok {
		return true
	}
	_, ok := s.old[id]
	return ok
}

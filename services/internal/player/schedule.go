package player

import (
	"context"
	"time"
)

// A schedule says when a drain's messages are due.
type schedule struct {
	start    time.Time
	interval float64 // nanoseconds from one message to the next, 0 for none
	taken    int64
	left     int64 // negative for no end
}

// wait waits until a message is due and returns how many are, at most limit. It returns 0 when none is left or ctx has ended.
func (s *schedule) wait(ctx context.Context, limit int) int {
	if s.left >= 0 {
		limit = int(min(int64(limit), s.left))
	}
	for ctx.Err() == nil && limit > 0 {
		if s.interval == 0 {
			return limit
		}
		since := time.Since(s.start)
		if due := int64(float64(since)/s.interval) + 1 - s.taken; since >= 0 && due > 0 {
			return int(min(int64(limit), due))
		}
		pause(ctx, time.Duration(float64(s.taken)*s.interval)-since)
	}
	return 0
}

// took notes that n messages were taken.
func (s *schedule) took(n int) {
	s.taken += int64(n)
	if s.left >= 0 {
		s.left -= int64(n)
	}
}

// pause waits for a while or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

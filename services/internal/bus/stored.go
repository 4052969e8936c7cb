package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// storedBack bounds how far Stored reads back, in messages.
const storedBack = 2000

// Stored calls fn with the payloads that are still in a stream and were stored
// since then, oldest first, of the last 2,000 messages. It disturbs no consumer.
func (c *Conn) Stored(ctx context.Context, stream string, since time.Time, fn func(payload []byte)) error {
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	next := state.FirstSeq
	if state.LastSeq >= storedBack {
		next = max(next, state.LastSeq-storedBack+1)
	}
	for next <= state.LastSeq {
		m, err := s.GetMsg(ctx, next, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("stream %s: message %d: %w", stream, next, err)
		}
		if !m.Time.Before(since) {
			fn(m.Data)
		}
		next = m.Sequence + 1
	}
	return nil
}

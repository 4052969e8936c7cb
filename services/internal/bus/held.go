package bus

import (
	"context"
	"fmt"
	"time"
)

// heldTry bounds one look at a stream.
const heldTry = 2 * time.Second

// Held is how much a stream holds and how much it may, in bytes; most is -1 where
// nothing bounds it.
func (c *Conn) Held(ctx context.Context, stream string) (held, most int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, heldTry)
	defer cancel()
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return 0, 0, fmt.Errorf("stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	return int64(info.State.Bytes), info.Config.MaxBytes, nil
}

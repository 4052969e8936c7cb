package ack

import (
	"context"
	"fmt"
)

// Size is how many channels and requests the index holds.
func (x *Index) Size() (channels, pending int) { return x.size() }

// Await waits until what is on the bus has been read. It fails when ctx ends
// first, and reading goes on.
func (x *Index) Await(ctx context.Context) error {
	select {
	case <-x.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnready, context.Cause(ctx))
	}
}

package parcel

import (
	"context"
	"time"
)

// LeastHold is the least time a request has to be stored in, however long its
// upload took and whatever is configured.
const LeastHold = 500 * time.Millisecond

// recheck is how often a request that is held looks whether storing may go on.
const recheck = 50 * time.Millisecond

// Await waits until requests may be stored, which healthy tells. When ctx ends
// first it returns healthy's reason.
func Await(ctx context.Context, healthy func() error) error {
	for {
		err := healthy()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(recheck):
		case <-ctx.Done():
			return err
		}
	}
}

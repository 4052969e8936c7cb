// Package parcel is what doors hand on to be stored: one HTTP request each, in
// parts that fit the bus.
package parcel

import (
	"context"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// Store keeps what comes through the doors.
type Store interface {
	// Store returns nil once every part of the parcel is stored, now or by an earlier
	// request with the same ids. After an error the sender must be told to try again.
	// The bodies of the parts are not read any more when it returns.
	Store(ctx context.Context, p *Parcel) error
}

// Parcel is one HTTP request as it goes on the bus.
type Parcel struct {
	// Shard is the same for all requests of one drain.
	Shard string
	// Ordered is for drains whose lines are joined: somebody takes their requests one
	// after another.
	Ordered bool
	// Repeatable says that a retry of the request has the same ids.
	Repeatable bool
	Parts      []Part
}

// Part is a piece of a request that fits a block.
type Part struct {
	ID      wire.ID
	Request *drainlinev1.Request
	// Frames is the number of frames in the part, or of HEC's events and lines. It is
	// 0 for what is no frame.
	Frames int
}

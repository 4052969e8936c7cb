// Package top works out and shows what flows, by app, from what the instances of
// Drainline say of themselves every two seconds.
package top

import (
	"context"
	"time"

	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper"
)

// Source takes a sample.
type Source func(ctx context.Context) (Sample, error)

// Sample is what all instances say at one time.
type Sample struct {
	At        time.Time
	Instances []Instance
	Streams   []Stream
	// Unread says what could not be learnt; the rest can be shown.
	Unread string
}

// Instance is one process, as it says itself.
type Instance struct {
	ID       string
	Started  time.Time
	Ready    bool
	Version  string
	Services []string
	// Rows count since Started. Those of the shipper are apart from the others: their
	// Last is when the latest event that was delivered had been received.
	Rows         []ledger.Row
	Destinations []shipper.Destination
}

// Stream is what a stream holds.
type Stream struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes int64  `json:"max_bytes"`
	// Oldest is how old the oldest message is, in seconds.
	Oldest float64 `json:"oldest_seconds"`
}

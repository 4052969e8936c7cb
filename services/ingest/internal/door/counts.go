package door

import (
	"github.com/drainline/drainline/services/internal/telemetry"
)

// Counts are what ingest counts. All only grow.
type Counts struct {
	// Requests are POSTs on a log path, however they were answered.
	Requests *telemetry.Counter
	// Frames and Bytes are what was stored: good frames, and all bytes of bodies.
	Frames *telemetry.Counter
	Bytes  *telemetry.Counter
	// Unframed are the bytes among them that are no frames.
	Unframed *telemetry.Counter
	// Duplicates are requests, or parts of requests, that had been stored before.
	Duplicates *telemetry.Counter
	// Mismatches are requests whose Logplex-Msg-Count is not the number of frames.
	Mismatches *telemetry.Counter
	// Unavailable are requests that could not be stored in time.
	Unavailable *telemetry.Counter
	// Cut are requests whose upload broke off or took too long.
	Cut *telemetry.Counter
	// OverRate are requests that were taken although their sender's rate bound would
	// not have let them in.
	OverRate *telemetry.Counter
	// Unknown are requests of drains that are not listed and that were taken.
	Unknown *telemetry.Counter
	// Requests that were refused for good: by credential, for an app that the
	// credential may not speak for, for a drain that is not listed, by content type or
	// encoding, by size, and for a body in which nothing can be a frame.
	Unauthorized, Foreign, Unlisted, Unsupported, TooLarge, Malformed *telemetry.Counter
}

// NewCounts makes the counters and exports them as drainline_ingest_*.
func NewCounts(m *telemetry.Metrics) *Counts {
	counter := func(name string, values ...string) *telemetry.Counter {
		return m.Counter("drainline_ingest_"+name, values...)
	}
	refused := func(reason string) *telemetry.Counter { return counter("refused", reason) }
	return &Counts{
		Requests:     counter("requests"),
		Frames:       counter("frames"),
		Bytes:        counter("body"),
		Unframed:     counter("unframed"),
		Duplicates:   counter("duplicates"),
		Mismatches:   counter("count_mismatches"),
		Unavailable:  counter("unavailable"),
		Cut:          counter("cut"),
		OverRate:     counter("over_rate"),
		Unknown:      counter("unknown_drains"),
		Unauthorized: refused("credential"),
		Foreign:      refused("app"),
		Unlisted:     refused("drain"),
		Unsupported:  refused("type"),
		TooLarge:     refused("size"),
		Malformed:    refused("body"),
	}
}

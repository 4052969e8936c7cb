package door

import (
	"go.opentelemetry.io/otel/attribute"

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
	counter := func(name, unit, help string, labels ...attribute.KeyValue) *telemetry.Counter {
		return m.Counter("drainline_ingest_"+name, unit, help, labels...)
	}
	refused := func(reason string) *telemetry.Counter {
		return counter("refused", "{request}", "Requests that were refused for good, by reason.", attribute.String("reason", reason))
	}
	return &Counts{
		Requests:     counter("requests", "{request}", "Requests with logs, however they were answered."),
		Frames:       counter("frames", "{frame}", "Frames that were stored."),
		Bytes:        counter("body", "By", "Bytes of bodies that were stored."),
		Unframed:     counter("unframed", "By", "Bytes that were stored although they are no frames."),
		Duplicates:   counter("duplicates", "{request}", "Requests, or parts of them, that had been stored before."),
		Mismatches:   counter("count_mismatches", "{request}", "Requests whose Logplex-Msg-Count is not the number of frames."),
		Unavailable:  counter("unavailable", "{request}", "Requests that could not be stored in time."),
		Cut:          counter("cut", "{request}", "Requests whose upload broke off or took too long."),
		OverRate:     counter("over_rate", "{request}", "Requests that were taken although their sender is over its rate."),
		Unknown:      counter("unknown_drains", "{request}", "Requests of drains that are not listed, taken nevertheless."),
		Unauthorized: refused("credential"),
		Foreign:      refused("app"),
		Unlisted:     refused("drain"),
		Unsupported:  refused("type"),
		TooLarge:     refused("size"),
		Malformed:    refused("body"),
	}
}

package collector

import (
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// Counts are what the HEC door counts. All only grow.
type Counts struct {
	// Requests are POSTs on a path that wants a token, however they were answered.
	Requests *telemetry.Counter
	// Events and Bytes are what was stored: events, or lines of raw bodies, and the
	// bytes of bodies, inflated.
	Events, Bytes *telemetry.Counter
	// Queries are requests to the ack endpoint that were answered.
	Queries *telemetry.Counter
	// Logplex are requests that were handed to the Logplex door, and StrayIndexes those
	// of them whose index their token does not allow: their events go without it.
	Logplex, StrayIndexes *telemetry.Counter
	// Unavailable are requests that could not be stored in time, Crowded those that
	// were one too many at a time, OverRate those over the rate of their token, and
	// Draining those that came too late. Acks are requests to the ack endpoint for which
	// nothing was known in time, and those with events that could be given no ackId.
	// Clients send all of them again.
	Unavailable, Crowded, OverRate, Draining, Acks *telemetry.Counter
	// Cut are requests whose upload broke off or took too long.
	Cut *telemetry.Counter
	// Requests that were refused for good: by token, channel, content encoding, size,
	// index, for too many events, one that is too large or one that is nested too
	// deep, and for what else is in their body.
	Token, Channel, Unsupported, TooLarge, Index, Crowd, LargeEvent, DeepEvent, Body *telemetry.Counter
}

// NewCounts makes the counters and exports them as drainline_hec_*.
func NewCounts(m *telemetry.Metrics) *Counts {
	counter := func(name string, values ...string) *telemetry.Counter {
		return m.Counter("drainline_hec_"+name, values...)
	}
	refused := func(reason string) *telemetry.Counter { return counter("refused", reason) }
	deferred := func(reason string) *telemetry.Counter { return counter("deferred", reason) }
	return &Counts{
		Requests:     counter("requests"),
		Events:       counter("events"),
		Bytes:        counter("body"),
		Queries:      counter("ack_queries"),
		Logplex:      counter("logplex"),
		StrayIndexes: counter("stray_indexes"),
		Cut:          counter("cut"),
		Unavailable:  deferred("storage"),
		Crowded:      deferred("requests"),
		OverRate:     deferred("rate"),
		Draining:     deferred("draining"),
		Acks:         deferred("acks"),
		Token:        refused("token"),
		Channel:      refused("channel"),
		Unsupported:  refused("encoding"),
		TooLarge:     refused("size"),
		Index:        refused("index"),
		Crowd:        refused("events"),
		LargeEvent:   refused("event_size"),
		DeepEvent:    refused("depth"),
		Body:         refused("body"),
	}
}

// refused is the counter for requests that are refused for a reason.
func (c *Counts) refused(e *hec.RefusedError) *telemetry.Counter {
	switch e.Limit {
	case hec.LimitEvents:
		return c.Crowd
	case hec.LimitEvent:
		return c.LargeEvent
	case hec.LimitDepth:
		return c.DeepEvent
	}
	switch e.Code {
	case hec.TokenDisabled, hec.TokenRequired, hec.InvalidAuthorization, hec.InvalidToken, hec.QueryAuthDisabled:
		return c.Token
	case hec.ChannelMissing, hec.InvalidChannel, hec.AckDisabled:
		return c.Channel
	case hec.UnsupportedEncoding:
		return c.Unsupported
	case hec.TooLarge:
		return c.TooLarge
	case hec.IncorrectIndex:
		return c.Index
	default:
		return c.Body
	}
}

package shipper

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/drainline/drainline/services/internal/telemetry"
)

// Counts are what was shipped.
type Counts struct {
	// Delivered events: those that Splunk has taken, and acknowledged where it does, or that
	// were discarded.
	Delivered int64
	// Dead counts the events that became dead letters, and one for each message that
	// could not be read.
	Dead int64
	// Dropped events: those of a full stream whose when_full says so.
	Dropped int64
	// PossibleDuplicates are events sent again of which Splunk may have had the first.
	PossibleDuplicates int64
	// LostAcks counts requests that Splunk accepted and did not acknowledge.
	LostAcks int64
	// Requests counts every try, Retries those that repeat another.
	Requests int64
	Retries  int64
	// Bytes of all requests before compression, and as they were sent.
	Bytes     int64
	SentBytes int64
	// Latency from the receipt of a request's oldest event to Splunk's success,
	// over the last ten seconds; zero when there was none.
	LatencyP50 time.Duration
	LatencyP99 time.Duration
}

// meters are one destination's metrics.
type meters struct {
	// destination is the one that has these meters now.
	destination atomic.Pointer[destination]

	delivered, dead, dropped, requests, retries, splits, possibleDuplicates, lostAcks, bytes, sent, untold *telemetry.Counter
}

func newMeters(m *telemetry.Metrics, name string) *meters {
	label := attribute.String("destination", name)
	meters := &meters{
		delivered: m.Counter("drainline_shipper_delivered", "{event}", "Events that Splunk has taken, and acknowledged where it does, or that were discarded.", label),
		dead:      m.Counter("drainline_shipper_dead", "{event}", "Events that became dead letters, and unreadable messages.", label),
		dropped:   m.Counter("drainline_shipper_dropped", "{event}", "Events dropped because the stream was full.", label),
		requests:  m.Counter("drainline_shipper_requests", "{request}", "Requests sent, retries included.", label),
		retries:   m.Counter("drainline_shipper_retries", "{request}", "Requests sent again.", label),
		splits:    m.Counter("drainline_shipper_splits", "{request}", "Requests sent again in parts, because Splunk refused them.", label),
		possibleDuplicates: m.Counter("drainline_shipper_possible_duplicates", "{event}",
			"Events sent again of which Splunk may have had the first.", label),
		lostAcks: m.Counter("drainline_shipper_lost_acks", "{request}", "Requests that Splunk accepted and did not acknowledge.", label),
		bytes:    m.Counter("drainline_shipper_body", "By", "Bytes of requests before compression.", label),
		sent:     m.Counter("drainline_shipper_sent", "By", "Bytes of requests as sent.", label),
		untold:   m.Counter("drainline_shipper_untold_acks", "{batch}", "Batches settled of which HEC acknowledgement will never be told.", label),
	}
	gauge := func(metric, unit, help string, read func(d *destination) int) {
		m.Gauge(metric, unit, help, func() int64 {
			if d := meters.destination.Load(); d != nil {
				return int64(read(d))
			}
			return 0
		}, label)
	}
	gauge("drainline_shipper_window", "{request}", "Requests that may be in flight.", func(d *destination) int { return d.window.Size() })
	gauge("drainline_shipper_in_flight", "{request}", "Requests in flight.", func(d *destination) int { return int(d.flying.Load()) })
	gauge("drainline_shipper_pending_acks", "{request}", "Requests accepted and not yet acknowledged by Splunk.",
		func(d *destination) int { return d.tracker.Pending() })
	gauge("drainline_shipper_parked", "", "1 while the destination takes nothing as it is configured.", func(d *destination) int {
		if !d.parking.parkedSince().IsZero() {
			return 1
		}
		return 0
	})
	return meters
}

package shipper

import (
	"sync/atomic"
	"time"

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
	counter := func(metric string) *telemetry.Counter { return m.Counter("drainline_shipper_"+metric, name) }
	meters := &meters{
		delivered:          counter("delivered"),
		dead:               counter("dead"),
		dropped:            counter("dropped"),
		requests:           counter("requests"),
		retries:            counter("retries"),
		splits:             counter("splits"),
		possibleDuplicates: counter("possible_duplicates"),
		lostAcks:           counter("lost_acks"),
		bytes:              counter("body"),
		sent:               counter("sent"),
		untold:             counter("untold_acks"),
	}
	gauge := func(metric string, read func(d *destination) int) {
		m.Gauge("drainline_shipper_"+metric, func() float64 {
			if d := meters.destination.Load(); d != nil {
				return float64(read(d))
			}
			return 0
		}, name)
	}
	gauge("window", func(d *destination) int { return d.window.Size() })
	gauge("in_flight", func(d *destination) int { return int(d.flying.Load()) })
	gauge("pending_acks", func(d *destination) int { return d.tracker.Pending() })
	gauge("parked", func(d *destination) int {
		if !d.parking.parkedSince().IsZero() {
			return 1
		}
		return 0
	})
	return meters
}

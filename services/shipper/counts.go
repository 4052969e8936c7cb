package shipper

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
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

	// parked is for how long those were parked that had them before. The lock keeps them
	// from being counted twice, or not, while they leave.
	leaving sync.Mutex
	parked  time.Duration

	delivered, dead, dropped, requests, retries, splits, possibleDuplicates, lostAcks, bytes, sent, untold *telemetry.Counter
	packing, events, sizes, latency, eventLatency, acknowledged                                            *telemetry.Histogram

	name      string
	answers   *telemetry.Counters
	durations *telemetry.Histograms
}

func newMeters(m *telemetry.Metrics, name string) *meters {
	counter := func(metric string) *telemetry.Counter { return m.Counter("drainline_shipper_"+metric, name) }
	histogram := func(metric string) *telemetry.Histogram { return m.Histogram("drainline_shipper_"+metric, name) }
	meters := &meters{
		name:               name,
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
		packing:            histogram("pack_duration"),
		events:             histogram("request_events"),
		sizes:              histogram("request"),
		latency:            histogram("latency"),
		eventLatency:       histogram("event_latency"),
		acknowledged:       histogram("ack_duration"),
		answers:            m.Counters("drainline_shipper_answers"),
		durations:          m.Histograms("drainline_shipper_request_duration"),
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
	m.CounterFunc("drainline_shipper_parked_duration", meters.parkedSeconds, name)
	return meters
}

// parkedSeconds is for how long destinations of this name were parked.
func (m *meters) parkedSeconds() float64 {
	m.leaving.Lock()
	defer m.leaving.Unlock()
	parked := m.parked
	if d := m.destination.Load(); d != nil {
		parked += d.parking.duration()
	}
	return parked.Seconds()
}

// leave ends that a destination, which is removed, has the meters.
func (m *meters) leave(d *destination) {
	m.leaving.Lock()
	defer m.leaving.Unlock()
	if m.destination.CompareAndSwap(d, nil) {
		m.parked += d.parking.duration()
	}
}

// none stands for a status or code that an answer, or a try without one, does not have.
const none = "none"

// answered counts a try by its answer.
func (m *meters) answered(status int, code hec.Code, took time.Duration) {
	said, reason := none, none
	if status != 0 {
		said = strconv.Itoa(status)
	}
	if code != endpoint.NoCode {
		reason = strconv.Itoa(int(code))
	}
	m.answers.With(m.name, said, reason).Add(1)
	m.durations.With(m.name, said).Record(context.Background(), took.Seconds())
}

// arrived notes how long a request took that Splunk has.
func (d *destination) arrived(c *batch.Contents) {
	d.latency.record(c.OldestNS())
	d.meters.latency.Record(context.Background(), time.Since(time.Unix(0, c.OldestNS())).Seconds())
	if logged := c.LoggedNS(); logged != 0 {
		d.meters.eventLatency.Record(context.Background(), time.Since(time.Unix(0, logged)).Seconds())
	}
}

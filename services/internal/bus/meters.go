package bus

import (
	"context"
	"strings"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// meters are a connection's metrics. Nil measures nothing.
type meters struct {
	publish         []publishMeter
	letters         *telemetry.Counters
	block, requests *telemetry.Histogram
}

// publishMeter is for messages whose subjects begin alike.
type publishMeter struct {
	subjects string
	duration *telemetry.Histogram
}

func newMeters(m *telemetry.Metrics, names wire.Names) *meters {
	if m == nil {
		return nil
	}
	publish := func(subjects, stream string) publishMeter {
		return publishMeter{subjects: subjects, duration: m.Histogram("drainline_publish_duration", stream)}
	}
	return &meters{
		publish: []publishMeter{
			publish(names.RawSubject(""), "raw"),
			publish(names.EventsSubject(""), "events"),
			publish(strings.TrimSuffix(names.DeadSubjects(), ">"), "dead"),
		},
		letters: m.Counters("drainline_dead_letters"),
		block:   m.Histogram("drainline_ingest_block"), requests: m.Histogram("drainline_ingest_block_requests"),
	}
}

// published notes how long it took to store a message.
func (m *meters) published(ctx context.Context, subject string, took time.Duration) {
	if m == nil {
		return
	}
	for _, p := range m.publish {
		if strings.HasPrefix(subject, p.subjects) {
			p.duration.Record(ctx, took.Seconds())
		}
	}
}

// died counts a dead letter that was stored.
func (m *meters) died(stage, reason string) {
	if m != nil {
		m.letters.With(stage, reason).Add(1)
	}
}

// merged notes of a block that was stored how large it is and how many requests share it.
func (m *meters) merged(ctx context.Context, size, requests int) {
	if m != nil {
		m.block.Record(ctx, float64(size))
		m.requests.Record(ctx, float64(requests))
	}
}

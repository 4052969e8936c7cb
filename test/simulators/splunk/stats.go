package splunk

import (
	"maps"
	"slices"
	"time"
)

// Stats are a simulator's totals.
type Stats struct {
	// Requests counts every request, whatever its path and answer.
	Requests int64 `json:"requests"`
	// Events counts what was indexed.
	Events int64 `json:"events"`
	// Bytes counts bodies of authenticated requests, uncompressed.
	Bytes int64 `json:"bytes"`
	// ThrownAway counts events that were accepted and thrown away, because their index does not exist.
	ThrownAway int64 `json:"thrown_away"`
	// Unconfirmed counts indexed events whose client has not been told so: those before a refused event, those whose answer a fault
	// replaced or whose client had gone, those not acknowledged yet or never. Their client has to send them again, so Duplicates
	// of a correct one is at most this.
	Unconfirmed int64 `json:"unconfirmed"`
	// AckQueries counts requests to the ack endpoint that were answered 200, Acked the ids they were told to be indexed, and
	// AckChannels the channels that are known now.
	AckQueries  int64 `json:"ack_queries"`
	Acked       int64 `json:"acked"`
	AckChannels int64 `json:"ack_channels"`
	// Refused counts refusals by HEC code, or by status where splunkd answers without one. Faults are not counted.
	Refused map[int]int64 `json:"refused"`
	// Violations counts what Splunk tolerates and a careful client never sends.
	Violations int64 `json:"violations"`
	// FirstViolations are what Violations returns.
	FirstViolations []string `json:"first_violations"`
	// DistinctIDs and Duplicates are the ledger's: different ids, and sightings beyond the first of one.
	DistinctIDs int   `json:"distinct_ids"`
	Duplicates  int64 `json:"duplicates"`
	// LatencyP50 and LatencyP99 are the age in milliseconds, at indexing, of events that tell when they were made (t=<unix
	// nanoseconds>); at most 3 % too high.
	LatencyP50 float64 `json:"latency_p50_ms"`
	LatencyP99 float64 `json:"latency_p99_ms"`
}

// Stats returns the totals so far.
func (s *store) Stats() Stats {
	const median, high = 0.5, 0.99
	stats := Stats{
		Requests:    s.requests.Load(),
		Unconfirmed: s.unconfirmed.Load(),
		AckQueries:  s.ackQueries.Load(),
		Acked:       s.acked.Load(),
		AckChannels: s.ackChannels.Load(),
		DistinctIDs: s.ledger.Distinct(),
		Duplicates:  s.ledger.Duplicates(),
		LatencyP50:  milliseconds(s.latency.quantile(median)),
		LatencyP99:  milliseconds(s.latency.quantile(high)),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Events = s.count
	stats.ThrownAway = s.thrown
	stats.Bytes = s.bytes
	stats.Refused = maps.Clone(s.refused)
	stats.Violations = s.breaches
	stats.FirstViolations = slices.Clone(s.breach)
	return stats
}

func milliseconds(ns int64) float64 {
	return float64(ns) / float64(time.Millisecond)
}

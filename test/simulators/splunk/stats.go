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
	// Refused counts refusals by HEC code, or by status where splunkd answers without one. Faults are not counted.
	Refused map[int]int64 `json:"refused"`
	// Violations counts what Splunk tolerates and a careful client never sends.
	Violations int64 `json:"violations"`
	// FirstViolations are what Splunk.Violations returns.
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
func (s *Splunk) Stats() Stats {
	const median, high = 0.5, 0.99
	stats := Stats{
		Requests:    s.requests.Load(),
		DistinctIDs: s.ledger.Distinct(),
		Duplicates:  s.ledger.Duplicates(),
		LatencyP50:  milliseconds(s.latency.quantile(median)),
		LatencyP99:  milliseconds(s.latency.quantile(high)),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Events = s.count
	stats.Bytes = s.bytes
	stats.Refused = maps.Clone(s.refused)
	stats.Violations = s.breaches
	stats.FirstViolations = slices.Clone(s.breach)
	return stats
}

func milliseconds(ns int64) float64 {
	return float64(ns) / float64(time.Millisecond)
}

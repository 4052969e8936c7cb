package transform

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/drainline/drainline/services/internal/telemetry"
)

// Totals count what transform has done since its start. Everything is counted once
// the block it was in is settled.
type Totals struct {
	Blocks *telemetry.Counter
	Events *telemetry.Counter
	Bad    *telemetry.Counter
	Dead   *telemetry.Counter
	// Before and After are lines that another ships: from before a drain's `from`, and
	// from its `until` on.
	Before, After *telemetry.Counter
	// L10, L12 and L13 are messages that were lost before they reached Drainline, by the
	// code of the line that says so.
	L10, L12, L13 *telemetry.Counter
}

func newTotals(m *telemetry.Metrics) Totals {
	handedOver := func(side string) *telemetry.Counter {
		return m.Counter("drainline_transform_handed_over", "{line}", "Lines outside the time of their drain (from, until), which another ships.",
			attribute.String("side", side))
	}
	lost := func(code string) *telemetry.Counter {
		return m.Counter("drainline_transform_lost_upstream", "{message}", "Messages that Logplex or log-shuttle say they lost.",
			attribute.String("code", code))
	}
	return Totals{
		Blocks: m.Counter("drainline_transform_blocks", "{block}", "Raw blocks transformed."),
		Events: m.Counter("drainline_transform_events", "{event}", "Events made from what was received, before they are copied to destinations."),
		Bad:    m.Counter("drainline_transform_bad_frames", "{frame}", "Frames, envelopes and remainders of bodies that became dead letters."),
		Dead:   m.Counter("drainline_transform_dead_letters", "{letter}", "Dead letters stored by transform."),
		Before: handedOver("before"), After: handedOver("after"),
		L10: lost("L10"), L12: lost("L12"), L13: lost("L13"),
	}
}

func (t *Totals) add(out output) {
	t.Blocks.Add(1)
	t.Events.Add(out.Counts.Events)
	t.Bad.Add(out.Counts.Bad)
	t.Dead.Add(len(out.Dead))
	t.Before.Add(out.Counts.Before)
	t.After.Add(out.Counts.After)
	t.L10.Add(out.Counts.L10)
	t.L12.Add(out.Counts.L12)
	t.L13.Add(out.Counts.L13)
}

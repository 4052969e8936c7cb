package transform

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/transform/internal/rules"
)

// Bounds of what is counted by names from outside.
const (
	mostInputs = 1000
	mostRules  = 1000
)

// Totals count what transform has done since its start. Everything is counted once
// the block it was in is settled.
type Totals struct {
	Blocks *telemetry.Counter
	Events *telemetry.Counter
	// Filtered events are those that rules or routing dropped.
	Filtered *telemetry.Counter
	Unrouted *telemetry.Counter
	Bad      *telemetry.Counter
	Dead     *telemetry.Counter
	Joined   *telemetry.Counter
	// Before and After are lines that another ships: from before a drain's `from`, and
	// from its `until` on.
	Before, After *telemetry.Counter
	// Lost are messages that were lost before they reached Drainline, by the app or drain
	// and the code of the line that says so.
	Lost *telemetry.Counters

	rules *telemetry.Counters
}

func newTotals(m *telemetry.Metrics) Totals {
	handedOver := func(side string) *telemetry.Counter {
		return m.Counter("drainline_transform_handed_over", "{line}", "Lines outside the time of their drain (from, until), which another ships.",
			attribute.String("side", side))
	}
	return Totals{
		Blocks:   m.Counter("drainline_transform_blocks", "{block}", "Raw blocks transformed."),
		Events:   m.Counter("drainline_transform_events", "{event}", "Events made from what was received, before rules and before they are copied to destinations."),
		Filtered: m.Counter("drainline_transform_filtered", "{event}", "Events that rules dropped, or that no destination wanted."),
		Unrouted: m.Counter("drainline_transform_unrouted", "{event}", "Events that no destination wanted, which are filtered (unrouted: drop)."),
		Bad:      m.Counter("drainline_transform_bad_frames", "{frame}", "Frames, envelopes and remainders of bodies that became dead letters."),
		Dead:     m.Counter("drainline_transform_dead_letters", "{letter}", "Dead letters stored by transform."),
		Joined:   m.Counter("drainline_transform_joined_lines", "{line}", "Lines that became part of the event of a line before them."),
		Before:   handedOver("before"), After: handedOver("after"),
		Lost: m.Counters("drainline_transform_lost_upstream", "{message}", "Messages that Logplex or log-shuttle say they lost.",
			mostInputs, "input", "code"),
		rules: m.Counters("drainline_transform_rule_events", "{event}", "Events that a rule was applied to, and what it did to them.",
			mostRules, "rule", "action"),
	}
}

// add counts an output; names are those of the rules it was made with.
func (t *Totals) add(out output, names []string) {
	t.Events.Add(out.Counts.Events)
	t.Filtered.Add(out.Counts.Filtered)
	t.Unrouted.Add(out.Counts.Unrouted)
	t.Bad.Add(out.Counts.Bad)
	t.Dead.Add(len(out.Dead))
	t.Joined.Add(out.Counts.Joined)
	t.Before.Add(out.Counts.Before)
	t.After.Add(out.Counts.After)
	for _, l := range out.Lost {
		t.Lost.With(l.input, l.code).Add(l.count)
	}
	for i := range out.Rules {
		t.addRule(names[i], &out.Rules[i])
	}
}

func (t *Totals) addRule(name string, c *rules.Count) {
	for _, did := range [...]struct {
		action string
		count  int
	}{
		{"matched", c.Matched},
		{"dropped", c.Dropped},
		{"sampled", c.Sampled},
		{"limited", c.Limited},
		{"dead", c.Dead},
		{"failed", c.Failed},
	} {
		if did.count > 0 {
			t.rules.With(name, did.action).Add(did.count)
		}
	}
}

package transform

import (
	"context"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/transform/internal/rules"
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

	// making is the time that the batches of a block take, before they are stored.
	making       *telemetry.Histogram
	size, shared *telemetry.Histograms // of batches: bytes, and events, by destination
}

func newTotals(m *telemetry.Metrics) Totals {
	return Totals{
		Blocks:   m.Counter("drainline_transform_blocks"),
		Events:   m.Counter("drainline_transform_events"),
		Filtered: m.Counter("drainline_transform_filtered"),
		Unrouted: m.Counter("drainline_transform_unrouted"),
		Bad:      m.Counter("drainline_transform_bad_frames"),
		Dead:     m.Counter("drainline_transform_dead_letters"),
		Joined:   m.Counter("drainline_transform_joined_lines"),
		Before:   m.Counter("drainline_transform_handed_over", "before"),
		After:    m.Counter("drainline_transform_handed_over", "after"),
		Lost:     m.Counters("drainline_transform_lost_upstream"),
		rules:    m.Counters("drainline_transform_rule_events"),
		making:   m.Histogram("drainline_transform_block_duration"),
		size:     m.Histograms("drainline_transform_batch"),
		shared:   m.Histograms("drainline_transform_batch_events"),
	}
}

// made notes what was made since begun, of a block unless it was of lines that had waited.
func (t *Totals) made(ctx context.Context, block wire.ID, batches []sealedBatch, begun time.Time) {
	if !block.IsZero() {
		t.making.Record(ctx, time.Since(begun).Seconds())
	}
	for i := range batches {
		b := &batches[i]
		t.size.With(b.Destination).Record(ctx, float64(len(b.Payload)))
		t.shared.With(b.Destination).Record(ctx, float64(b.Events))
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

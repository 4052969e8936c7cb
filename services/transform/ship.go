package transform

import (
	"cmp"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/format"
	"github.com/drainline/drainline/services/transform/internal/rules"
)

// ship applies the rules to the event in hand and encodes it for where it goes. The parts
// are what it was made of.
func (t *transformer) ship(parts ...part) {
	e := &t.event
	e.Request = parts[0].request
	t.counts.Events++
	row := t.books.of(e.App, e.Request)
	destinations, v := t.route(e)
	switch v.Fate {
	case rules.Filter:
		t.counts.Filtered++
		row.Filtered.Add(1, len(e.Body()))
		return
	case rules.Bury:
		row.Dead.Add(1, len(e.Body()))
		t.kill(v.Reason, v.Sentence, parts...)
		return
	case rules.Ship:
	}
	if others := allOf(t.settings.destinations) &^ destinations; others != 0 {
		t.books.some(others).Filtered.Add(1, len(e.Body()))
	}
	t.sealer.begin(e.Token, e.App)
	var measured *wire.Event
	if e.Metrics == config.MetricsMetrics || e.Metrics == config.MetricsBoth {
		if m, ok := t.metric.Make(e); ok {
			measured = m
		}
	}
	if measured != nil && e.Metrics == config.MetricsBoth {
		t.books.some(destinations).Split.Add(1, hec.LicenseBytes(measured))
	}
	unfit := uint64(0) // destinations whose lane the event is too large for
	for i := range t.sealer.lanes {
		l := &t.sealer.lanes[i]
		switch {
		case l.destinations&destinations == 0:
		case l.metrics:
			if measured != nil {
				t.sealer.add(l, measured, e.Number, destinations)
			}
		case measured == nil || e.Metrics == config.MetricsBoth:
			if !t.encode(l, t.shape(e, t.formats[i]), destinations) {
				unfit |= l.destinations & destinations
			}
		}
	}
	if unfit != 0 {
		t.books.some(unfit).Dead.Add(1, len(e.Body()))
		t.kill(reasonTooLarge, "an event does not fit a message on the bus", parts...)
	}
}

// encode adds the event in hand to a lane, shaped for it. One that does not fit a message
// then goes as it is, with a mark; encode reports false for one that does not fit either.
func (t *transformer) encode(l *lane, shaped *wire.Event, destinations uint64) bool {
	e := &t.event
	t.sealer.add(l, shaped, e.Number, destinations)
	if t.sealer.lastFits(l) {
		return true
	}
	t.sealer.removeLast(l)
	if shaped == &e.Event {
		return false
	}
	if !hasField(e.Fields, wire.MarkField) {
		e.Fields = t.names.appendMarks(e.Fields, []string{wire.MarkUnformatted})
	}
	return t.encode(l, &e.Event, destinations)
}

// route says which destinations get the event, a bit each.
func (t *transformer) route(e *event.Event) (uint64, rules.Verdict) {
	e.Named |= t.sealer.source.named
	if t.runner == nil {
		return cmp.Or(e.Named, allOf(t.settings.destinations)), rules.Verdict{}
	}
	if v := t.runner.Apply(e); v.Fate != rules.Ship {
		return 0, v
	}
	return t.runner.Route(e)
}

// shape is the event in the format that a destination asks for, or else a rule, or else
// its drain.
func (t *transformer) shape(e *event.Event, asked string) *wire.Event {
	name := cmp.Or(asked, e.Format)
	if name == "" || name == config.FormatText {
		return &e.Event
	}
	body, isJSON, ok := format.Append(t.body[:0], name, e)
	if !ok {
		return &e.Event
	}
	t.body, t.shaped = body, e.Event
	t.shaped.Text, t.shaped.JSON = body, nil
	if isJSON {
		t.shaped.Text, t.shaped.JSON = nil, body
	}
	return &t.shaped
}

package cases

import (
	"math"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// expectation is what is to become of a case's input. What it does not name is not
// compared, but for dead letters: there are none unless it names them.
type expectation struct {
	// events are those expected, in their order, when listed; else count is how many, -1
	// for any number.
	events []wanted
	listed bool
	count  int
	// filtered is -1 for any number.
	filtered int
	dead     map[string]int
}

// wanted is an expected event: the keys that are named.
type wanted struct {
	line   int
	texts  []textKey
	time   *time.Time
	json   any
	isJSON bool
	fields map[string]any
	// destinations are exactly those that get it; none is any.
	destinations []string
}

type textKey struct{ name, value string }

// textKeys are the keys of an expected event whose values are text, in the order in
// which they are told; eventKeys are all of them.
var (
	textKeys  = []string{"index", "sourcetype", "source", "host", "token", "kind", "code", "app", "process", "dyno", "message"}
	eventKeys = append([]string{"destination", "time", "json", "fields"}, textKeys...)
)

func (r *reader) readExpectation(n *yaml.Node, keys map[string]*yaml.Node) expectation {
	e := expectation{count: -1, filtered: -1, dead: map[string]int{}}
	events, filtered, dead := keys["events"], keys["filtered"], keys["dead"]
	if events == nil && filtered == nil && dead == nil {
		r.mistakef(n, "the case expects nothing: say events (a list, a number, or [] for none), filtered or dead")
	}
	switch {
	case events == nil:
	case events.Kind == yaml.ScalarNode && !isNull(events):
		e.count = r.number(events, 0, math.MaxInt32)
	default:
		e.listed = true
		for _, entry := range list(events) {
			e.events = append(e.events, r.readWanted(entry))
		}
	}
	if filtered != nil {
		e.filtered = r.number(filtered, 0, math.MaxInt32)
	}
	for _, entry := range list(dead) {
		reason, count := r.readDead(entry)
		e.dead[reason] += count
	}
	return e
}

// readDead reads one reason, by itself or with a count.
func (r *reader) readDead(n *yaml.Node) (reason string, count int) {
	if n.Kind == yaml.ScalarNode {
		return r.text(n), 1
	}
	keys := r.section(n, "reason", "count")
	count = 1
	if keys["count"] != nil {
		count = r.number(keys["count"], 1, math.MaxInt32)
	}
	if reason = r.text(keys["reason"]); reason == "" && keys != nil {
		r.mistakef(n, "the dead letter has no reason")
	}
	return reason, count
}

func (r *reader) readWanted(n *yaml.Node) wanted {
	keys := r.section(n, eventKeys...)
	w := wanted{line: n.Line, destinations: r.texts(keys["destination"])}
	slices.Sort(w.destinations)
	for _, name := range textKeys {
		if value := keys[name]; value != nil {
			w.texts = append(w.texts, textKey{name, r.text(value)})
		}
	}
	if at := keys["time"]; at != nil {
		t := r.time(at)
		w.time = &t
	}
	if value := keys["json"]; value != nil {
		w.json, w.isJSON = r.data(value), true
	}
	if fields := keys["fields"]; fields != nil {
		if fields.Kind != yaml.MappingNode {
			r.mistakef(fields, "must have names of indexed fields with values, null for a field that must not be there")
			return w
		}
		w.fields, _ = r.data(fields).(map[string]any)
	}
	return w
}

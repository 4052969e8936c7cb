package config

import (
	"fmt"
	"slices"
	"strings"
)

// actions are the keys of a rule that do something.
var actions = []string{
	"parse", "set", "fields", "body", "format", "redact", "metrics", "sample", "limit", "drop", "to", "stop",
}

// limitedTo is the apps that the rule is for, whoever says so; nil is all. Those
// of the rule are among those of its file.
func (r Rule) limitedTo() []string {
	if len(r.Apps) > 0 {
		return r.Apps
	}
	return r.Scope
}

// checkRules holds the entries to the rules that concern more than one key or
// entry.
func (d *draft) checkRules() {
	d.checkOnce(rules, "name")
	destinations, tokens := d.names("destinations"), d.names(tokens)
	for it := range d.entriesOf(rules) {
		d.checkNames(it, "to", "a destination", destinations)
		d.checkToken(it, tokens)
		d.checkScope(it)
		d.checkActions(it)
		d.checkLimit(it)
	}
}

// checkScope wants the apps of a rule among those of its file.
func (d *draft) checkScope(it item) {
	apps, _ := it.values["apps"].([]string)
	for _, app := range apps {
		if it.scope != nil && !slices.Contains(it.scope, app) {
			d.add(Problem{Path: it.path + ".apps", Value: app, Rule: "is not among the apps that its file is limited to", File: it.from})
		}
	}
}

// checkToken wants the name of a token. It repeats none: people may put the token itself.
func (d *draft) checkToken(it item, known []string) {
	set, _ := it.values["set"].(map[string]string)
	name := set["token"]
	if name == "" || strings.Contains(name, "{{") || slices.Contains(known, name) {
		return
	}
	rule := "must be the name of one of ingest.hec.tokens, or a template such as {{ credential }}" + Nearest(name, known)
	d.add(Problem{Path: it.path + ".set.token", Rule: rule, File: it.from})
}

func (d *draft) checkActions(it item) {
	if !slices.ContainsFunc(actions, func(name string) bool { return says(it.values, name) }) {
		d.add(Problem{Path: it.path, Rule: "does nothing: give it one of " + alternatives(actions), File: it.from})
	}
	metrics, wrong := it.values["metrics"]
	wrong = wrong && metrics == nil
	if says(it.values, "metrics_index") && !wrong && metrics != MetricsMetrics && metrics != MetricsBoth {
		d.add(Problem{Path: it.path + ".metrics_index", Rule: "needs `metrics: metrics` or `metrics: both`", File: it.from})
	}
}

func (d *draft) checkLimit(it item) {
	limit, given := it.values["limit"].(map[string]any)
	if !given {
		return
	}
	problem := func(key, rule string) { d.add(Problem{Path: it.path + ".limit" + key, Rule: rule, File: it.from}) }
	if !says(limit, "events") && !says(limit, "bytes") {
		problem("", "needs events or bytes")
	}
	over, rate := limit["over"], says(limit, "rate")
	switch {
	case over == OverSample && !rate:
		problem(".rate", "is missing: `over: sample` keeps one event of that many")
	case over != OverSample && over != nil && rate:
		problem(".rate", "needs `over: sample`")
	}
}

// says tells whether there is a value that is not empty, or a wrong one.
func says(values map[string]any, name string) bool {
	value, given := values[name]
	if section, ok := value.(map[string]any); ok {
		for below := range section {
			if says(section, below) {
				return true
			}
		}
		return false
	}
	return given && (value == nil || !isEmpty(value))
}

// checkHMACs wants a key for redactions that make values with it. It comes after
// files of secrets are read, and stays silent when something is wrong with those,
// and where the key may be in an environment that is not this one.
func (d *draft) checkHMACs() {
	if !d.offline && !d.uses(redactionKey) {
		return
	}
	secret, _ := d.koanf.Get(redactionKey).(Secret)
	if secret != "" || slices.ContainsFunc(d.problems, func(p Problem) bool { return parentOf(p.Path) == parentOf(redactionKey) }) {
		return
	}
	for it := range d.entriesOf(rules) {
		list, _ := it.values["redact"].([]Redaction)
		if !slices.ContainsFunc(list, func(r Redaction) bool { return r.HMAC }) {
			continue
		}
		d.add(Problem{Path: it.path + ".redact", Rule: "needs redaction.key: hmac makes values with it", File: it.from})
	}
}

// MaxDestinations is how many destinations there may be: an event's way is one
// bit for each.
const MaxDestinations = 64

func (d *draft) checkRouting() {
	conditional := 0
	paths := d.paths(destination)
	for _, path := range paths {
		if d.filled(path + ".when") {
			conditional++
		}
	}
	switch {
	case len(paths) > MaxDestinations:
		d.add(Problem{
			Path: "destinations", Rule: fmt.Sprintf("has %d names; there can be %d", len(paths), MaxDestinations), File: d.entries[paths[MaxDestinations]],
		})
	case conditional > 0 && conditional == len(paths) && !d.filled(unroutedKey):
		d.add(Problem{
			Path: unroutedKey, Rule: "is missing: every destination has a `when`, so say what becomes of events that none wants, drop or dead",
			File: d.from[paths[0]+".when"],
		})
	}
}

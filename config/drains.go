package config

import (
	"reflect"
	"time"
)

// UnknownDrains is what is done with requests of drains that are not listed:
// AcceptDrains, QuarantineDrains or RejectDrains. Unless the operator chose, they
// are quarantined as soon as any drain is listed.
func (c *Config) UnknownDrains() string {
	switch {
	case c.Ingest.Logplex.UnknownDrains != "":
		return c.Ingest.Logplex.UnknownDrains
	case len(c.Drains) > 0:
		return QuarantineDrains
	default:
		return AcceptDrains
	}
}

// Check returns an *Error with all that is wrong with the entry by itself, or
// nil. Whoever writes entries for others to load asks it.
func (d Drain) Check() error {
	var problems []Problem
	for _, l := range leavesOf(drains+entryMark, reflect.ValueOf(d)) {
		if k := byPath[l.path]; !k.kind.fits(l.value) {
			problems = append(problems, Problem{Path: lastSegment(l.path), Value: show(l.value), Rule: "must be " + k.kind.rule})
		}
	}
	return asError(problems)
}

// checkDrains holds the entries to the rules that concern more than one key or
// entry.
func (d *draft) checkDrains() {
	first := map[string]item{}
	for _, it := range d.items {
		d.checkDestinations(it)
		d.checkTimes(it)
		token, _ := it.values["token"].(string)
		if other, taken := first[token]; taken && token != "" {
			d.add(Problem{
				Path: it.path + ".token", Value: show(token), Rule: "is the token of " + other.path + " in " + other.from + " too",
				File: it.from,
			})
			continue
		}
		first[token] = it
	}
}

func (d *draft) checkDestinations(it item) {
	names, _ := it.values["destinations"].([]string)
	for _, name := range names {
		if _, known := d.entries[join("destinations", name)]; !known {
			d.add(Problem{Path: it.path + ".destinations", Value: name, Rule: "is not the name of a destination", File: it.from})
		}
	}
}

func (d *draft) checkTimes(it item) {
	from, _ := it.values["from"].(time.Time)
	until, _ := it.values["until"].(time.Time)
	if !until.IsZero() && !from.Before(until) {
		d.add(Problem{
			Path: it.path + ".until", Value: timeInYAML(until), Rule: "must be after from, which is " + timeInYAML(from), File: it.from,
		})
	}
}

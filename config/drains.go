package config

import (
	"reflect"
	"slices"
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
			problems = append(problems, Problem{Path: lastSegment(l.path), Value: show(l.value), Rule: k.kind.why(l.value)})
		}
	}
	return asError(problems)
}

// checkDrains holds the entries to the rules that concern more than one key or
// entry.
func (d *draft) checkDrains() {
	d.checkOnce(drains, "token")
	destinations := d.names("destinations")
	for it := range d.entriesOf(drains) {
		d.checkNames(it, "destinations", "a destination", destinations)
		d.checkTimes(it)
	}
}

// checkOnce wants different values of a key in all entries of a list.
func (d *draft) checkOnce(list, key string) {
	first := map[string]item{}
	for it := range d.entriesOf(list) {
		value, _ := it.values[key].(string)
		if other, taken := first[value]; taken && value != "" {
			d.add(Problem{
				Path: join(it.path, key), Value: show(value), Rule: "is the " + key + " of " + other.path + " in " + other.from + " too",
				File: it.from,
			})
			continue
		}
		first[value] = it
	}
}

// checkNames holds the names that an entry gives to those that there are.
func (d *draft) checkNames(it item, key, what string, known []string) {
	names, _ := it.values[key].([]string)
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		rule := "is not the name of " + what + Nearest(name, known)
		d.add(Problem{Path: join(it.path, key), Value: name, Rule: rule, File: it.from})
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

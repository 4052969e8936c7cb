package config

import "slices"

// checkJoins holds the joins to the rules that concern more than one key, and the
// drains to the joins that there are.
func (d *draft) checkJoins() {
	for _, path := range d.paths(namedJoin) {
		d.checkJoin(path)
	}
	known := slices.Concat(JoinPresets, d.names(joins))
	for it := range d.entriesOf(drains) {
		d.checkNames(it, "join", "a join", known)
	}
}

func (d *draft) checkJoin(path string) {
	preset, patterns := d.filled(path+".preset"), d.filled(path+".start") || d.filled(path+".continuation")
	problem := func(path, rule string) { d.add(Problem{Path: path, Rule: rule, File: d.namedBy(path)}) }
	switch {
	case slices.Contains(JoinPresets, lastSegment(path)):
		problem(path, "is the name of a preset; choose another name")
	case preset && patterns:
		problem(path+".preset", "is given together with patterns: a preset has its own")
	case !preset && !patterns:
		problem(path, "needs a preset, or start or continuation")
	}
}

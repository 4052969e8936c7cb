package config

import "strconv"

// SchemaVersion is the version of what can be set. It grows when a key vanishes or
// comes to mean something else, not when keys are added.
const SchemaVersion = 1

const versionKey = "version"

func schemaVersion() kind {
	return kind{rule: strconv.Itoa(SchemaVersion), parse: func(raw any) (any, bool) {
		n, ok := toInt(raw)
		return n, ok && n == SchemaVersion
	}}
}

// reads tells whether a file that says this version can be read, and adds the one
// problem that it has if not.
func (l *layer) reads(version any, from string) bool {
	if version == nil || byPath[versionKey].kind.fits(version) {
		return true
	}
	p := Problem{Path: versionKey, Value: show(version), Rule: byPath[versionKey].kind.why(version), File: from}
	if n, ok := version.(int); ok && n > SchemaVersion {
		p.Rule = "is newer than this Drainline, which reads version " + strconv.Itoa(SchemaVersion) +
			": upgrade Drainline, or use the file from before its upgrade"
	}
	l.add(p)
	return false
}

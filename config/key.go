package config

import (
	"iter"
	"regexp"
	"strings"
)

// DefaultCredential is the name of the credential that DRAINLINE_DRAIN_SECRET
// gives, or that is made at start when there is none. A file cannot use it.
const DefaultCredential = "default"

// key is one thing that can be set, or a section that holds such things.
// Everything the package knows about it stands here.
type key struct {
	path     string // dotted; "*" stands for a name that the operator chooses, "[]" for the number of a list's entry
	kind     kind   // what its value must look like; a section has none
	def      string // the default as the environment would give it; empty is the type's zero
	doc      string
	example  string // in YAML, where the default does not show what a value looks like
	entries  string // of a list, in YAML: examples that the annotated file shows first
	show     bool   // the annotated file shows the example, since the default alone would say nothing
	required bool   // in every section with a name and every entry of a list
	ofType   string // required only where the section's `type` is this
	restart  bool   // read at start only, with everything below it
	reread   bool   // of a secret: who uses it reads its file again, so that a change of that needs no restart
	place    bool   // of the machine, with everything below it: the SHA leaves it out
}

func (k key) isSection() bool { return k.kind.parse == nil }

// defaultValue is nil for a key whose default is its type's zero.
func (k key) defaultValue() any {
	if k.isSection() || k.def == "" {
		return nil
	}
	v, _ := k.kind.parse(k.def) // a test holds every default to its own rule
	return v
}

// need is a sentence that says when the key is required, or nothing.
func (k key) need() string {
	switch {
	case !k.required || k.kind.secret:
		return ""
	case k.ofType != "":
		return "Required with `type: " + k.ofType + "`."
	default:
		return "Required."
	}
}

const (
	includeKey  = "include"
	credentials = "ingest.logplex.credentials" //nolint:gosec // a path
	envPrefix   = "DRAINLINE_"
	fileSuffix  = "_file"
	entryMark   = "[]"
	nameRule    = "a name of 1 to 32 characters from a-z, 0-9 and _"
)

var namePattern = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// byPath finds the keys of the table by their path, with "*" for names.
var byPath = func() map[string]key {
	m := make(map[string]key, len(keys))
	for _, k := range keys {
		m[k.path] = k
	}
	return m
}()

// below lists what stands directly in a section.
var below = func() map[string][]key {
	m := map[string][]key{}
	for _, k := range keys {
		m[parentOf(k.path)] = append(m[parentOf(k.path)], k)
	}
	return m
}()

// find returns the key of a path that holds real names and numbers.
func find(path string) (key, bool) {
	k, ok := byPath[pattern(path)]
	return k, ok
}

var entryNumber = regexp.MustCompile(`\[\d+\]$`)

// pattern replaces the names in a path by "*" and the numbers by "[]".
func pattern(path string) string {
	out := ""
	for segment := range strings.SplitSeq(path, ".") {
		if holdsNames(out) {
			segment = "*"
		}
		out = join(out, entryNumber.ReplaceAllString(segment, entryMark))
	}
	return out
}

// isList tells of a pattern whether it is a list of sections.
func isList(pattern string) bool {
	_, ok := byPath[pattern+entryMark]
	return ok
}

// inList tells whether a path leads into an entry of a list.
func inList(path string) bool { return strings.Contains(pattern(path), entryMark) }

// holdsNames tells of a pattern whether what stands below it are names.
func holdsNames(pattern string) bool {
	_, ok := byPath[join(pattern, "*")]
	return ok
}

// entryOf is the part of a path that ends with its name, such as
// "destinations.splunk"; ok is false for a path without name.
func entryOf(path string) (string, bool) {
	out := ""
	for segment := range strings.SplitSeq(path, ".") {
		parent := out
		out = join(out, segment)
		if holdsNames(parent) {
			return out, true
		}
	}
	return "", false
}

func parentOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }

func join(parent, child string) string {
	if parent == "" {
		return child
	}
	return parent + "." + child
}

// ancestors yields the path and the sections above it.
func ancestors(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for yield(path) {
			dot := strings.LastIndexByte(path, '.')
			if dot < 0 {
				return
			}
			path = path[:dot]
		}
	}
}

// needsRestart tells whether a running Drainline cannot take a new value.
func needsRestart(path string) bool {
	return anyOf(path, func(k key) bool { return k.restart })
}

// isOfPlace tells whether a value belongs to the machine, and not to the installation.
func isOfPlace(path string) bool {
	return anyOf(path, func(k key) bool { return k.place })
}

// isSecret tells whether a value is a secret or says only where one is: its file, and the
// credential that DRAINLINE_DRAIN_SECRET makes.
func isSecret(path string) bool {
	k, _ := find(strings.TrimSuffix(path, fileSuffix))
	entry, _ := entryOf(path)
	return k.kind.secret || entry == join(credentials, DefaultCredential)
}

// anyOf says whether something is true of the key or of a section above it.
func anyOf(path string, is func(key) bool) bool {
	for p := range ancestors(pattern(path)) {
		if is(byPath[p]) {
			return true
		}
	}
	return false
}

// envName is the environment variable of a path.
func envName(path string) string {
	path = strings.ReplaceAll(path, "*", "<NAME>")
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "__"))
}

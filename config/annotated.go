package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

//go:generate go test -run TestAnnotatedFile -update .

// lineWidth is where prose is broken, in bytes, as far as words allow.
const lineWidth = 100

const preamble = `Everything that can be set, with its meaning and its default.

Two hashes are prose, one hash is a key at its default or, where there is none, an example: remove
the hash to set it. Lists and maps are replaced as a whole, but for drains and rules, which all files
add to. Sections may be left out or left empty.

Later sources win: defaults, files in the order of the command line, environment, flags. Any key is
an environment variable too, in upper case with two underscores between levels and commas between
the items of a list or map: ingest.hold is DRAINLINE_INGEST__HOLD, and a=b,c=d is a map. Only drains
and rules are left to files. SPLUNK_HEC_URL and SPLUNK_HEC_TOKEN fill destinations.splunk, PORT the
port of ingest.logplex.listen, and DRAINLINE_DRAIN_SECRET is the secret of the drain URL; a variable
that a file uses as ${NAME} is left to that file.

In a string, ${NAME} is replaced from the environment, and $$ is a dollar sign: $${1} reads ${1}. Any
other dollar sign stays as it is, at the end of a regular expression for one. Times are written as
500ms, 4s, 30m or 336h; sizes in bytes or as 64KiB, 8MiB, 4GiB (powers of 1024) or 500kB, 1MB, 4GB
(powers of 1000).`

// Annotated writes a whole configuration file in which every key stands with
// its meaning. Read as it is, it sets nothing.
func Annotated(w io.Writer) error {
	var b bytes.Buffer
	for line := range strings.SplitSeq(preamble, "\n") {
		b.WriteString(strings.TrimRight("## "+line, " ") + "\n")
	}
	for _, k := range keys {
		b.WriteByte('\n')
		annotate(&b, k)
	}
	return writeAll(w, b.Bytes(), "the annotated configuration")
}

func annotate(b *bytes.Buffer, k key) {
	margin := indent(k.path)
	for _, line := range wrap(k.sentences(), lineWidth-len(margin)) {
		fmt.Fprintf(b, "%s## %s\n", margin, line)
	}
	name := exampleName(k.path)
	switch {
	case k.path == appsKey: // it would not go with the keys of this file
		fmt.Fprintf(b, "## %s: %s\n", name, k.example)
	case strings.HasSuffix(k.path, entryMark):
		fmt.Fprintf(b, "%s# -\n", margin)
	case k.isSection() && (strings.Contains(k.path, "*") || strings.Contains(k.path, entryMark)):
		fmt.Fprintf(b, "%s# %s:\n", margin, name)
	case k.isSection():
		fmt.Fprintf(b, "%s%s:\n%s", margin, name, k.entriesInComments())
	case k.showsExample():
		fmt.Fprintf(b, "%s# %s: %s\n", margin, name, k.example)
	default:
		fmt.Fprintf(b, "%s# %s: %s\n", margin, name, k.defaultInYAML())
	}
}

// exampleName is the last part of a path, with an example for a name.
func exampleName(path string) string {
	switch path {
	case destination:
		return "splunk"
	case credentials + ".*":
		return "team_a"
	case tokens + ".*":
		return "web"
	case namedJoin:
		return "shop"
	default:
		return lastSegment(path)
	}
}

// entriesInComments are the examples below the name of a list.
func (k key) entriesInComments() string {
	if k.entries == "" {
		return ""
	}
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.SplitSeq(k.entries, "\n") {
		if line != "" {
			line = indent(k.path) + "  # " + line
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// showsExample tells whether the example stands in place of the default.
func (k key) showsExample() bool { return k.kind.secret || k.required || k.show }

// sentences is the prose of a key outside of a table.
func (k key) sentences() string {
	said := []string{k.doc}
	if !k.isSection() {
		said = append(said, "Must be "+k.kind.rule+".")
	}
	if need := k.need(); need != "" {
		said = append(said, need)
	}
	if k.restart {
		said = append(said, "A change needs a restart.")
	}
	if k.example != "" && !k.showsExample() && k.path != appsKey {
		said = append(said, "Example: "+k.example)
	}
	return strings.Join(said, " ")
}

// defaultInYAML is the default as a file would give it.
func (k key) defaultInYAML() string {
	if value := k.defaultValue(); value != nil {
		return inYAML(value)
	}
	zero, _ := k.kind.parse("")
	return inYAML(zero)
}

func wrap(prose string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(prose) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(lines, line)
}

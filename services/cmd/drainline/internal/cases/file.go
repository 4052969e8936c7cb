// Package cases reads files of test cases, runs them through an operator's
// configuration and says where what comes out is not what was expected.
package cases

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
)

const (
	// maxFile bounds a file, in bytes.
	maxFile = 8 << 20
	// maxCases bounds the cases of a file.
	maxCases = 10_000
)

// File is a file of cases.
type File struct {
	Name string
	// Configs are the configuration files that it names, as they are to be opened; none
	// where it leaves that to the command line.
	Configs []string
	Cases   []Case
}

// Case is one run of requests through the configuration, and what is to come of it.
type Case struct {
	Name string
	// File and Line are where it stands.
	File string
	Line int

	facts    sender.Facts
	received time.Time
	input    []sender.Body
	want     expectation
}

// Read reads a file. The error has everything that is wrong with it, one mistake a
// line, as file:line:column: case: mistake.
func Read(name string) (*File, error) {
	content, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	r := &reader{file: name}
	f := r.readFile(content)
	return f, errors.Join(r.mistakes...)
}

func readBounded(name string) ([]byte, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names the files
	if err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s: must have at most %d MiB", name, maxFile>>20)
	}
	return content, nil
}

func (r *reader) readFile(content []byte) *File {
	root := r.parse(content)
	if root == nil {
		return nil
	}
	keys := r.section(root, "config", "cases")
	f := &File{Name: r.file}
	for _, entry := range r.texts(keys["config"]) {
		if entry != "" && !filepath.IsAbs(entry) {
			entry = filepath.Join(filepath.Dir(r.file), entry)
		}
		f.Configs = append(f.Configs, entry)
	}
	entries := list(keys["cases"])
	if len(entries) == 0 {
		r.mistakef(root, "there are no cases")
	}
	if len(entries) > maxCases {
		r.mistakef(root, "there are more than %d cases", maxCases)
		return nil
	}
	named := map[string]int{}
	for i, entry := range entries {
		c := r.readCase(i, entry)
		if line, taken := named[c.Name]; taken && c.Name != "" {
			r.mistakef(entry, "line %d has a case of that name", line)
		}
		named[c.Name] = c.Line
		f.Cases = append(f.Cases, c)
		r.within = ""
	}
	return f
}

// start is the time of what says no time.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *reader) readCase(i int, n *yaml.Node) Case {
	r.within = nameOf(n, i)
	keys := r.section(n, "name", "drain", "app", "query", "credential", "door", "marks", "received",
		"input", "events", "filtered", "dead")
	c := Case{Name: r.text(keys["name"]), File: r.file, Line: n.Line, received: start}
	switch {
	case keys == nil:
		return c
	case c.Name == "":
		r.mistakef(n, "the case has no name")
	}
	c.facts = sender.Facts{
		Drain: r.text(keys["drain"]), App: r.text(keys["app"]), Query: r.textMap(keys["query"]),
		Credential: r.text(keys["credential"]), Marks: r.texts(keys["marks"]),
	}
	if at := keys["received"]; at != nil {
		c.received = r.time(at)
	}
	for _, entry := range list(keys["input"]) {
		c.input = append(c.input, r.readInput(entry, c.received)...)
	}
	if len(list(keys["input"])) == 0 {
		r.mistakef(n, "the case has no input")
	}
	if len(c.input) > maxInput {
		r.mistakef(n, "the case has more than %d lines and envelopes", maxInput)
	}
	c.facts.Door = r.readDoor(n, keys["door"], c.input)
	c.want = r.readExpectation(n, keys)
	return c
}

// nameOf is how mistakes name a case: by its name, if it has one.
func nameOf(n *yaml.Node, i int) string {
	if n.Kind == yaml.MappingNode {
		for key, value := range pairs(n) {
			if key.Value == "name" && value.Kind == yaml.ScalarNode && value.Value != "" {
				return value.Value
			}
		}
	}
	return fmt.Sprintf("cases[%d]", i)
}

// readDoor is where the input comes in: HEC's own events at the HEC door, lines at the
// Logplex door unless the case says otherwise.
func (r *reader) readDoor(n, said *yaml.Node, inputs []sender.Body) drainlinev1.Door {
	own, lines := false, false
	for _, in := range inputs {
		if in.Encoding == drainlinev1.Encoding_ENCODING_FRAMES {
			lines = true
		} else {
			own = true
		}
	}
	door := ""
	if said != nil {
		door = r.choice(said, "logplex", "hec")
	}
	switch {
	case own && door == "logplex":
		r.mistakef(said, "envelopes and raw bodies come in at the door hec")
	case own && lines && door == "":
		r.mistakef(n, "lines and envelopes of one case come in at one door: say door: hec, or make two cases")
	}
	if own || door == "hec" {
		return drainlinev1.Door_DOOR_HEC
	}
	return drainlinev1.Door_DOOR_LOGPLEX
}

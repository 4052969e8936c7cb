package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/drainline/drainline/config"
)

// reader reads a file of cases and gathers what is wrong with it.
type reader struct {
	file string
	// within names the case in hand, for the mistakes in it.
	within   string
	mistakes []error
}

// maxMistakes is how many are told: a file of something else has many.
const maxMistakes = 20

func (r *reader) mistakef(n *yaml.Node, format string, args ...any) {
	if len(r.mistakes) >= maxMistakes {
		return
	}
	where := r.file
	if n != nil && n.Line > 0 {
		where += fmt.Sprintf(":%d:%d", n.Line, n.Column)
	}
	if r.within != "" {
		where += ": " + strconv.Quote(r.within)
	}
	r.mistakes = append(r.mistakes, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

// parse reads the one document of a file.
func (r *reader) parse(content []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF):
		r.mistakef(nil, "the file is empty")
		return nil
	case err != nil:
		r.invalid(err)
		return nil
	}
	// Into a value it is decoded strictly: keys that come twice and aliases that grow
	// beyond all measure are refused.
	var all any
	if err := document.Decode(&all); err != nil {
		r.invalid(err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		r.mistakef(nil, "the file must hold one YAML document: what follows the second --- would not be read")
		return nil
	}
	return document.Content[0]
}

// unprintable is what must not reach a terminal from the parser's quotations of a file.
var unprintable = regexp.MustCompile(`[^[:print:]]+`)

func (r *reader) invalid(err error) {
	messages := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = several.Errors
	}
	for _, m := range messages {
		r.mistakef(nil, "is not valid YAML: %s", unprintable.ReplaceAllString(m, "?"))
	}
}

// section reads a mapping whose keys are known. It gives the values by key, without
// those that hold nothing.
func (r *reader) section(n *yaml.Node, known ...string) map[string]*yaml.Node {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.mistakef(n, "must have keys with values: %s", strings.Join(known, ", "))
		return nil
	}
	values := make(map[string]*yaml.Node, len(n.Content)/2)
	for key, value := range pairs(n) {
		if !slices.Contains(known, key.Value) {
			r.mistakef(key, "unknown key %q%s", key.Value, config.Nearest(key.Value, known))
			continue
		}
		values[key.Value] = value
	}
	return values
}

// pairs goes through the keys and values of a mapping.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], resolve(n.Content[i+1])) {
				return
			}
		}
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// list gives the entries of a list, and one value as a list of itself. No node and null
// are an empty list.
func list(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil || isNull(n):
		return nil
	case n.Kind != yaml.SequenceNode:
		return []*yaml.Node{n}
	}
	entries := make([]*yaml.Node, len(n.Content))
	for i, entry := range n.Content {
		entries[i] = resolve(entry)
	}
	return entries
}

// text reads a text; what YAML takes for a number or a time is text as it is written.
func (r *reader) text(n *yaml.Node) string {
	switch {
	case n == nil || isNull(n):
		return ""
	case n.Kind != yaml.ScalarNode:
		r.mistakef(n, "must be text")
		return ""
	default:
		return n.Value
	}
}

func (r *reader) texts(n *yaml.Node) []string {
	entries := list(n)
	texts := make([]string, len(entries))
	for i, entry := range entries {
		texts[i] = r.text(entry)
	}
	return texts
}

func (r *reader) textMap(n *yaml.Node) map[string]string {
	if n == nil || isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.mistakef(n, "must have names with values")
		return nil
	}
	texts := make(map[string]string, len(n.Content)/2)
	for key, value := range pairs(n) {
		texts[key.Value] = r.text(value)
	}
	return texts
}

func (r *reader) number(n *yaml.Node, least, most int) int {
	number, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || number < least || number > most {
		r.mistakef(n, "must be a whole number from %d to %d", least, most)
		return least
	}
	return number
}

// choice reads one of some words.
func (r *reader) choice(n *yaml.Node, words ...string) string {
	word := r.text(n)
	if word != "" && !slices.Contains(words, word) {
		r.mistakef(n, "must be %s", strings.Join(words, " or "))
		return ""
	}
	return word
}

// time reads a time, zero for no node.
func (r *reader) time(n *yaml.Node) time.Time {
	if n == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, n.Value)
	if err != nil {
		r.mistakef(n, "must be a time such as 2026-01-31T23:59:00Z")
	}
	return t
}

// data is a value as encoding/json has it, with numbers as they are written.
func (r *reader) data(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		values := make(map[string]any, len(n.Content)/2)
		for key, value := range pairs(n) {
			values[key.Value] = r.data(value)
		}
		return values
	case yaml.SequenceNode:
		values := make([]any, 0, len(n.Content))
		for _, entry := range list(n) {
			values = append(values, r.data(entry))
		}
		return values
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		return r.dataNumber(n)
	default:
		return n.Value
	}
}

// dataNumber is a number in JSON's spelling.
func (r *reader) dataNumber(n *yaml.Node) any {
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value)
	}
	var number float64 // such as 0x1f, 1_000 or +1
	if err := n.Decode(&number); err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		r.mistakef(n, "%s is no number that JSON knows", n.Value)
		return json.Number("0")
	}
	return json.Number(strconv.FormatFloat(number, 'g', -1, 64))
}

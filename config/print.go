package config

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Print writes the effective configuration as YAML. A secret is replaced by a
// placeholder, or left out where the file that holds it is named.
func (c *Config) Print(w io.Writer) error {
	leaves := c.leaves()
	inFile := map[string]bool{}
	for _, l := range leaves {
		if path, ok := strings.CutSuffix(l.path, fileSuffix); ok && l.value != "" {
			inFile[path] = true
		}
	}
	leaves = slices.DeleteFunc(leaves, func(l leaf) bool {
		_, isSecret := l.value.(Secret)
		return isSecret && inFile[l.path]
	})
	var b bytes.Buffer
	printLeaves(&b, leaves)
	return writeAll(w, b.Bytes(), "the configuration")
}

// printLeaves writes keys with their values, and the sections that they are in.
func printLeaves(b *bytes.Buffer, leaves []leaf) {
	section := ""
	for _, l := range leaves {
		section = openSections(b, section, parentOf(l.path))
		value := inYAML(l.value)
		if !strings.HasPrefix(value, "\n") {
			value = " " + value
		}
		fmt.Fprintf(b, "%s%s:%s\n", indent(l.path), lastSegment(l.path), value)
	}
}

// openSections writes the headers of the sections that lead from one section
// to another, and returns the other.
func openSections(b *bytes.Buffer, from, to string) string {
	path := ""
	for segment := range strings.FieldsFuncSeq(to, func(r rune) bool { return r == '.' }) {
		path = join(path, segment)
		if path != from && !strings.HasPrefix(from, path+".") {
			fmt.Fprintf(b, "%s%s:\n", indent(path), segment)
		}
	}
	return to
}

func indent(path string) string {
	return strings.Repeat("  ", strings.Count(path, ".")+strings.Count(path, entryMark))
}

// escape keeps the dollar signs of a value from being taken for variables.
var escape = strings.NewReplacer("$$", "$$$$", "${", "$${")

// inYAML is a value as it stands in a file: on one line, or on some below for a
// list of sections.
func inYAML(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return formatDuration(v)
	case []string:
		list := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range v {
			list.Content = append(list.Content, textNode(s))
		}
		return scalar(&list)
	case map[string]string:
		pairs := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs.Content = append(pairs.Content, nameNode(name), textNode(v[name]))
		}
		return scalar(&pairs)
	case []Redaction:
		list := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, r := range v {
			list.Content = append(list.Content, r.node())
		}
		return scalar(&list)
	case []Drain:
		return entriesInYAML(v)
	case []Rule:
		list := slices.Clone(v)
		for i, r := range v {
			list[i].Apps = r.limitedTo()
		}
		return entriesInYAML(list)
	case Secret:
		return scalar(v.String())
	case string:
		return scalar(textNode(v))
	case time.Time:
		return timeInYAML(v)
	default:
		return fmt.Sprint(v)
	}
}

// textNode stays on one line, whatever the text.
func textNode(s string) *yaml.Node {
	node := nameNode(escape.Replace(s))
	if strings.Contains(s, "\n") {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// nameNode is the name of a pair, in which nothing is taken from the environment.
func nameNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// entriesInYAML leaves out what entries do not set.
func entriesInYAML[T any](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	var all strings.Builder
	for _, entry := range list {
		var b bytes.Buffer
		printLeaves(&b, slices.DeleteFunc(leavesOf("", reflect.ValueOf(entry)), func(l leaf) bool { return isEmpty(l.value) }))
		mark := "\n  - "
		for line := range strings.Lines(b.String()) {
			all.WriteString(mark + strings.TrimSuffix(line, "\n"))
			mark = "\n    "
		}
	}
	return all.String()
}

func isEmpty(value any) bool {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

func timeInYAML(t time.Time) string {
	if t.IsZero() {
		return `""`
	}
	return t.Format(time.RFC3339Nano)
}

func scalar(value any) string {
	out, err := yaml.Marshal(value)
	if err != nil { // text has a form in YAML, whatever it holds
		return ""
	}
	return strings.TrimSuffix(string(out), "\n")
}

func writeAll(w io.Writer, content []byte, what string) error {
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

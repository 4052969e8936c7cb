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
	var b bytes.Buffer
	section := ""
	for _, l := range leaves {
		if _, isSecret := l.value.(Secret); isSecret && inFile[l.path] {
			continue
		}
		section = openSections(&b, section, parentOf(l.path))
		value := inYAML(l.value)
		if !strings.HasPrefix(value, "\n") {
			value = " " + value
		}
		fmt.Fprintf(&b, "%s%s:%s\n", indent(l.path), lastSegment(l.path), value)
	}
	return writeAll(w, b.Bytes(), "the configuration")
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
			pairs.Content = append(pairs.Content, textNode(name), textNode(v[name]))
		}
		return scalar(&pairs)
	case []Drain:
		return drainsInYAML(v)
	case Secret:
		return scalar(v.String())
	case string:
		return scalar(escape.Replace(v))
	case time.Time:
		return timeInYAML(v)
	default:
		return fmt.Sprint(v)
	}
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: escape.Replace(s)}
}

// drainsInYAML leaves out what entries do not set.
func drainsInYAML(list []Drain) string {
	if len(list) == 0 {
		return "[]"
	}
	var b strings.Builder
	for _, d := range list {
		mark := "\n  - "
		for _, l := range leavesOf("", reflect.ValueOf(d)) {
			if !reflect.ValueOf(l.value).IsZero() {
				b.WriteString(mark + l.path + ": " + inYAML(l.value))
				mark = "\n    "
			}
		}
	}
	return b.String()
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

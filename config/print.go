package config

import (
	"bytes"
	"fmt"
	"io"
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
		fmt.Fprintf(&b, "%s%s: %s\n", indent(l.path), lastSegment(l.path), inYAML(l.value))
	}
	return writeAll(w, b.Bytes(), "the configuration")
}

// openSections writes the headers of the sections that lead from one section
// to another, and returns the other.
func openSections(b *bytes.Buffer, from, to string) string {
	path := ""
	for segment := range strings.SplitSeq(to, ".") {
		path = join(path, segment)
		if path != from && !strings.HasPrefix(from, path+".") {
			fmt.Fprintf(b, "%s%s:\n", indent(path), segment)
		}
	}
	return to
}

func indent(path string) string { return strings.Repeat("  ", strings.Count(path, ".")) }

// inYAML is a value as it stands in a file, on one line.
func inYAML(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return formatDuration(v)
	case []string:
		list := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range v {
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s})
		}
		return scalar(&list)
	case Secret, string:
		return scalar(fmt.Sprint(v))
	default:
		return fmt.Sprint(v)
	}
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

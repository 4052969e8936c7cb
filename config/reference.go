package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Reference writes all keys as Markdown: a table for each section, with what a
// value must be, its default, its meaning and its name in the environment.
func Reference(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# Configuration reference\n")
	table(&b, "")
	for _, k := range keys {
		if k.isSection() {
			fmt.Fprintf(&b, "\n## `%s`\n\n%s\n", readable(k.path), k.doc)
			if k.entries != "" {
				fmt.Fprintf(&b, "\n```yaml\n%s:\n%s\n```\n", k.path, k.entries)
			}
			table(&b, k.path)
		}
	}
	b.WriteString("\n## Other names in the environment\n\n| Name | Sets | Meaning |\n|---|---|---|\n")
	for _, e := range established {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", e.name, e.path, e.doc)
	}
	return writeAll(w, b.Bytes(), "the reference")
}

// table writes the keys of a section, without those of the sections in it.
func table(b *bytes.Buffer, section string) {
	empty := true
	for _, k := range keys {
		if k.isSection() || parentOf(k.path) != section {
			continue
		}
		if empty {
			b.WriteString("\n| Key | Must be | Default | Meaning | Environment |\n|---|---|---|---|---|\n")
			empty = false
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n",
			readable(k.path), k.kind.rule, code(k.referenceDefault()), k.referenceDoc(), code(k.referenceEnv()))
	}
}

func readable(path string) string { return strings.ReplaceAll(path, "*", "<name>") }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func (k key) referenceDefault() string {
	if k.required || k.kind.secret || k.path == appsKey { // a file without apps is not limited to none
		return ""
	}
	return k.defaultInYAML()
}

func (k key) referenceDoc() string {
	doc := k.doc
	if need := k.need(); need != "" {
		doc += " " + need
	}
	if needsRestart(k.path) {
		doc += " A change needs a restart."
	}
	if k.example != "" {
		doc += " Example: `" + k.example + "`"
	}
	return doc
}

func (k key) referenceEnv() string {
	if k.path == versionKey || k.path == includeKey || k.path == appsKey || isList(k.path) || inList(k.path) {
		return ""
	}
	return envName(k.path)
}

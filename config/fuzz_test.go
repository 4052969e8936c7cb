package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
)

// FuzzLoad holds every file to one of two ends: a configuration that can be
// printed and loaded again, or problems of one line each.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(seeds, annotatedFile) {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, text := range []string{
		"", "---\n", "a: &a [*a]\n", "? {a: b}\n: c\n", "<<: {ingest: {hold: 1s}}\n", "destinations: {~: {}, 1: {}, true: {}}\n",
		"ingest: {hold: 2001-01-01}\nbus: {replicas: 0x3, url: !!binary aGVsbG8=}\n", "\xff\xfe", "include: ['*']\n", "1: 2\n",
		"destinations: {a: {urls: [https://a], token: b}}\ningest: {logplex: {credentials: {c: {secret: d}}}}\n",
		everyDrainKeyFile, everyRuleKeyFile, everyDestinationKeyFile,
		"apps: [a]\nrules: [{name: a, when: \"a\\n  b\\n\", drop: true, redact: [{pattern: '$$$${$', with: ''}]}]\n",
		"rules: [{name: ' ', set: {host: \"\\n\", message: ' a: b '}, fields: {add: {a: '- #'}, remove: ['*', '~'], rename: {'? a': b}}}]\n",
		"joins: {a: {start: '', continuation: '^$$'}}\ndestinations: {a: {urls: [https://a], token: b, when: |\n a\n b\n}}\n", "drains: [{token: '$$$$${', fields: {a: '$${HOME}$$', 1: b}}, {token: '- #', source: 'a: {b, [c'}]\n",
		"drains: [{token: a, from: 0000-01-01, until: 9999-12-31T23:59:59.999999999-14:00}]\nbus: {embedded: {dir: '$${x} $$$ $'}}\n",
		"ingest: {hec: {tokens: {a: {token: b, fields: {a: 'null', b: ' ', c: '1e3'}, allow: [::1, 10.1.1.1/8], host: '~'}}}}\n",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(dir, "drainline.yaml")
		if bytes.Contains(content, []byte("_file")) || bytes.Contains(content, []byte("include")) {
			return // what it finds depends on the machine
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Loader{Files: []string{file}}.Load()
		var problems *config.Error
		switch {
		case errors.As(err, &problems):
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(problems.Problems) {
				t.Errorf("%d problems in %d lines: %q", len(problems.Problems), len(lines), lines)
			}
		case err != nil:
			t.Errorf("an error without problems: %v", err)
		default:
			loadPrinted(t, c, file)
		}
	})
}

func loadPrinted(t *testing.T, c *config.Config, file string) {
	t.Helper()
	var printed, again bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(printed.String(), "\n    proxy: '[redacted]'\n", "\n    proxy: none\n")
	for n := 0; strings.Contains(text, "'[redacted]'"); n++ { // which no secret may be
		text = strings.Replace(text, "'[redacted]'", fmt.Sprintf("secret-of-this-test-%d", n), 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Loader{Files: []string{file}}.Load()
	if err != nil {
		t.Fatalf("what is printed does not load: %v\n%s", err, text)
	}
	if err := c.Print(&again); err != nil {
		t.Fatal(err)
	}
	if again.String() != printed.String() {
		t.Errorf("printed\n%s\nand loaded\n%s", printed.String(), again.String())
	}
}

package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example is a line in the comments of a file of rules, and what becomes of it.
var example = regexp.MustCompile(`(?m)^# (\S+: .*)\n#   → (.*)$`)

// The README has all examples, and they are true.
func TestExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), "```yaml\n"+string(text)+"```\n") {
			t.Errorf("%s is not in the README", file)
		}
		lines := example.FindAllStringSubmatch(string(text), -1)
		if len(lines) == 0 {
			t.Errorf("%s has no lines", file)
		}
		for _, line := range lines {
			if got := newTrial(t, string(text)).run(input(t, line[1])); got != line[2] {
				t.Errorf("%s: %s\n  got  %s\n  want %s", file, line[1], got, line[2])
			}
		}
	}
}

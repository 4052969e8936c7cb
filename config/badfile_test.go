package config_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

const badFiles = "testdata/bad/"

// Every file in testdata/bad begins with the problems that it has, one comment
// line each. To add a case, add a file.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(badFiles + "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in %s: %v", badFiles, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			loaded, err := config.Loader{Files: []string{name}}.Load()
			if loaded != nil {
				t.Error("a configuration came with the error")
			}
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("no problems, but %v", err)
			}
			got := strings.ReplaceAll(err.Error(), badFiles, "")
			if diff := cmp.Diff(comments(t, name), strings.Split(got, "\n")); diff != "" {
				t.Errorf("problems (- as the file says, + found):\n%s", diff)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is printed")
			}
		})
	}
}

// comments returns the comment lines that a file begins with.
func comments(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for scan := bufio.NewScanner(strings.NewReader(string(content))); scan.Scan(); {
		line, ok := strings.CutPrefix(scan.Text(), "# ")
		if !ok {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

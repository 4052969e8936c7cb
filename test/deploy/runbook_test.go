package deploy

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the runbook says to type can be typed.
func TestRunbookCommands(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "drainline")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/drainline/drainline/services/cmd/drainline")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commands := regexp.MustCompile("(?m)(?:^|`)drainline ([a-z][^`\n#|]*)").FindAllStringSubmatch(read(t, runbookFile), -1)
	if len(commands) == 0 {
		t.Fatalf("no command in %s", runbookFile)
	}
	for _, c := range commands {
		words := strings.Fields(c[1])
		path, flags := words, []string(nil)
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") }); i >= 0 {
			path, flags = words[:i], words[i:]
		}
		// What follows a command may be an argument of it: the longest path that is one counts.
		var help string
		for n := min(len(path), 2); n > 0; n-- {
			out, err := exec.CommandContext(t.Context(), program, append(slices.Clone(path[:n]), "--help")...).Output()
			if err == nil && strings.Contains(string(out), "drainline "+strings.Join(path[:n], " ")+" ") {
				help = string(out)
				break
			}
		}
		if help == "" || strings.Contains(help, "Available Commands:") {
			t.Errorf("there is no command %q", c[1])
			continue
		}
		for _, f := range flags {
			name, _, _ := strings.Cut(f, "=")
			if strings.HasPrefix(f, "-") && !regexp.MustCompile(`(?m)^\s+(-\w, )?`+regexp.QuoteMeta(name)+`\b|^\s+`+regexp.QuoteMeta(name)+`,`).MatchString(help) {
				t.Errorf("%q: there is no flag %s", c[1], name)
			}
		}
	}
}

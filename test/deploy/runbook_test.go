package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the pages say to type can be typed.
func TestCommandsOfPages(t *testing.T) {
	t.Parallel()
	drainline := program(t, "drainline")
	for _, page := range []string{
		runbookFile, "../../deploy/MIGRATE.md", "../../deploy/CAPACITY.md", "../../deploy/splunk/README.md", "../../SECURITY.md",
		"../../deploy/UPGRADE.md", "../../deploy/BACKUP.md", "../../deploy/nats/README.md", "../../deploy/systemd/README.md", "../../deploy/helm/README.md",
		"../../deploy/heroku/README.md", "../../deploy/compose/README.md",
	} {
		commands := regexp.MustCompile("(?m)(?:^|`|[|] )drainline ([a-z][^`\n#|]*)").FindAllStringSubmatch(read(t, page), -1)
		if len(commands) == 0 {
			t.Errorf("no command in %s", page)
		}
		checkCommands(t, drainline, commands)
	}
}

// The configurations that the page on moving here shows are good, but for secrets.
func TestConfigurationsOfMigrate(t *testing.T) {
	t.Parallel()
	drainline := program(t, "drainline")
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "../../deploy/MIGRATE.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("there is none")
	}
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "drainline.yaml")
		if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), drainline, "config", "check", "--offline", "--config", file).CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, out, block[1])
		}
	}
}

// checkCommands looks for commands, the rest of a line each, and their flags in the program's help.
func checkCommands(t *testing.T, drainline string, commands [][]string) {
	t.Helper()
	for _, c := range commands {
		words := strings.Fields(c[1])
		path, flags := words, []string(nil)
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") }); i >= 0 {
			path, flags = words[:i], words[i:]
		}
		// What follows a command may be an argument of it: the longest path that is one counts.
		var help string
		for n := min(len(path), 2); n > 0; n-- {
			out, err := exec.CommandContext(t.Context(), drainline, append(slices.Clone(path[:n]), "--help")...).Output()
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

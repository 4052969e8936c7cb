package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// every is each command that is shown.
func every(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			list = append(append(list, c), every(c)...)
		}
	}
	return list
}

// Each command says what it is for, and shows how: with its own flags and arguments.
func TestHelp(t *testing.T) {
	t.Parallel()
	commands := every(rootCommand())
	if len(commands) < 15 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, c := range commands {
		if c.Short == "" || !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			tryExample(t, strings.TrimSpace(line))
		}
	}
}

func tryExample(t *testing.T, line string) {
	t.Helper()
	_, command, found := strings.Cut(" "+strings.ReplaceAll(line, "<(", "( "), " drainline ")
	if !found {
		return // of another program, or a comment
	}
	var args []string
	for word := range strings.FieldsSeq(command) {
		if strings.HasPrefix(word, "|") || strings.HasPrefix(word, ">") || strings.HasPrefix(word, "#") || word == "&" || word == "&&" {
			break
		}
		args = append(args, strings.Trim(word, `'");`))
	}
	cmd, rest, err := rootCommand().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || !cmd.Runnable() {
		t.Errorf("the example %q: %v", line, err)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shell string
		want  string
	}{
		{"bash", "__start_drainline"},
		{"zsh", "#compdef drainline"},
		{"fish", "complete -c drainline"},
	} {
		script, err := runRoot(t, "completion", c.shell)
		if err != nil || !strings.Contains(script, c.want) {
			t.Errorf("%s: %v, %.200s", c.shell, err, script)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "powershell"}, {"completion", "bash", "zsh"}} {
		_, err := runRoot(t, args...)
		if _, usage := errors.AsType[*app.UsageError](err); !usage {
			t.Errorf("%v: %v is no mistake in how it is called", args, err)
		}
	}
}

// Bash can read the script, and the program completes what is typed.
func TestCompletionCompletes(t *testing.T) {
	t.Parallel()
	script, err := runRoot(t, "completion", "bash")
	if err != nil {
		t.Fatal(err)
	}
	bash := exec.CommandContext(t.Context(), "bash", "-n")
	bash.Stdin = strings.NewReader(script)
	if said, err := bash.CombinedOutput(); err != nil {
		t.Errorf("bash: %v: %s", err, said)
	}
	for _, c := range []struct {
		typed []string
		want  string
	}{
		{[]string{"to"}, "top\t"},
		{[]string{"completion", "z"}, "zsh\n"},
		{[]string{"top", "--on"}, "--once\t"},
	} {
		out, err := runRoot(t, append([]string{"__complete"}, c.typed...)...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%v: %v, completed to %q", c.typed, err, out)
		}
	}
}

func runRoot(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := rootCommand()
	root.SilenceErrors, root.SilenceUsage = true, true // as app.Main does
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

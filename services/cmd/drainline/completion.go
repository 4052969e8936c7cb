package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print what makes a shell complete commands and flags",
		Long: `Print the script by which a shell completes Drainline's commands and flags at the tab
key. Load it in the present shell, or put it where the shell looks for such scripts.`,
		Example: `  source <(drainline completion bash)
  drainline completion zsh > "${fpath[1]}/_drainline"
  drainline completion fish > ~/.config/fish/completions/drainline.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args: func(cmd *cobra.Command, args []string) error {
			if cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)(cmd, args) != nil {
				return &app.UsageError{Err: fmt.Errorf("completion %q: want bash, zsh or fish", args)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			default:
				return root.GenBashCompletionV2(out, true)
			}
		},
	}
}

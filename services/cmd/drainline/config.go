package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/transform"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check, print or explain the configuration", Example: "  drainline config check --config drainline.yaml",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(configCheckCommand(), configPrintCommand(), configReferenceCommand())
	return cmd
}

func configCheckCommand() *cobra.Command {
	var (
		flags   app.Flags
		offline bool
	)
	cmd := &cobra.Command{
		Use: "check", Short: "Check the configuration and say what is wrong with it", Args: cobra.NoArgs,
		Long: `Check the configuration and say what is wrong with it: first all mistakes of its keys and
values; when there are none, all mistakes of rules, the conditions of destinations and
joined lines. With --offline it needs no secrets and comes to the same everywhere: a
placeholder stands for them, also for a redaction.key that is set, SPLUNK_HEC_URL and its
like are not looked at, and certificates are not read.`,
		Example: "  drainline config check --config drainline.yaml\n  drainline config check --offline --config drainline.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loader, err := flags.Loader()
			if err != nil {
				return err
			}
			loader.Offline = offline
			c, err := loadRules(loader)
			if err != nil {
				return err
			}
			if offline {
				fmt.Fprintln(cmd.OutOrStdout(), "configuration is good, as far as can be told without secrets")
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "configuration is good, sha %s\n", c.SHA())
			return nil
		},
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&offline, "offline", false, "do without secrets and files of secrets and certificates")
	return cmd
}

func configPrintCommand() *cobra.Command {
	var flags app.Flags
	cmd := &cobra.Command{
		Use: "print", Short: "Print the effective configuration, without secrets", Args: cobra.NoArgs,
		Example: "  drainline config print --config drainline.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loader, err := flags.Loader()
			if err != nil {
				return err
			}
			c, err := loaded(loader)
			if err != nil {
				return err
			}
			return c.Print(cmd.OutOrStdout())
		},
	}
	flags.Add(cmd)
	return cmd
}

func configReferenceCommand() *cobra.Command {
	var annotated bool
	cmd := &cobra.Command{
		Use: "reference", Short: "Print every key with its type, default and meaning", Args: cobra.NoArgs,
		Example: "  drainline config reference\n  drainline config reference --yaml > drainline.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if annotated {
				return config.Annotated(cmd.OutOrStdout())
			}
			return config.Reference(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&annotated, "yaml", false, "as an annotated file to start from")
	return cmd
}

func loaded(loader config.Loader) (*config.Config, error) {
	c, err := loader.Load()
	if err != nil {
		return nil, &app.UsageError{Err: err}
	}
	return c, nil
}

// loadRules loads a configuration with everything in it compiled. Whoever checks rules may
// not be who runs them, and ingest alone needs no destination: where there is none, rules
// are checked with the one that SPLUNK_HEC_URL makes.
func loadRules(loader config.Loader) (*config.Config, error) {
	c, err := loader.Load()
	if err == nil {
		err = transform.Check(withDestination(c))
	}
	if err != nil {
		return nil, &app.UsageError{Err: err}
	}
	return c, nil
}

func withDestination(c *config.Config) *config.Config {
	if len(c.Destinations) > 0 {
		return c
	}
	with := *c
	with.Destinations = map[string]config.Destination{"splunk": {}}
	return &with
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/cmd/drainline/internal/doctor"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
)

func doctorCommand() *cobra.Command {
	var (
		flags  app.Flags
		o      doctor.Options
		output string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that Drainline needs, and say how to mend it",
		Long: `Check everything that Drainline needs, and say how to mend it: the configuration with its
rules; of each destination the name, port, certificates, health and token, by the proxy
and TLS settings that shipper uses; the NATS server, its streams and what the user may do
there; the disks that are written to; the clock. It works whether Drainline runs or not,
and changes nothing: only --send sends an event to each URL, with the sourcetype
drainline:doctor. Exits with 1 when something has failed.`,
		Example: `  drainline doctor --config drainline.yaml
  drainline doctor --send -o json
  drainline doctor --as shipper --set bus.nkey_file=keys/shipper.nk`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if o.As != "" && !slices.Contains(doctor.Users(), o.As) {
				return &app.UsageError{Err: fmt.Errorf("--as %s: want one of %s", o.As, strings.Join(doctor.Users(), ", "))}
			}
			loader, err := flags.Loader()
			if err != nil {
				return err
			}
			if o.Config, err = loadRules(loader); err != nil {
				return err
			}
			o.Version = app.Build()
			o.Dial = func(ctx context.Context) (*bus.Conn, error) {
				return dialBusAs(ctx, o.Config, cmp.Or(o.As, bus.Operator))
			}
			return printReport(cmd, doctor.Run(cmd.Context(), o), output)
		},
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&o.Send, "send", false, "send a test event to each URL of each destination")
	cmd.Flags().StringVar(&o.As, "as", "", "look at the bus with the eyes of one `user`: ingest, transform, shipper or operator")
	addOutput(cmd, &output)
	return cmd
}

// printReport prints, and fails when something has.
func printReport(cmd *cobra.Command, r *doctor.Report, output string) error {
	if output == outputJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("printing the report: %w", err)
		}
	} else if err := r.Print(cmd.OutOrStdout()); err != nil {
		return err
	}
	if r.Failed > 0 {
		return fmt.Errorf("%d of %d checks have failed", r.Failed, r.Checks)
	}
	return nil
}

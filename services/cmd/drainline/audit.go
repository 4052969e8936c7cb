package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/display"
)

// auditSince is how far back the list goes where nothing is said.
const auditSince = 7 * 24 * time.Hour

// deed is a record as -o json prints it.
type deed struct {
	At            time.Time `json:"at"`
	Action        string    `json:"action"`
	User          string    `json:"user"`
	Operator      string    `json:"operator"`
	Filter        string    `json:"filter"`
	Count         int64     `json:"count"`
	Configuration string    `json:"configuration_sha"`
	Error         string    `json:"error,omitempty"`
}

func auditCommand() *cobra.Command {
	var (
		flags  app.Flags
		since  time.Duration
		output string
	)
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List what operators did",
		Long: `List what was done to data and streams, oldest first: who listened with tap, what was
shown, replayed and purged of the dead letters, streams applied, configurations reloaded.
Each has the NATS user, who ran it where, what it was limited to, how much it concerned,
and the configuration that was in force. Records are kept for 90 days.`,
		Example: "  drainline audit\n  drainline audit --since 24h -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if since < 0 {
				return &app.UsageError{Err: errors.New("--since is not negative")}
			}
			c, err := loadBus(&flags)
			if err != nil {
				return err
			}
			conn, err := dialBus(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer conn.Close()
			from := time.Now().Add(-since)
			if output == outputJSON {
				lines := json.NewEncoder(cmd.OutOrStdout())
				return audit.Read(cmd.Context(), conn, from, func(r *drainlinev1.AuditRecord) error {
					return lines.Encode(newDeed(r))
				})
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "AT\tACTION\tBY\tCOUNT\tCONFIGURATION\tFILTER")
			err = audit.Read(cmd.Context(), conn, from, func(r *drainlinev1.AuditRecord) error {
				newDeed(r).row(table)
				return nil
			})
			if flushErr := table.Flush(); err == nil && flushErr != nil {
				err = fmt.Errorf("output: %w", flushErr)
			}
			return err
		},
	}
	flags.Add(cmd)
	cmd.Flags().DurationVar(&since, "since", auditSince, "how far back to go")
	addOutput(cmd, &output)
	return cmd
}

func newDeed(r *drainlinev1.AuditRecord) deed {
	return deed{
		At: time.Unix(0, r.GetAtNs()).UTC(), Action: r.GetAction(), User: r.GetUser(), Operator: r.GetOperator(),
		Filter: r.GetFilter(), Count: r.GetCount(), Configuration: r.GetConfiguration(), Error: r.GetError(),
	}
}

// shortSHA is enough of a configuration's SHA to tell two apart, in characters.
const shortSHA = 8

func (d deed) row(w *tabwriter.Writer) {
	who := d.Operator
	if d.User != "" {
		who += " as " + d.User
	}
	what := cmp.Or(d.Filter, "-")
	if d.Error != "" {
		what += " failed: " + d.Error
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", d.At.Format(time.RFC3339), display.Cut(d.Action, 40), display.Cut(who, 80), d.Count,
		display.Text(d.Configuration[:min(len(d.Configuration), shortSHA)]), display.Cut(what, 200))
}

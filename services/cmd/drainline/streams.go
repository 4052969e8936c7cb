package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/keys"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	// streamsPatience is for everything that is asked of the bus.
	streamsPatience = time.Minute
	// capacityWait is how long `drainline run` has to say what it may store.
	capacityWait = 2 * time.Second
)

func streamsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "streams", Short: "Compare the streams on the bus with the configuration, apply that, and say who may do what",
		Example: "  drainline streams show\n  drainline streams apply --dry-run",
		Args:    cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(streamsShowCommand(), streamsApplyCommand(), streamsPermissionsCommand())
	return cmd
}

func streamsShowCommand() *cobra.Command {
	var s streamsRun
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show how the streams differ from the configuration",
		Long: `Show what is missing on the bus, what is set otherwise than the configuration says, and
which streams are not in it any more (orphans). Nothing is changed.`,
		Example: "  drainline streams show --config drainline.yaml\n  drainline streams show -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd, func(context.Context, *streamsReport) error { return nil })
		},
	}
	s.add(cmd)
	return cmd
}

func streamsApplyCommand() *cobra.Command {
	var (
		s   streamsRun
		dry bool
	)
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the streams as the configuration says",
		Long: `Create the streams and consumers that are missing and change what is set otherwise than the
configuration says. What else was set on them (where they are placed, their description)
stays. Nothing is ever deleted: what JetStream refuses to change is told, and so are
streams that are not in the configuration any more. "drainline run" does this by itself
for the server inside it. The NATS user needs leave to administer JetStream; services do not.`,
		Example: "  drainline streams apply --dry-run --config drainline.yaml\n  drainline streams apply --set bus.nkey_file=keys/admin.nk",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd, func(ctx context.Context, r *streamsReport) error {
				if dry {
					r.note = "Nothing was changed."
					return nil
				}
				return s.apply(ctx, r)
			})
		},
	}
	s.add(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be done")
	return cmd
}

func streamsPermissionsCommand() *cobra.Command {
	var flags app.Flags
	cmd := &cobra.Command{
		Use:   "permissions",
		Short: "Print what the users of a NATS server need to be allowed",
		Long: `Print the users of a NATS server with the subjects that each needs by the configuration: its
prefix, shards, destinations, and whether a HEC token has "ack: true". It is for an account of
the server's configuration; the users' public keys are in keys.conf, by "drainline keys". When
one of these changes, give the server the new permissions first, then run "drainline streams
apply", then have the services load the configuration. Secrets need not be there.`,
		Example: "  drainline streams permissions --config drainline.yaml > users.conf",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loader, err := flags.Loader()
			if err != nil {
				return err
			}
			loader.Offline = true
			c, err := loaded(loader)
			if err != nil {
				return err
			}
			return keys.PrintUsers(cmd.OutOrStdout(), topology.Users(c))
		},
	}
	flags.Add(cmd)
	return cmd
}

// streamsRun is one run of a command about streams.
type streamsRun struct {
	flags  app.Flags
	output string
	config *config.Config
	conn   *bus.Conn
	plan   topology.Plan
}

// streamsReport is what it prints.
type streamsReport struct {
	Differences []topology.Difference `json:"differences"`
	Orphans     []topology.Holding    `json:"orphans"`
	// Applied are the streams that were made or changed.
	Applied []string `json:"applied"`

	note string
}

func (s *streamsRun) add(cmd *cobra.Command) {
	s.flags.Add(cmd)
	addOutput(cmd, &s.output)
}

// run compares, has something done about it, and prints both.
func (s *streamsRun) run(cmd *cobra.Command, do func(context.Context, *streamsReport) error) (err error) {
	if err := checkOutput(s.output); err != nil {
		return err
	}
	if s.config, err = loadBus(&s.flags); err != nil {
		return err
	}
	if s.conn, err = dialBus(cmd.Context(), s.config); err != nil {
		return err
	}
	defer s.conn.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), streamsPatience)
	defer cancel()
	capacity, err := s.capacity(ctx)
	if err != nil {
		return err
	}
	s.plan = topology.New(s.config, capacity)
	r := &streamsReport{Differences: []topology.Difference{}, Orphans: []topology.Holding{}, Applied: []string{}}
	differences, err := s.plan.Compare(ctx, s.conn)
	if err != nil {
		return err
	}
	orphans, err := s.plan.Orphans(ctx, s.conn)
	if err != nil {
		return err
	}
	r.Differences, r.Orphans = append(r.Differences, differences...), append(r.Orphans, orphans...)
	failed := do(ctx, r)
	return errors.Join(r.print(cmd.OutOrStdout(), s.output), failed)
}

// capacity is what the server inside `drainline run` may store, by which it plans its
// streams; 0 for any other server.
func (s *streamsRun) capacity(ctx context.Context) (int64, error) {
	if s.config.Bus.URL != "" {
		return 0, nil
	}
	answers, err := s.conn.Ask(ctx, capacityWait)
	if err != nil {
		return 0, err
	}
	for _, a := range answers {
		var status app.Status
		var capacity int64
		if a.Err == nil && json.Unmarshal(a.Content, &status) == nil && json.Unmarshal(status.Facts[app.FactCapacity], &capacity) == nil && capacity > 0 {
			return capacity, nil
		}
	}
	return 0, errors.New("`drainline run` does not say how large its streams are to be: try again when it has started")
}

// apply applies all that can be, and leaves a record. What JetStream would refuse is left
// as it is, with all that differs in the same stream.
func (s *streamsRun) apply(ctx context.Context, r *streamsReport) error {
	fixed := 0
	var apply topology.Plan
	for _, stream := range s.plan.Streams {
		name := stream.Config.Name
		differs := func(immutable bool) bool {
			return slices.ContainsFunc(r.Differences, func(d topology.Difference) bool {
				return d.Stream == name && (d.Immutable || !immutable)
			})
		}
		switch {
		case differs(true):
			fixed++
		case differs(false):
			apply.Streams = append(apply.Streams, stream)
			r.Applied = append(r.Applied, name)
		}
	}
	err := apply.Apply(ctx, s.conn)
	if err != nil {
		r.Applied = []string{} // which of them is told by the next show
	} else if fixed > 0 {
		err = fmt.Errorf("%d streams cannot be changed as they are, see above", fixed)
	}
	return errors.Join(err, audit.Record(ctx, s.conn, audit.Deed{
		Action: audit.ActionApply, Count: len(r.Applied), Configuration: s.config.SHA(), Err: err,
	}))
}

func (r *streamsReport) print(w io.Writer, output string) error {
	if output == outputJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("printing the streams: %w", err)
		}
		return nil
	}
	if len(r.Differences) == 0 {
		fmt.Fprintln(w, "The streams are as the configuration says.")
	}
	for _, d := range r.Differences {
		fmt.Fprintln(w, display.Text(d.String()))
		if d.Immutable {
			fmt.Fprintln(w, "  JetStream cannot change that: "+display.Text(d.Repair()))
		}
	}
	for _, o := range r.Orphans {
		fmt.Fprintf(w, "%s is not in the configuration and holds %d messages, %s: it is left alone\n",
			display.Text(o.Name), o.Messages, display.Bytes(int64(o.Bytes)))
	}
	for _, name := range r.Applied {
		fmt.Fprintln(w, "applied "+display.Text(name))
	}
	if r.note != "" {
		fmt.Fprintln(w, r.note)
	}
	return nil
}

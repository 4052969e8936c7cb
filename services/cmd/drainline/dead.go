package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/view"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
)

func deadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List, show, replay and purge dead letters",
		Long: `Dead letters are what could not be carried on, kept with the reason: lines that are none,
events that Splunk refuses, messages that are damaged. They stay for bus.dead.max_age, or
until they are replayed or purged.`,
		Example: "  drainline dead list\n  drainline dead show --reason hec_7\n  drainline dead replay --reason hec_7 --set index=main\n  drainline dead purge --until 24h --yes",
	}
	cmd.Args, cmd.RunE = cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(deadListCommand(), deadShowCommand(), deadReplayCommand(), deadPurgeCommand())
	return cmd
}

// deadFlags are the flags that all of dead's commands have.
type deadFlags struct {
	app.Flags

	search       view.Search
	since, until time.Duration
	limit        int
	output       string
}

func (f *deadFlags) declare(cmd *cobra.Command, limit int) {
	f.Add(cmd)
	cmd.Flags().StringVar(&f.search.Stage, "stage", "", "only letters of this `stage`: ingest, transform or shipper")
	cmd.Flags().StringVar(&f.search.Reason, "reason", "", "only letters with this `code`, as dead list has it")
	cmd.Flags().StringVar(&f.search.Destination, "destination", "", "only letters for this `name`")
	cmd.Flags().StringVar(&f.search.App, "app", "", "only letters with an event of this `app`")
	cmd.Flags().DurationVar(&f.since, "since", 0, "only letters of this last `time`; 0 for all")
	cmd.Flags().DurationVar(&f.until, "until", 0, "only letters that are older than this `time`; 0 for all")
	cmd.Flags().IntVar(&f.limit, "limit", limit, "so many letters at most, the oldest; 0 for all")
	addOutput(cmd, &f.output)
}

// graveyard is the dead letters of a bus, open for one command.
type graveyard struct {
	conn   *bus.Conn
	config *config.Config
	reader *view.Reader
	search view.Search
	limit  int
	// unknown are the ids that were asked for and not found.
	unknown map[string]bool
}

// open reads the flags and connects. Close the connection.
func (f *deadFlags) open(cmd *cobra.Command, ids []string) (*graveyard, error) {
	g, err := f.read(ids)
	if err != nil {
		return nil, err
	}
	return g, g.dial(cmd.Context())
}

// read reads the flags and the configuration.
func (f *deadFlags) read(ids []string) (*graveyard, error) {
	if err := checkOutput(f.output); err != nil {
		return nil, err
	}
	if f.limit < 0 || f.since < 0 || f.until < 0 {
		return nil, &app.UsageError{Err: errors.New("--limit, --since and --until are not negative")}
	}
	f.search.IDs = make([]string, len(ids))
	for i, id := range ids {
		f.search.IDs[i] = strings.ToLower(id)
	}
	now := time.Now()
	if f.since > 0 {
		f.search.Since = now.Add(-f.since)
	}
	if f.until > 0 {
		f.search.Until = now.Add(-f.until)
	}
	if err := f.search.Check(); err != nil {
		return nil, &app.UsageError{Err: err}
	}
	c, err := loadBus(&f.Flags)
	if err != nil {
		return nil, err
	}
	reader, err := view.NewReader(c)
	if err != nil {
		return nil, &app.UsageError{Err: err}
	}
	return &graveyard{config: c, reader: reader, search: f.search, limit: f.limit}, nil
}

// dial connects. Close the connection.
func (g *graveyard) dial(ctx context.Context) error {
	var err error
	g.conn, err = dialBus(ctx, g.config)
	return err
}

// missing says which of the letters that were asked for by their ids are not there, after
// each.
func (g *graveyard) missing() error {
	if len(g.unknown) == 0 {
		return nil
	}
	return fmt.Errorf("there is no such letter: %s", strings.Join(slices.Sorted(maps.Keys(g.unknown)), ", "))
}

// each calls f with the letters that are meant, at most as many as the limit says. Ctrl-C
// ends it between two letters.
func (g *graveyard) each(cmd *cobra.Command, f func(*view.Found) error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	count := 0
	g.unknown = map[string]bool{}
	for _, id := range g.search.IDs {
		g.unknown[id] = true
	}
	err := g.reader.Find(ctx, g.conn, &g.search, func(found *view.Found) error {
		if ctx.Err() != nil {
			return errInterrupted
		}
		delete(g.unknown, found.ID())
		if g.limit > 0 && count == g.limit {
			clear(g.unknown) // nobody has looked for the others
			return errEnough
		}
		count++
		return f(found)
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case ctx.Err() != nil && cmd.Context().Err() == nil:
		return errInterrupted
	}
	return err
}

// errInterrupted is what a command ends with that was told to stop.
var errInterrupted = errors.New("interrupted")

// filter is what the command was limited to, for the record.
func filter(cmd *cobra.Command, ids []string, change view.Change) string {
	return strings.TrimSpace(strings.Join([]string{typed(cmd, ids...), change.String()}, " "))
}

// letters is a number of letters in words.
func letters(n int) string { return counted(n, "letter") }

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/view"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/topology"
)

// letterTime bounds what is done with one letter: longer, and the bus is in trouble or a
// stream full.
const letterTime = 30 * time.Second

// errLeft ends a command that has left letters where they are.
var errLeft = errors.New("letters are left where they were")

func deadReplayCommand() *cobra.Command {
	var (
		f    deadFlags
		yes  bool
		from string
	)
	cmd := &cobra.Command{
		Use:   "replay [ID]...",
		Short: "Send dead letters on once more",
		Long: `Send dead letters on once more: those of the shipper as events to their destination, those
of transform as they came in, to transform and by today's rules. Each is removed once its
message is stored. It is at least once: when the command dies between the two, the letter
is still there, and its events may come twice if it is replayed after more than two
minutes (of the shipper: 30). A letter that dies again is a new one.

--set index=x (or host, source, sourcetype, destination) changes the events of letters of the
shipper; with any other key it sets one of the configuration, as everywhere. --from transform
leaves letters of the shipper where they are, and says so: the lines their events were made of
are not kept. --app takes the letters whose events are all of that app: those that have events
of others as well, as dead list counts them with each, are left, and told. What is replayed
to a destination is booked as replayed (drainline ledger). It leaves a record when it begins
and when it ends (drainline audit).`,
		Example: `  drainline dead replay --reason hec_7 --set index=main
  drainline dead replay --stage transform --reason bad_frame --yes
  drainline dead replay 4e73d6819d818a5de46b77015c255c08`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			pairs := f.Take(view.Changeable()...)
			if from != "" && from != wire.StageTransform {
				return &app.UsageError{Err: fmt.Errorf("--from %s: want transform, or nothing for where each letter came from", from)}
			}
			g, err := f.read(ids)
			if err != nil {
				return err
			}
			change, err := view.NewChange(pairs, topology.Destinations(g.config))
			if err != nil {
				return &app.UsageError{Err: err}
			}
			if err := g.dial(cmd.Context()); err != nil {
				return err
			}
			defer g.conn.Close()
			books := ledger.New(ledger.Options{Bus: g.conn, Stage: bus.Operator, Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))})
			var (
				m      bus.Msg
				events *wire.Batch
			)
			e := errand{
				name: "replay", done: "replayed", action: audit.ActionDeadReplay, end: audit.ActionDeadReplayEnd,
				filter: filter(cmd, ids, change), yes: yes, json: f.output == outputJSON,
				ready: func(found *view.Found) (err error) {
					if found.Dead == nil {
						return errNotRead
					}
					m, events, err = view.Replay(g.conn.Names(), found, change, from == wire.StageTransform)
					return err
				},
				do: func(ctx context.Context, found *view.Found) error {
					if err := g.conn.Publish(ctx, m); err != nil {
						return err
					}
					book(books, events)
					return g.conn.Remove(ctx, g.conn.Names().DeadStream(), found.Kept)
				},
			}
			return g.run(cmd, e)
		},
	}
	f.declare(cmd, 0)
	cmd.Flags().Lookup("set").Usage = "set one `key=value` of the events (destination, host, index, source, sourcetype) or of the configuration"
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&from, "from", "", "only through this `stage` again: transform")
	return cmd
}

// book has the books say that events that were booked as dead go to a destination again,
// nil for none. It waits until they are stored: once the letter is removed nobody could
// make up for it.
func book(books *ledger.Ledger, events *wire.Batch) {
	if events == nil {
		return // transform accepts them again
	}
	var tally ledger.Tally
	for i := range events.Events {
		e := &events.Events[i]
		from := &events.Origins[e.Origin]
		tally.Row(ledger.Key{
			Input: ledger.Input(from.App, from.DrainToken, from.Credential), Credential: from.Credential, Destination: events.Destination,
		}).Replayed.Add(1, hec.LicenseBytes(e))
	}
	books.Post(&tally)
	books.Flush()
}

func deadPurgeCommand() *cobra.Command {
	var (
		f   deadFlags
		yes bool
	)
	cmd := &cobra.Command{
		Use:   "purge [ID]...",
		Short: "Delete dead letters for good",
		Long: `Delete dead letters for good. Their events are lost. --app takes the letters whose events
are all of that app: those that have events of others as well, as dead list counts them with
each, are left, and told. Letters that nobody can read are deleted when they are asked for by
their --stage, --reason or ID and nothing else but their age. It leaves a record when it
begins and when it ends (drainline audit).`,
		Example: "  drainline dead purge --reason bad_frame --until 24h\n  drainline dead purge --app staging --yes",
		RunE: func(cmd *cobra.Command, ids []string) error {
			g, err := f.open(cmd, ids)
			if err != nil {
				return err
			}
			defer g.conn.Close()
			return g.run(cmd, errand{
				name: "purge", done: "purged", action: audit.ActionDeadPurge, end: audit.ActionDeadPurgeEnd,
				filter: filter(cmd, ids, view.Change{}), yes: yes, json: f.output == outputJSON,
				ready: func(found *view.Found) error {
					s := &g.search
					byName := s.Stage != "" || s.Reason != "" || len(s.IDs) > 0
					if found.Dead == nil && (!byName || s.App != "" || s.Destination != "") {
						return errNotNamed
					}
					return nil
				},
				do: func(ctx context.Context, found *view.Found) error {
					return g.conn.Remove(ctx, g.conn.Names().DeadStream(), found.Kept)
				},
			})
		},
	}
	f.declare(cmd, 0)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// errand is what is done with each of some letters.
type errand struct {
	name, done          string // replay, replayed
	action, end, filter string // for the records
	yes, json           bool
	// ready says why a letter is left where it is, while others go on. Where it is nil, do
	// may follow.
	ready func(found *view.Found) error
	do    func(ctx context.Context, found *view.Found) error
}

// Why a letter is left where it is.
var (
	errMixed    = errors.New("they have events of other apps as well: name them without --app")
	errNotRead  = errors.New("they cannot be read, being damaged or of a newer Drainline")
	errNotNamed = fmt.Errorf("%w: purge takes them by their --stage, --reason or ID, and nothing else but their age", errNotRead)
)

// left says why a letter is left where it is, nil to do it.
func (e *errand) left(found *view.Found) error {
	if found.Mixed {
		return errMixed
	}
	return e.ready(found)
}

// result is what an errand came to, as -o json prints it.
type result struct {
	Matched int            `json:"matched"`
	Done    int            `json:"done"`
	Gone    int            `json:"gone"` // while it was under way, by somebody else
	Left    map[string]int `json:"left"` // by why
}

// run does an errand with all letters that are there now and meant: it counts them, asks,
// and goes through them.
func (g *graveyard) run(cmd *cobra.Command, e errand) error {
	r := result{Left: map[string]int{}}
	last, able := uint64(0), 0
	g.search.Unreadable = true
	err := g.each(cmd, func(found *view.Found) error {
		r.Matched++
		if e.left(found) == nil {
			able++
		}
		last = found.Kept.Sequence
		return nil
	})
	if err != nil {
		return err
	}
	missing := g.missing()
	if r.Matched == 0 {
		if missing != nil {
			return missing
		}
		return e.tell(cmd.OutOrStdout(), r)
	}
	g.search.Last = last // those that die again meanwhile are new ones
	if err := e.confirm(cmd, able); err != nil {
		return err
	}
	if err := g.record(cmd, e.action, e.filter, able, nil); err != nil {
		return err
	}
	bar := newBar(cmd.ErrOrStderr(), r.Matched)
	err = g.each(cmd, func(found *view.Found) error {
		defer bar.step()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), letterTime)
		defer cancel()
		if left := e.left(found); left != nil {
			r.Left[left.Error()]++
			return nil
		}
		switch err := e.do(ctx, found); {
		case err == nil:
			r.Done++
		case errors.Is(err, bus.ErrGone):
			r.Gone++
		default:
			return fmt.Errorf("letter %s: %w", found.ID(), err)
		}
		return nil
	})
	bar.end()
	if err == nil && len(r.Left) > 0 {
		err = errLeft
	}
	err = g.record(cmd, e.end, e.filter, r.Done, errors.Join(err, missing))
	return errors.Join(e.tell(cmd.OutOrStdout(), r), err)
}

// record leaves the record of what was done, and returns what went wrong with either.
func (g *graveyard) record(cmd *cobra.Command, action, filter string, count int, err error) error {
	return errors.Join(err, audit.Record(cmd.Context(), g.conn, audit.Deed{
		Action: action, Filter: filter, Count: count, Configuration: g.config.SHA(), Err: err,
	}))
}

// confirm asks before more than one letter is touched.
func (e *errand) confirm(cmd *cobra.Command, count int) error {
	if e.yes || count <= 1 {
		return nil
	}
	if in, ok := cmd.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(in.Fd())) {
		return &app.UsageError{Err: fmt.Errorf("this would %s %s: say --yes to do so", e.name, letters(count))}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s %s? [y/N] ", e.name, letters(count))
	answer, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 100)).ReadString('\n')
	if err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return errors.New("nothing was done")
	}
	return nil
}

func (e *errand) tell(w io.Writer, r result) error {
	if e.json {
		return json.NewEncoder(w).Encode(r) //nolint:wrapcheck // says what it is
	}
	if r.Matched == 0 {
		fmt.Fprintln(w, "no such letters")
		return nil
	}
	fmt.Fprintf(w, "%s of %d\n", e.done+" "+letters(r.Done), r.Matched)
	if r.Gone > 0 {
		fmt.Fprintf(w, "%s gone by then\n", letters(r.Gone))
	}
	for _, why := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(w, "%s left: %s\n", letters(r.Left[why]), display.Text(why))
	}
	return nil
}

// bar shows how far an errand has come, on a terminal.
type bar struct {
	out         io.Writer // nil where nobody looks
	done, total int
	drawn       time.Time
}

// barEvery is how often a bar is drawn, and barWidth how wide, in characters.
const (
	barEvery = 100 * time.Millisecond
	barWidth = 40
)

func newBar(out io.Writer, total int) *bar {
	b := &bar{total: total}
	if isTerminal(out) {
		b.out = out
	}
	return b
}

func (b *bar) step() {
	b.done++
	if b.out != nil && (time.Since(b.drawn) >= barEvery || b.done == b.total) {
		b.drawn = time.Now()
		fmt.Fprint(b.out, "\r"+b.line())
	}
}

func (b *bar) line() string {
	full := min(b.done, b.total) * barWidth / b.total
	return fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), b.done, b.total)
}

func (b *bar) end() {
	if b.out != nil && b.done > 0 {
		fmt.Fprintln(b.out)
	}
}

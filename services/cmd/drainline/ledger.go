package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/topology"
)

// shownName is how much of a name the books show, in characters.
const shownName = 40

// printedBooks are the books as they are printed for machines.
type printedBooks struct {
	Since time.Time `json:"since"`
	// From is the oldest hour that there is something of in all books.
	From time.Time `json:"from,omitzero"`
	ledger.Proof

	// Balances are there without --by, Groups with it.
	Balances   []ledger.Balance `json:"balances,omitempty"`
	Groups     []ledger.Group   `json:"groups,omitempty"`
	Unreadable int              `json:"unreadable,omitempty"`
}

func ledgerCommand() *cobra.Command {
	var (
		flags      app.Flags
		since      time.Duration
		by, output string
	)
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Print the books: what became of every event",
		Long: `Print the books: what became of every event, by app and destination, in events. For each,
accepted + replayed + split = merged + filtered + dead + dropped + delivered + what waits.
Dead letters of the shipper that are sent again (drainline dead replay) come in a second time.
The balance is proven when nothing waits in the streams. It is struck over all that the
books have (telemetry.ledger.keep); what is printed above it are whole hours, by when
Drainline worked on the events. Beyond 1,000 apps an hour the rest are together in "other".
The command fails when the books do not balance. With -o json bytes of license are there, too.`,
		Example: "  drainline ledger --config drainline.yaml\n  drainline ledger --since 168h --by rule\n  drainline ledger --by hour -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			switch {
			case by != "" && !slices.Contains(ledger.Columns(), by):
				return &app.UsageError{Err: fmt.Errorf("--by %s: want one of %s", by, strings.Join(ledger.Columns(), ", "))}
			case since <= 0:
				return &app.UsageError{Err: fmt.Errorf("--since %v: want a time above 0, such as 24h", since)}
			}
			c, err := loadBus(&flags)
			if err != nil {
				return err
			}
			b, err := readBooks(cmd.Context(), c, time.Now().Add(-since), by)
			if err != nil {
				return err
			}
			if output == outputJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(b)
			} else {
				err = b.print(cmd.OutOrStdout(), by)
			}
			if err == nil && b.Verdict == ledger.Unbalanced {
				err = errors.New("the books do not balance")
			}
			return err
		},
	}
	flags.Add(cmd)
	cmd.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back")
	cmd.Flags().StringVar(&by, "by", "", "add up by `app`, destination, index, sourcetype, credential, rule or hour")
	addOutput(cmd, &output)
	return cmd
}

func readBooks(ctx context.Context, c *config.Config, since time.Time, by string) (*printedBooks, error) {
	conn, err := dialBus(ctx, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	all, proof, err := ledger.Prove(ctx, conn, func(ctx context.Context) (uint64, error) { return waitingMessages(ctx, c, conn) })
	if err != nil {
		return nil, err
	}
	b := &printedBooks{Since: since.UTC().Truncate(time.Hour), From: all.From, Proof: proof, Unreadable: all.Unreadable}
	shown := all
	if all.From.Before(b.Since) {
		if shown, err = ledger.Read(ctx, conn, since); err != nil {
			return nil, err
		}
	}
	if by == "" {
		b.Balances = shown.Balances()
	} else {
		b.Groups = shown.By(by)
	}
	return b, nil
}

// waitingMessages counts what is in the streams between the stages, in hand or not. It
// counts by their consumers: a server that was killed may go on holding what is settled.
// What the streams of other configurations hold waits as well.
func waitingMessages(ctx context.Context, c *config.Config, conn *bus.Conn) (uint64, error) {
	plan, names := topology.New(c, 0), conn.Names()
	holdings, err := plan.Holdings(ctx, conn)
	if err != nil {
		return 0, err
	}
	orphans, err := plan.Orphans(ctx, conn)
	if err != nil {
		return 0, err
	}
	waiting := uint64(0)
	for _, o := range orphans {
		if strings.HasPrefix(o.Name, names.RawStream("")) || strings.HasPrefix(o.Name, names.EventsStream("")) {
			waiting += o.Messages
		}
	}
	for _, h := range holdings {
		waiting += h.Pending + uint64(h.Unacked)
	}
	return waiting, nil
}

func (b *printedBooks) print(w io.Writer, by string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	switch by {
	case "":
		printSums(t, "APP → DESTINATION", func(row func(string, *ledger.Sums)) {
			for i := range b.Balances {
				name := b.Balances[i].Input
				if d := b.Balances[i].Destination; d != "" {
					name += " → " + d
				}
				row(name, &b.Balances[i].Sums)
			}
		})
	case "rule":
		fmt.Fprintln(t, "RULE\tMATCHED\tFILTERED\tDEAD\t")
		for i := range b.Groups {
			g := &b.Groups[i]
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t\n", display.Cut(g.Name, shownName), g.Matched.Events, g.Filtered.Events, g.Dead.Events)
		}
	default:
		printSums(t, strings.ToUpper(by), func(row func(string, *ledger.Sums)) {
			for i := range b.Groups {
				row(groupName(b.Groups[i].Name, by), &b.Groups[i].Sums)
			}
		})
	}
	if err := t.Flush(); err != nil {
		return err //nolint:wrapcheck // says what it is
	}
	if b.Unreadable > 0 {
		fmt.Fprintf(w, "\n%d pages of the books cannot be read: they are damaged, or of a newer version.\n", b.Unreadable)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", verdict(&b.Proof))
	return err //nolint:wrapcheck // says what it is
}

// groupName is a name as people see it: there may be none.
func groupName(name, by string) string {
	switch {
	case name != "":
		return name
	case by == "index":
		return "(default)"
	default:
		return "(none)"
	}
}

// column is a booking that is shown where there is one.
type column struct {
	head string
	of   func(*ledger.Sums) int64
}

func columns() []column {
	return []column{
		{"ACCEPTED", func(s *ledger.Sums) int64 { return s.Accepted.Events }},
		{"REPLAYED", func(s *ledger.Sums) int64 { return s.Replayed.Events }},
		{"SPLIT", func(s *ledger.Sums) int64 { return s.Split.Events }},
		{"MERGED", func(s *ledger.Sums) int64 { return s.Merged.Events }},
		{"FILTERED", func(s *ledger.Sums) int64 { return s.Filtered.Events }},
		{"DEAD", func(s *ledger.Sums) int64 { return s.Dead.Events }},
		{"DROPPED", func(s *ledger.Sums) int64 { return s.Dropped.Events }},
		{"DELIVERED", func(s *ledger.Sums) int64 { return s.Delivered.Events }},
		{"REDELIVERED", func(s *ledger.Sums) int64 { return s.Redelivered.Events }},
		{"DUPLICATE", func(s *ledger.Sums) int64 { return s.Duplicate.Events }},
		{"LOST", func(s *ledger.Sums) int64 { return s.LostUpstream.Events }},
	}
}

// printSums prints a table of those columns in which there is something.
func printSums(w io.Writer, head string, each func(row func(name string, s *ledger.Sums))) {
	var total ledger.Sums
	each(func(_ string, s *ledger.Sums) { total.Plus(s) })
	// What was accepted is not told apart by what only a destination has.
	always := []string{"DELIVERED"}
	if total.Accepted.Events > 0 || total.Delivered.Events == 0 {
		always = append(always, "ACCEPTED")
	}
	shown := slices.DeleteFunc(columns(), func(c column) bool { return c.of(&total) == 0 && !slices.Contains(always, c.head) })
	fmt.Fprintf(w, "%s\t", head)
	for _, c := range shown {
		fmt.Fprintf(w, "%s\t", c.head)
	}
	fmt.Fprintln(w)
	each(func(name string, s *ledger.Sums) {
		fmt.Fprintf(w, "%s\t", display.Cut(name, shownName))
		for _, c := range shown {
			fmt.Fprintf(w, "%d\t", c.of(s))
		}
		fmt.Fprintln(w)
	})
}

// verdict is the proof in a sentence.
func verdict(p *ledger.Proof) string {
	switch p.Verdict {
	case ledger.Proven:
		return "Proven: nothing waits, and every event that was accepted has come to one end at each destination."
	case ledger.Repeated:
		return fmt.Sprintf("Balanced but for what came again: nothing waits; %d more came in than ended, %d more ended than came in. "+
			"%d came from the bus more than once, and may have been counted twice.", p.Missing, p.TooMany, p.Redelivered)
	case ledger.Open:
		return fmt.Sprintf("Open: %d messages wait in the streams, with %d events by the books. When they are empty the balance can be proven.",
			p.Waiting, p.Missing)
	default:
		return fmt.Sprintf("The books do not balance: nothing waits, but %d events came in and are in no end, %d ended that did not come in: "+
			"look for damaged messages and for those that crashed a service (drainline dead list), and whether books were lost (log).",
			p.Missing, p.TooMany)
	}
}

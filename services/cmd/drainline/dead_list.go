package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/cmd/drainline/internal/view"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/display"
)

// maxGroups bounds the groups of the list; apps beyond it are other.
const maxGroups = 10_000

// deadGroup is letters that died of the same, of one app.
type deadGroup struct {
	Stage       string `json:"stage"`
	Reason      string `json:"reason"`
	Destination string `json:"destination,omitempty"`
	App         string `json:"app,omitempty"`
	// Letters have events, or parts of requests, of the app, so many in all.
	Letters int `json:"letters"`
	Events  int `json:"events"`
	// First and Last are when the first and the last died.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// deadKey is what a group has in common.
type deadKey struct{ stage, reason, destination, app string }

// deadGroups gathers letters.
type deadGroups struct {
	letters int
	groups  map[deadKey]*deadGroup
}

func (g *deadGroups) add(r *view.Reader, f *view.Found) {
	g.letters++
	for app, events := range r.Apps(f.Dead) {
		key := deadKey{f.Dead.GetStage(), f.Dead.GetReason(), f.Dead.GetDestination(), app}
		if g.groups[key] == nil && len(g.groups) >= maxGroups {
			key.app = "other"
		}
		group := g.groups[key]
		if group == nil {
			group = &deadGroup{Stage: key.stage, Reason: key.reason, Destination: key.destination, App: key.app, First: f.Kept.Stored.UTC()}
			g.groups[key] = group
		}
		group.Letters++
		group.Events += events
		group.Last = f.Kept.Stored.UTC()
	}
}

// sorted has the largest group first.
func (g *deadGroups) sorted() []*deadGroup {
	all := make([]*deadGroup, 0, len(g.groups))
	for _, group := range g.groups {
		all = append(all, group)
	}
	slices.SortFunc(all, func(a, b *deadGroup) int {
		return cmp.Or(b.Letters-a.Letters, cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Destination, b.Destination), cmp.Compare(a.App, b.App))
	})
	return all
}

func (g *deadGroups) write(w io.Writer) error {
	if g.letters == 0 {
		fmt.Fprintln(w, "no dead letters")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STAGE\tREASON\tDESTINATION\tAPP\tLETTERS\tEVENTS\tFIRST\tLAST")
	for _, group := range g.sorted() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", display.Text(group.Stage), display.Cut(group.Reason, 40),
			cmp.Or(display.Cut(group.Destination, 40), "-"), cmp.Or(display.Cut(group.App, 60), "-"), group.Letters, group.Events,
			group.First.Format(time.RFC3339), group.Last.Format(time.RFC3339))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	fmt.Fprintf(w, "%s; one with events of several apps is counted with each\n", letters(g.letters))
	return nil
}

func deadListCommand() *cobra.Command {
	var f deadFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Count dead letters by stage, reason, destination and app",
		Long:  "Count dead letters by stage, reason, destination and app, the largest group first.",
		Example: `  drainline dead list
  drainline dead list --since 1h --app shop -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := f.open(cmd, nil)
			if err != nil {
				return err
			}
			defer g.conn.Close()
			groups := deadGroups{groups: map[deadKey]*deadGroup{}}
			err = g.each(cmd, func(found *view.Found) error {
				groups.add(g.reader, found)
				return nil
			})
			if unreadable, ok := errors.AsType[view.UnreadableError](err); err != nil && (!ok || groups.letters == 0) {
				return err
			} else if ok {
				err = unreadable
			}
			if f.output == outputJSON {
				return cmp.Or(json.NewEncoder(cmd.OutOrStdout()).Encode(groups.sorted()), err)
			}
			return cmp.Or(groups.write(cmd.OutOrStdout()), err)
		},
	}
	f.declare(cmd, 0)
	return cmd
}

// shownLetters are how many letters dead show shows where nothing is said.
const shownLetters = 10

func deadShowCommand() *cobra.Command {
	var f deadFlags
	cmd := &cobra.Command{
		Use:   "show [ID]...",
		Short: "Show dead letters with what they hold",
		Long: `Show dead letters, the oldest first, ten unless --limit says otherwise: why each died, the
trace of its request, and what it holds. It leaves a record (drainline audit).`,
		Example: `  drainline dead show --reason bad_frame --since 1h
  drainline dead show 4e73d6819d818a5de46b77015c255c08 -o json`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			g, err := f.open(cmd, ids)
			if err != nil {
				return err
			}
			defer g.conn.Close()
			shown := 0
			err = g.each(cmd, func(found *view.Found) error {
				l, err := g.reader.Letter(found.Dead, &view.Selection{})
				if err != nil {
					return err
				}
				shown++
				if f.output == outputJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(l)
				}
				l.Write(cmd.OutOrStdout())
				return nil
			})
			if err == nil {
				err = g.missing()
			}
			if err == nil && shown == 0 && f.output != outputJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "no such letters")
			}
			return g.record(cmd, audit.ActionDeadShow, filter(cmd, ids, view.Change{}), shown, err)
		},
	}
	f.declare(cmd, shownLetters)
	return cmd
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/top"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/shipper"
)

// topPatience is how long instances have to answer, which is less than the time between
// two samples.
const topPatience = time.Second

func topCommand() *cobra.Command {
	var (
		flags  app.Flags
		once   bool
		output string
	)
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch what flows, by app",
		Long: `Watch what flows, by app, as all instances on the bus say every two seconds.

IN and BYTES are taken in, in events and bytes of license a second; OUT is delivered, to
each destination; FILT is kept from every destination by a rule or a route. DEAD is what is a
dead letter or was dropped, and LOST what was lost before it came here, both since the
instances were started; a red line says that more is added just now. LAG is how long ago
the latest event that reached its destination had been received, while more arrive there
or others wait. Keys: a r b l e sort by app, rate, bytes, lag, errors; arrows scroll;
q quits. Without a terminal, --once prints one screen and -o json its numbers.`,
		Example: "  drainline top\n  drainline top --once --config drainline.yaml\n  drainline top -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if !once && output == "" && !isTerminal(cmd.OutOrStdout()) {
				return &app.UsageError{Err: errors.New("top needs a terminal: give --once for one screen, or -o json for its numbers")}
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
			source := topSource(c, conn)
			if once || output == outputJSON {
				return topOnce(cmd.Context(), cmd.OutOrStdout(), source, output)
			}
			return topLive(cmd.Context(), cmd.OutOrStdout(), source)
		},
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "print one screen, with all apps, and end")
	cmd.Flags().StringVarP(&output, "output", "o", "", "print `json` once, and end")
	return cmd
}

func topLive(ctx context.Context, out io.Writer, source top.Source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	model := top.NewModel(ctx, source, top.NewStyle(lipgloss.NewRenderer(out)))
	_, err := tea.NewProgram(model, tea.WithContext(ctx), tea.WithOutput(out), tea.WithAltScreen()).Run()
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("the terminal: %w", err)
	}
	return nil
}

func topOnce(ctx context.Context, out io.Writer, source top.Source, output string) error {
	const width = 80
	frame, err := top.Look(ctx, source)
	if err != nil {
		return err
	}
	if output == outputJSON {
		top.Sort(frame.Apps, top.ByApp)
		return json.NewEncoder(out).Encode(&frame) //nolint:wrapcheck // says what it is
	}
	view := top.View{Width: width, By: top.ByRate, Style: top.NewStyle(lipgloss.NewRenderer(out))}
	_, err = fmt.Fprintln(out, view.Render(&frame))
	return err //nolint:wrapcheck // says what it is
}

// topSource asks the instances and looks at the streams. What it may not look at is said.
func topSource(c *config.Config, conn *bus.Conn) top.Source {
	return func(ctx context.Context) (top.Sample, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*topPatience)
		defer cancel()
		answers, err := conn.Ask(ctx, topPatience)
		if err != nil {
			return top.Sample{}, err
		}
		s := top.Sample{At: time.Now()}
		seen := map[string]bool{}
		for _, a := range answers {
			i, err := topInstance(a)
			switch {
			case err != nil:
				s.Unread = err.Error()
			case !seen[i.ID]:
				seen[i.ID] = true
				s.Instances = append(s.Instances, i)
			}
		}
		holdings, err := topology.New(withDestinations(c, s.Instances), 0).Holdings(ctx, conn)
		if err != nil {
			s.Unread = err.Error()
		}
		for _, h := range holdings {
			stream := top.Stream{Name: h.Name, Messages: h.Messages, Bytes: h.Bytes, MaxBytes: h.MaxBytes}
			if h.Messages > 0 {
				stream.Oldest = s.At.Sub(h.Oldest).Seconds()
			}
			s.Streams = append(s.Streams, stream)
		}
		return s, nil
	}
}

// withDestinations is a configuration that has those of the instances as well: the
// command may have none of their secrets, and so none of their destinations.
func withDestinations(c *config.Config, instances []top.Instance) *config.Config {
	all := *c
	all.Destinations = maps.Clone(c.Destinations)
	if all.Destinations == nil {
		all.Destinations = map[string]config.Destination{}
	}
	for i := range instances {
		for _, d := range instances[i].Destinations {
			if _, known := all.Destinations[d.Name]; !known {
				all.Destinations[d.Name] = config.Destination{}
			}
		}
	}
	return &all
}

func topInstance(a bus.Answer) (top.Instance, error) {
	if a.Err != nil {
		return top.Instance{}, fmt.Errorf("an instance does not say how it is: %w", a.Err)
	}
	var s app.Status
	err := json.Unmarshal(a.Content, &s)
	i := top.Instance{ID: s.Instance, Started: s.Started, Ready: s.Ready, Version: s.Version, Services: s.Services}
	for name, to := range map[string]any{app.FactLedger: &i.Rows, shipper.FactDestinations: &i.Destinations} {
		if fact := s.Facts[name]; err == nil && fact != nil {
			err = json.Unmarshal(fact, to)
		}
	}
	if err != nil {
		return top.Instance{}, fmt.Errorf("what an instance says cannot be read, it may be of another version: %w", err)
	}
	return i, nil
}

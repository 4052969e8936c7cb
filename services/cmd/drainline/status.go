package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/shipper"
	"github.com/drainline/drainline/services/transform"
)

const (
	statusPatience = 10 * time.Second
	// maxStatus is far more than a status has, in bytes.
	maxStatus = 16 << 20
)

func statusCommand() *cobra.Command {
	var (
		flags  app.Flags
		output string
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Ask the instance that runs here how it is",
		Long: `Ask the instance that runs with this configuration, at admin.listen, how it is: what
its readiness checks say, how its destinations are, what Logplex or log-shuttle have lost
before it came here, and which drains send without being listed under drains.`,
		Example: "  drainline status --config drainline.yaml\n  drainline status -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "" && output != "json" {
				return &app.UsageError{Err: fmt.Errorf("-o %s: want json, or nothing for people", output)}
			}
			c, err := load(&flags)
			if err != nil {
				return err
			}
			content, err := askStatus(cmd.Context(), c.Admin.Listen)
			if err != nil {
				return err
			}
			if output == "json" {
				_, err := cmd.OutOrStdout().Write(content)
				return err //nolint:wrapcheck // says what it is
			}
			var s app.Status
			if err := json.Unmarshal(content, &s); err != nil {
				return fmt.Errorf("what answers at admin.listen %s is no Drainline: %w", c.Admin.Listen, err)
			}
			return printStatus(cmd.OutOrStdout(), s, time.Now())
		},
	}
	flags.Add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "print `json`")
	return cmd
}

func askStatus(ctx context.Context, listen string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(listen)+"/status", nil)
	if err != nil {
		return nil, fmt.Errorf("admin.listen %s: %w", listen, err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("nothing answers at admin.listen %s: start Drainline, or give its --config: %w", listen, errors.Unwrap(err))
	}
	defer func() { _ = response.Body.Close() }() // it was read
	content, err := io.ReadAll(io.LimitReader(response.Body, maxStatus))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("what answers at admin.listen %s tells no status: %w", listen, err)
	}
	return content, nil
}

// reachable is an address to ask what listens on all addresses.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func printStatus(w io.Writer, s app.Status, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "version\t%s\nready\t%v\n", s.Version, s.Ready)
	for _, name := range slices.Sorted(maps.Keys(s.Checks)) {
		fmt.Fprintf(t, "%s\t%s\n", name, s.Checks[name])
	}
	if err := printDestinations(t, s.Facts[shipper.FactDestinations], now); err != nil {
		return err
	}
	if err := printLost(t, s.Facts[transform.FactLost]); err != nil {
		return err
	}
	if err := printUnknownDrains(t, s.Facts[ingest.FactUnknownDrains], now); err != nil {
		return err
	}
	return t.Flush() //nolint:wrapcheck // says what it is
}

// printDestinations says how each destination is, and which of its URLs take nothing.
func printDestinations(w io.Writer, content json.RawMessage, now time.Time) error {
	if content == nil {
		return nil // no shipper there
	}
	var destinations []shipper.Destination
	if err := json.Unmarshal(content, &destinations); err != nil {
		return fmt.Errorf("the destinations of the instance cannot be read, it may be of another version: %w", err)
	}
	for _, d := range destinations {
		fmt.Fprintf(w, "destination %s\t%s", d.Name, d.State)
		if !d.ParkedSince.IsZero() {
			fmt.Fprintf(w, " for %v", now.Sub(d.ParkedSince).Round(time.Second))
		}
		fmt.Fprintf(w, ", %d delivered, %d dead, %d dropped, %d may be there twice, %d of %d requests in flight, %d acks pending\n",
			d.Delivered, d.Dead, d.Dropped, d.PossibleDuplicates, d.InFlight, d.Window, d.PendingAcks)
		if d.Error != "" {
			fmt.Fprintf(w, "\t%s\n", d.Error)
		}
		for _, u := range d.URLs {
			if u.Error != "" && len(d.URLs) > 1 {
				fmt.Fprintf(w, "\t%s: %s\n", u.State, u.Error)
			}
		}
	}
	return nil
}

// shownLost is how many inputs are shown that have lost messages.
const shownLost = 10

// printLost says what was lost before it came here, since the start.
func printLost(w io.Writer, content json.RawMessage) error {
	if content == nil {
		return nil // no transform there
	}
	var inputs []transform.Lost
	if err := json.Unmarshal(content, &inputs); err != nil {
		return fmt.Errorf("what was lost upstream cannot be read, the instance may be of another version: %w", err)
	}
	total := int64(0)
	for _, l := range inputs {
		total += l.Messages
	}
	fmt.Fprintf(w, "lost upstream\t%d messages\n", total)
	for i, l := range inputs {
		if i == shownLost {
			fmt.Fprintf(w, "\tand of %d more\n", len(inputs)-shownLost)
			break
		}
		fmt.Fprintf(w, "\t%d of %s, says %s\n", l.Messages, l.Input, l.Code)
	}
	return nil
}

// shownDrains is how many unknown drains are shown as the configuration would list them.
const shownDrains = 20

func printUnknownDrains(w io.Writer, content json.RawMessage, now time.Time) error {
	if content == nil {
		return nil // no ingest there
	}
	var drains []ingest.UnknownDrain
	if err := json.Unmarshal(content, &drains); err != nil {
		return fmt.Errorf("the unknown drains of the instance cannot be read, it may be of another version: %w", err)
	}
	fmt.Fprintf(w, "unknown drains\t%d\n", len(drains))
	if len(drains) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nTOKEN\tAPP\tCREDENTIAL\tREQUESTS\tFRAMES\tLAST SEEN")
	for _, d := range drains {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%v ago\n", d.Token, cmp.Or(d.App, "-"), d.Credential, d.Requests, d.Frames,
			now.Sub(d.LastSeen).Round(time.Second))
	}
	fmt.Fprintln(w, "\nList them in the configuration, or have `drainline drains import` do it:\ndrains:")
	for i, d := range drains {
		if i == shownDrains {
			fmt.Fprintf(w, "  # and %d more\n", len(drains)-shownDrains)
			break
		}
		fmt.Fprintf(w, "  - {token: %s, app: %s}\n", quoted(d.Token), quoted(cmp.Or(d.App, "NAME")))
	}
	return nil
}

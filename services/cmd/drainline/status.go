package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/state"
	"github.com/drainline/drainline/services/internal/app"
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
		Short: "Show how everything is, and what needs you",
		Long: `Show on one screen how everything is: each instance with its version, configuration and
readiness checks; what the streams hold, since when and how long there is room; how the
destinations are; drains that are silent for longer than their expect_within, or unknown;
rules that matched nothing for seven days; streams that nothing takes from any more. The
instances are asked on the bus; where that cannot be reached, the one that listens at
admin.listen. What needs somebody is listed at the end, and then it exits with 1.
` + "`nats micro ls`, `info` and `stats`" + ` show the instances, too.`,
		Example: "  drainline status --config drainline.yaml\n  drainline status -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			c, err := loadBus(&flags)
			if err != nil {
				return err
			}
			s, err := lookAround(cmd.Context(), c)
			if err != nil {
				return err
			}
			return printState(cmd.OutOrStdout(), s, output)
		},
	}
	flags.Add(cmd)
	addOutput(cmd, &output)
	return cmd
}

// lookAround looks at all there is on the bus, or asks the one instance here.
func lookAround(ctx context.Context, c *config.Config) (*state.State, error) {
	conn, away := dialBus(ctx, c)
	if away == nil {
		defer conn.Close()
		return state.Look(ctx, conn, c), nil
	}
	content, err := askStatus(ctx, c.Admin.Listen)
	if err != nil {
		return nil, errors.Join(away, err)
	}
	var one app.Status
	if err := json.Unmarshal(content, &one); err != nil {
		return nil, fmt.Errorf("what answers at admin.listen %s is no Drainline: %w", c.Admin.Listen, err)
	}
	return state.Of(one, c, away), nil
}

// printState prints, and fails when something needs a human.
func printState(w io.Writer, s *state.State, output string) error {
	if output == outputJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(s); err != nil {
			return fmt.Errorf("printing the state: %w", err)
		}
	} else if err := s.Print(w); err != nil {
		return err
	}
	switch n := len(s.Problems); n {
	case 0:
		return nil
	case 1:
		return errors.New("one thing needs you")
	default:
		return fmt.Errorf("%d things need you", n)
	}
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

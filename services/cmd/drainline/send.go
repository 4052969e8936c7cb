package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/player"
)

// sendOptions are the flags of `drainline send`.
type sendOptions struct {
	player.Options
	file   string
	ledger string
	length time.Duration
	quiet  bool
}

func sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send URL",
		Short: "Play Logplex: send messages to a drain URL as Heroku does",
		Long: `Play Logplex against any drain URL: its framing, headers, five-second deadline,
three tries under one frame id, one request in flight a drain. Messages are built-in
samples of everything Heroku sends, or the lines of a file or of standard input ("-").
With --token it plays a drain that the configuration lists, so that its app, join, from and
until can be tried. It ends with what was accepted, dropped and retried, and fails when
anything was dropped or given up, or nothing got through. A connection that is refused
is tried on for ever, as Logplex does: give --for where nobody may listen.`,
		Example: `  drainline send http://drain:SECRET@localhost:8080/logs --rate 100 --for 30s
  drainline send URL --drains 16 --frames 20 --count 100000 --ledger accepted.txt
  drainline send URL --token d.01234567-89ab-cdef-0123-456789abcdef --file trace.txt
  tail -f app.log | drainline send URL --file -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.URL = args[0]
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Drains, "drains", 1, "drains that send at once, each with a token of its own")
	f.StringArrayVar(&o.Tokens, "token", nil, "play as the drain with this `token`; repeat it for more drains")
	f.IntVar(&o.FramesPerRequest, "frames", 1, "most messages in a request")
	f.Float64Var(&o.Rate, "rate", 0, "messages a second over all drains; 0 is flat out")
	f.Int64Var(&o.Count, "count", 0, "end after this many messages; 0 does not end by count")
	f.DurationVar(&o.length, "for", 0, "end after this long; 0 does not end by time")
	f.StringVar(&o.file, "file", "", "send the lines of this `file` instead of samples; - is standard input")
	f.StringVar(&o.ledger, "ledger", "", "number the messages and write the ids of accepted ones to this `file`")
	f.BoolVar(&o.Numbered, "numbered", false, "append id=… and t=… (nanoseconds) to each message")
	f.BoolVar(&o.NoLossReports, "no-loss-reports", false, "do not report dropped messages in L10 frames")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress line")
	return cmd
}

func (o *sendOptions) run(cmd *cobra.Command) (err error) {
	truncate := func(int64) error { return nil }
	if o.ledger != "" {
		// Emptied only when everything else is right.
		ledger, openErr := os.OpenFile(o.ledger, os.O_WRONLY|os.O_CREATE, 0o600)
		if openErr != nil {
			return fmt.Errorf("--ledger: %w", openErr)
		}
		truncate = ledger.Truncate
		defer func() { err = errors.Join(err, ledger.Close()) }()
		o.Ledger, o.Numbered = ledger, true
	}
	switch o.file {
	case "":
	case "-":
		o.Lines = cmd.InOrStdin()
	default:
		file, openErr := os.Open(o.file)
		if openErr != nil {
			return fmt.Errorf("--file: %w", openErr)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		o.Lines = bufio.NewReader(file)
	}
	p, err := player.New(o.Options)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	if err := truncate(0); err != nil {
		return fmt.Errorf("--ledger: %w", err)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	result, err := o.play(ctx, p, cmd.ErrOrStderr())
	report(cmd.OutOrStdout(), result)
	if err != nil {
		return err
	}
	if result.Dropped > 0 || result.Abandoned > 0 || result.Accepted == 0 && result.LastFailure != nil {
		return fmt.Errorf("%d messages were accepted, %d dropped and %d given up: %w", result.Accepted, result.Dropped, result.Abandoned, result.LastFailure)
	}
	return nil
}

// play runs the player beside a progress line.
func (o *sendOptions) play(ctx context.Context, p *player.Player, progress io.Writer) (player.Result, error) {
	done := make(chan struct{})
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		if o.quiet {
			return
		}
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var before player.Result
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			now := p.Snapshot()
			progressLine(progress, before, now)
			before = now
		}
	}()
	result, err := p.Run(ctx)
	close(done)
	<-quiet
	return result, err
}

func progressLine(w io.Writer, before, now player.Result) {
	line := fmt.Sprintf("%6.0fs  accepted %d (%.0f/s)  dropped %d  retried %d  p99 %v", now.Elapsed.Seconds(), now.Accepted,
		float64(now.Accepted-before.Accepted)/(now.Elapsed-before.Elapsed).Seconds(), now.Dropped, now.Retried, now.Latency.P99)
	if now.LastFailure != nil && now.Accepted == before.Accepted {
		line += "  last failure: " + now.LastFailure.Error()
	}
	if isTerminal(w) {
		fmt.Fprint(w, "\r\x1b[K"+line) // one line that is written over
		return
	}
	fmt.Fprintln(w, line)
}

func report(w io.Writer, r player.Result) {
	rate := float64(r.Accepted) / r.Elapsed.Seconds()
	fmt.Fprintf(w, "\nsent       %d messages in %d requests, %v\n", r.Sent, r.Requests, r.Elapsed.Round(time.Millisecond))
	fmt.Fprintf(w, "accepted   %d (%.0f/s, %.1f MB/s)\n", r.Accepted, rate, float64(r.Bytes)/r.Elapsed.Seconds()/1e6)
	fmt.Fprintf(w, "dropped    %d\n", r.Dropped)
	fmt.Fprintf(w, "retried    %d requests, %d connections refused, %d answers Logplex cannot read\n", r.Retried, r.ConnectFailures, r.Violations)
	fmt.Fprintf(w, "latency    p50 %v  p90 %v  p99 %v  max %v\n", r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.Max)
}

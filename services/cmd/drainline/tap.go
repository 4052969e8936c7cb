package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/time/rate"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/view"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bus"
)

// tapRate is how many events are shown a second: more than anybody reads, and little
// beside what passes.
const tapRate = 1000

// tapOptions are what the flags of tap say.
type tapOptions struct {
	app, kind, grep, when string
	limit                 int
	duration              time.Duration
	output                string
}

func tapCommand() *cobra.Command {
	var (
		flags app.Flags
		o     tapOptions
	)
	cmd := &cobra.Command{
		Use:   "tap raw|events|dead",
		Short: "Show events as they pass a stage",
		Long: `Show events while they are published: raw as they came in, by the drains of the
configuration and before any rule; events as they go to the destinations, after all rules;
dead as dead letters are made. Nothing is taken from anybody: tap listens beside the work,
and what it is too slow for passes unseen, as does what is over 1,000 events a second. It
says how much at the end. A try that is repeated is shown again.

--when asks in the language of rules, of what is shipped: query, marks and request_id are
not known here. Ctrl-C ends it. It leaves a record of who listened to what (drainline audit).`,
		Example: `  drainline tap raw --app shop
  drainline tap events --when 'fields.status >= 500' --limit 10
  drainline tap dead -o json --duration 10m`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains([]string{tapRaw, tapEvents, tapDead}, args[0]) {
				return &app.UsageError{Err: errors.New("tap: say what to listen to: raw, events or dead")}
			}
			return nil
		},
		ValidArgs: []string{tapRaw, tapEvents, tapDead},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadBus(&flags)
			if err != nil {
				return err
			}
			return runTap(cmd, c, args[0], o)
		},
	}
	flags.Add(cmd)
	cmd.Flags().StringVar(&o.app, "app", "", "only events of this `app`")
	cmd.Flags().StringVar(&o.kind, "kind", "", "only events of this `kind`: app, router, api, system or addon")
	cmd.Flags().StringVar(&o.grep, "grep", "", "only events whose body matches this regular `expression`")
	cmd.Flags().StringVar(&o.when, "when", "", "only events of which this `condition` is true, in the language of rules")
	cmd.Flags().IntVar(&o.limit, "limit", 0, "end after so many events or letters; 0 for no end")
	cmd.Flags().DurationVar(&o.duration, "duration", 0, "end after this `time`; 0 for no end")
	addOutput(cmd, &o.output)
	return cmd
}

// What can be listened to.
const (
	tapRaw    = "raw"
	tapEvents = "events"
	tapDead   = "dead"
)

func runTap(cmd *cobra.Command, c *config.Config, what string, o tapOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.limit < 0 || o.duration < 0 {
		return &app.UsageError{Err: errors.New("--limit and --duration are not negative")}
	}
	if kinds := []string{"app", "router", "api", "system", "addon"}; o.kind != "" && !slices.Contains(kinds, o.kind) {
		return &app.UsageError{Err: fmt.Errorf("--kind %s: want one of %s", o.kind, strings.Join(kinds, ", "))}
	}
	selection, err := view.NewSelection(o.app, o.kind, o.grep, o.when)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	reader, err := view.NewReader(c)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	conn, err := dialBus(ctx, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	t := &tapper{
		reader: reader, selection: selection, limit: o.limit, rate: rate.NewLimiter(tapRate, tapRate),
		out: cmd.OutOrStdout(), json: o.output == outputJSON, errs: cmd.ErrOrStderr(),
	}
	deed := audit.Deed{Action: audit.ActionTap, Filter: typed(cmd, what), Configuration: c.SHA()}
	if err := audit.Record(ctx, conn, deed); err != nil {
		return err
	}
	err = t.run(ctx, conn, what)
	deed.Action, deed.Count, deed.Err = audit.ActionTapEnd, t.shown, err
	return errors.Join(err, audit.Record(ctx, conn, deed))
}

// typed is what a command was limited to, for the record. The configuration is not in it:
// it may have secrets.
func typed(cmd *cobra.Command, args ...string) string {
	said := slices.Clone(args)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "set" && f.Name != "output" {
			said = append(said, "--"+f.Name+"="+f.Value.String())
		}
	})
	return strings.Join(said, " ")
}

// tapper shows what passes.
type tapper struct {
	reader    *view.Reader
	selection view.Selection
	limit     int
	rate      *rate.Limiter
	out, errs io.Writer
	json      bool

	shown, passed, unreadable int
}

// errEnough ends a tap that has shown what it was asked for.
var errEnough = errors.New("enough")

// run shows until ctx ends or there is enough.
func (t *tapper) run(ctx context.Context, conn *bus.Conn, what string) error {
	subject := map[string]string{
		tapRaw: conn.Names().RawSubjects(), tapEvents: conn.Names().EventsSubjects(), tapDead: conn.Names().DeadSubjects(),
	}[what]
	tap, err := conn.Tap(ctx, subject)
	if err != nil {
		return err
	}
	defer tap.Close()
	fmt.Fprintf(t.errs, "listening on %s, Ctrl-C ends\n", subject)
	link := tapLink{errs: t.errs, connects: conn.Connects()}
	for {
		look, cancel := context.WithTimeout(ctx, tapLook)
		payload, err := tap.Next(look)
		cancel()
		link.look(conn.Away(), conn.Connects())
		if err == nil {
			err = t.show(what, payload)
		}
		switch {
		case err == nil:
		case look.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded): // nothing came
		case errors.Is(err, errEnough) || ctx.Err() != nil:
			t.tell(tap.Missed())
			return nil
		default:
			return err
		}
	}
}

// tapLook is how often tap looks whether the bus is there while nothing comes.
const tapLook = time.Second

// tapLink tells when the bus goes and comes: what is published meanwhile is not seen.
type tapLink struct {
	errs     io.Writer
	away     bool
	connects int64
}

func (l *tapLink) look(away bool, connects int64) {
	if (away || connects != l.connects) && !l.away {
		l.away = true
		fmt.Fprintln(l.errs, "the bus is away: what is published until it is back is not seen")
	}
	if !away && l.away {
		l.away = false
		fmt.Fprintln(l.errs, "the bus is back")
	}
	l.connects = connects
}

// show shows what is selected of one message.
func (t *tapper) show(what string, payload []byte) error {
	var err error
	switch what {
	case tapRaw:
		err = t.reader.Block(payload, &t.selection, t.event)
	case tapEvents:
		err = t.reader.Batch(payload, &t.selection, t.event)
	default:
		err = t.letter(payload)
	}
	if _, broken := errors.AsType[*writeError](err); err == nil || broken || errors.Is(err, errEnough) {
		return err
	}
	t.unreadable++
	return nil
}

func (t *tapper) event(e *view.Event) error {
	return t.print(e, func() error {
		_, err := fmt.Fprintln(t.out, e.Line())
		return err //nolint:wrapcheck // wrapped by print
	})
}

// letter shows a dead letter of which anything is selected.
func (t *tapper) letter(payload []byte) error {
	d, err := view.OpenLetter(payload)
	if err != nil {
		return err
	}
	l, err := t.reader.Letter(d, &t.selection)
	if err != nil || len(l.Events) == 0 {
		return err
	}
	return t.print(l, func() error {
		l.Write(t.out)
		return nil
	})
}

// writeError is trouble with the output.
type writeError struct{ error }

func (t *tapper) print(v any, text func() error) error {
	if !t.rate.Allow() {
		t.passed++
		return nil
	}
	var err error
	if t.json {
		err = json.NewEncoder(t.out).Encode(v)
	} else {
		err = text()
	}
	if err != nil {
		return &writeError{err}
	}
	if t.shown++; t.shown == t.limit {
		return errEnough
	}
	return nil
}

// tell says what was shown and what was not.
func (t *tapper) tell(missed int) {
	fmt.Fprintf(t.errs, "%d shown\n", t.shown)
	for _, left := range []struct {
		count int
		what  string
	}{
		{t.passed, fmt.Sprintf("%d more not shown: they were over %d a second", t.passed, tapRate)},
		{missed, counted(missed, "message") + " not looked at, being too fast"},
		{t.unreadable, counted(t.unreadable, "message") + " could not be read, being damaged or of a newer Drainline"},
	} {
		if left.count > 0 {
			fmt.Fprintln(t.errs, left.what)
		}
	}
}

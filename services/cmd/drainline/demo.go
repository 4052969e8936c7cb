package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/inspector"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/player"
	"github.com/drainline/drainline/services/internal/topology"
)

// settlePatience bounds how long the demo waits at its end for the streams to
// be empty.
const settlePatience = 20 * time.Second

func demoCommand() *cobra.Command {
	var (
		sets []string
		rate float64
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See everything at work: a simulated app, the whole pipeline, and the inspector's page",
		Long: `Run the whole pipeline in a temporary folder with a simulated Heroku app in front of
it and the inspector in place of Splunk. It prints the drain URL, the inspector's page,
and a line a second. Ctrl-C stops the app, lets everything arrive, and ends with totals
that balance. Neither the environment nor configuration files are read.`,
		Example: `  drainline demo
  drainline demo --rate 1000 --set ingest.logplex.listen=127.0.0.1:18080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			dir, err := os.MkdirTemp("", "drainline-demo-")
			if err != nil {
				return fmt.Errorf("demo: %w", err)
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			loader, err := demoLoader(sets, dir)
			if err != nil {
				return err
			}
			page, err := demoPage(&loader)
			if err != nil {
				return err
			}
			return app.Run(cmd, loader, func(ctx context.Context, p *app.Process) ([]app.Service, error) {
				return startDemo(ctx, p, page, rate)
			})
		},
	}
	cmd.Flags().StringArrayVar(&sets, "set", nil, "set one `key=value` of the configuration")
	cmd.Flags().Float64Var(&rate, "rate", 20, "messages a second of the simulated app")
	return cmd
}

// demoDestination is the inspector, as a destination.
const demoDestination = "destinations.inspector."

// demoLoader is the demo's configuration, under what is set by flags.
func demoLoader(sets []string, dir string) (config.Loader, error) {
	loader, err := app.Sets(sets)
	if err != nil {
		return loader, err
	}
	for key, value := range map[string]any{
		"bus.embedded.dir": dir, "ingest.logplex.listen": "127.0.0.1:8080", "telemetry.logs.level": "warn",
		demoDestination + "token": "demo", demoDestination + "urls": "http://127.0.0.1", // until the page has a URL
	} {
		if _, ok := loader.Flags[key]; !ok {
			loader.Flags[key] = value
		}
	}
	return loader, nil
}

// demoPage opens the inspector and makes it the destination.
func demoPage(loader *config.Loader) (*inspector.Inspector, error) {
	c, err := loader.Load()
	if err != nil {
		return nil, &app.UsageError{Err: err}
	}
	page, err := inspector.New(inspector.Options{
		Listen: c.Inspector.Listen, MaxEvents: c.Inspector.MaxEvents, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	loader.Flags[demoDestination+"urls"] = page.URL()
	return page, nil
}

func startDemo(ctx context.Context, p *app.Process, page *inspector.Inspector, rate float64) ([]app.Service, error) {
	a, err := startAll(ctx, p)
	if err != nil {
		return nil, err
	}
	play, err := player.New(player.Options{URL: a.ingest.DrainURL(true) + "/storefront", Drains: 2, FramesPerRequest: 20, Rate: rate})
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if err := a.say(ctx, p); err != nil {
		return nil, err
	}
	p.Say("inspector", page.URL()+"  <- open this page; Ctrl-C ends the demo")
	d := &demo{all: a, player: play, out: p.Out}
	p.AtEnd(d.totals)
	return []app.Service{
		service(d.play), a.ingest, service(d.settle), a.transform, a.shipper, page,
	}, nil
}

// service is a function that runs until its context ends.
type service func(ctx context.Context) error

func (s service) Run(ctx context.Context) error { return s(ctx) }

// demo is the simulated app and the books.
type demo struct {
	*all
	player *player.Player
	out    io.Writer
	sent   player.Result
}

// play plays the app, and tells once a second how everything goes.
func (d *demo) play(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		var err error
		d.sent, err = d.player.Run(ctx)
		done <- err
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b := d.balance()
			c := d.shipper.Counts()
			fmt.Fprintf(d.out, "%s  events in %d  delivered %d  waiting %d  latency p50 %v p99 %v\n", time.Now().Format(time.TimeOnly),
				b.in, b.delivered, b.waiting(), c.LatencyP50.Round(time.Millisecond), c.LatencyP99.Round(time.Millisecond))
		case err := <-done:
			return err
		}
	}
}

// settle holds the later services until the streams are empty.
func (d *demo) settle(ctx context.Context) error {
	<-ctx.Done()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	return untilEmpty(patience, d.config, d.conn)
}

// untilEmpty waits until everything on the bus but dead letters is acknowledged.
func untilEmpty(ctx context.Context, c *config.Config, conn *bus.Conn) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		holdings, err := topology.New(c, 0).Holdings(ctx, conn)
		if err != nil {
			return err
		}
		var left uint64
		for _, h := range holdings {
			if h.Name != conn.Names().DeadStream() {
				left += h.Messages
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the streams are not empty yet: what is left is lost with the demo's temporary folder")
		}
	}
}

// balance is what became of the frames that were accepted.
type balance struct{ in, delivered, dead int64 }

func (b balance) waiting() int64 { return b.in - b.delivered - b.dead }

func (d *demo) balance() balance {
	c := d.shipper.Counts()
	// Later counters are read first, so that what is on its way counts as waiting.
	b := balance{delivered: c.Delivered, dead: c.Dead + d.transform.Totals().Bad.Load()}
	b.in = d.ingest.Counts().Frames.Load()
	return b
}

// totals closes the books.
func (d *demo) totals() {
	b := d.balance()
	verdict := "the books balance"
	if b.waiting() != 0 || d.sent.Accepted != b.in {
		verdict = "THE BOOKS DO NOT BALANCE"
	}
	fmt.Fprintf(d.out, "\nsent %d  accepted %d  delivered %d  dead %d  waiting %d: %s\n",
		d.sent.Sent, d.sent.Accepted, b.delivered, b.dead, b.waiting(), verdict)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// outcome is what became of all messages.
type outcome struct {
	accepted, delivered int // messages, each counted once
	lost, twice         int
	unanswered          int64 // requests that found no door
	took                time.Duration
	stats               stats
}

// measureScaleOut loads services on a cluster while instances come and go.
func (o *options) measureScaleOut(ctx context.Context, p programs) error {
	for _, binary := range o.binaries {
		got, err := o.scaleOut(ctx, p, binary, os.Stdout)
		if err != nil {
			return fmt.Errorf("%s: %w", binary, err)
		}
		fmt.Printf("accepted %d, delivered %d in %v (%.0f/s); lost %d, twice %d; %d requests found no door; latency p50 %.0f ms, p99 %.0f ms\n",
			got.accepted, got.delivered, got.took.Round(time.Millisecond), float64(got.delivered)/got.took.Seconds(),
			got.lost, got.twice, got.unanswered, got.stats.P50, got.stats.P99)
		if got.lost > 0 {
			return errLost
		}
	}
	return nil
}

// scaleOut starts a cluster and o.instances of each service, loads them for o.load, adds one
// of each after a third of that, has the first of each leave after two thirds, and waits
// until everything is delivered. Each second is a line on out.
func (o *options) scaleOut(ctx context.Context, p programs, binary string, out io.Writer) (got outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.load+patience)
	defer cancel()
	dir, err := os.MkdirTemp(filepath.Dir(p.dir), "scaleout-")
	if err != nil {
		return got, err
	}
	accepted, delivered := filepath.Join(dir, "accepted"), filepath.Join(dir, "delivered")
	simulator, url, err := p.startSimulator(ctx, "-ledger", delivered)
	if err != nil {
		return got, err
	}
	defer func() {
		if simulator != nil {
			stop(simulator)
		}
	}()
	f := &fleet{binary: binary, simulator: url, running: map[string][]*exec.Cmd{}}
	if f.cluster, err = p.startCluster(ctx, dir); err != nil {
		return got, err
	}
	defer f.cluster.stop()
	if f.balancer, err = startBalancer(ctx); err != nil {
		return got, err
	}
	defer f.stop()
	for range o.instances {
		if err := f.grow(ctx); err != nil {
			return got, err
		}
	}
	began := time.Now()
	if err := o.loadWhile(ctx, p, f, accepted, &watch{fleet: f, accepted: accepted, out: out}); err != nil {
		return got, err
	}
	in, err := count(accepted)
	if err != nil {
		return got, err
	}
	if _, err := awaitEvents(ctx, url, int64(len(in))); err != nil {
		return got, err
	}
	if err := f.cluster.awaitEmpty(ctx); err != nil { // what comes twice comes before
		return got, err
	}
	got.took, got.unanswered = time.Since(began), f.balancer.failed.Load()
	if got.stats, err = statsOf(ctx, url); err != nil {
		return got, err
	}
	stop(simulator) // writes the last of its ledger
	simulator = nil
	return got, got.compare(in, delivered)
}

// loadWhile sends until o.load has passed, and meanwhile has instances come and go.
func (o *options) loadWhile(ctx context.Context, p programs, f *fleet, accepted string, w *watch) error {
	const frames = 10
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := p.send(ctx, f.balancer.url, "--for", o.load.String(), "--rate", strconv.FormatFloat(o.rate, 'f', -1, 64),
			"--drains", strconv.Itoa(o.drains), "--frames", strconv.Itoa(frames), "--ledger", accepted)
		done <- err
	}()
	changes := []struct {
		at   time.Duration
		what string
		make func(context.Context) error
	}{
		{o.load / 3, "one more of each comes", f.grow},
		{2 * o.load / 3, "the first of each leaves", f.shrink},
	}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	due, changed := time.After(changes[0].at), make(chan error, 1)
	for {
		select {
		case <-every.C:
			if err := w.line(ctx); err != nil {
				return err
			}
		case <-due:
			fmt.Fprintln(w.out, changes[0].what)
			go func() { changed <- changes[0].make(ctx) }()
		case err := <-changed:
			if err != nil {
				return err
			}
			if changes = changes[1:]; len(changes) > 0 {
				due = time.After(time.Until(began.Add(changes[0].at)))
			}
		case err := <-done:
			if err == nil && len(changes) > 0 {
				err = errors.New("the load ended before all instances had come and gone: give it longer (-for)")
			}
			return err
		}
	}
}

// compare holds what was accepted against what the file says was delivered, by the ids of the messages.
func (o *outcome) compare(in map[string]int, delivered string) error {
	out, err := count(delivered)
	if err != nil {
		return err
	}
	o.accepted, o.delivered = len(in), len(out)
	for id := range in {
		if out[id] == 0 {
			o.lost++
		}
	}
	for _, times := range out {
		o.twice += times - 1
	}
	return nil
}

// count tells how often each line is in a file.
func count(file string) (map[string]int, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := map[string]int{}
	for line := range bytes.Lines(content) {
		lines[string(bytes.TrimSpace(line))]++
	}
	return lines, nil
}

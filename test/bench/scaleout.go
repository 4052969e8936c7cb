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

// loadWhile sends for o.load, or until the instances that have to have come and gone.
func (o *options) loadWhile(ctx context.Context, p programs, f *fleet, accepted string, w *watch) error {
	sender := exec.CommandContext(ctx, p.drainline, "send", "http://:"+secret+"@"+f.balancer.url+"/logs", "--quiet",
		"--rate", strconv.FormatFloat(o.rate, 'f', -1, 64), "--drains", strconv.Itoa(o.drains), "--frames", "10", "--ledger", accepted)
	sender.Stderr = os.Stderr
	began := time.Now()
	if err := sender.Start(); err != nil {
		return err
	}
	failed := o.comeAndGo(ctx, f, w, began)
	if err := end(sender); err != nil {
		return errors.Join(failed, fmt.Errorf("drainline send: %w", err))
	}
	return failed
}

// comeAndGo adds one of each service after a third of the time, has the first of each leave
// after two thirds, and prints a line a second until the time is over.
func (o *options) comeAndGo(ctx context.Context, f *fleet, w *watch, began time.Time) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"one more of each comes", f.grow},
		{"the first of each leaves", f.shrink},
		{"", func(context.Context) error { return nil }},
	}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	done := make(chan error, 1)
	for i, step := range steps {
		due := time.After(time.Until(began.Add(o.load * time.Duration(i+1) / time.Duration(len(steps)))))
		for waiting := true; waiting; {
			select {
			case <-every.C:
				if err := w.line(ctx); err != nil {
					return err
				}
			case <-due:
				if step.what != "" {
					fmt.Fprintln(w.out, step.what)
				}
				go func() { done <- step.do(ctx) }()
			case err := <-done:
				if err != nil {
					return err
				}
				waiting = false
			}
		}
	}
	return nil
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

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// pipelineColumns are the figures of one run.
var pipelineColumns = []column{
	{"req/s", "%.0f"},
	{"events/s", "%.0f"},
	{"MB/s", "%.1f"},
	{"events/CPU-s", "%.0f"},
	{"CPU-s/Mevent", "%.2f"},
	{"peak MB", "%.0f"},
	{"written/accepted", "%.2f"},
	{"flat-out p50 ms", "%.1f"},
	{"p99 ms", "%.1f"},
	{"steady p50 ms", "%.1f"},
	{"p99 ms", "%.1f"},
}

// pipeline is one run of one shape.
type pipeline struct {
	programs

	shape    shape
	binary   string
	settings []string
	profile  string // a file, or none
}

func (o *options) measurePipeline(ctx context.Context, p programs) error {
	t := newTable(pipelineColumns, "binary", "frames/req")
	for _, s := range o.shapes {
		results := make([][][]float64, len(o.binaries))
		for round := range o.runs {
			for i, binary := range o.binaries {
				run := pipeline{programs: p, shape: s, binary: binary, settings: o.settings, profile: o.profile(i, round, strconv.Itoa(s.frames))}
				r, err := o.measureShape(ctx, run)
				if err != nil {
					return fmt.Errorf("%s, %d frames: %w", binary, s.frames, err)
				}
				results[i] = append(results[i], r)
			}
		}
		for i, binary := range o.binaries {
			t.row(results[i], filepath.Base(binary), strconv.Itoa(s.frames))
		}
		if err := t.out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// profile is the file for the profile of a binary, in the first round.
func (o *options) profile(binary, round int, what string) string {
	if o.pprof == "" || round > 0 {
		return ""
	}
	return fmt.Sprintf("%s-%d-%s.pprof", o.pprof, binary, what)
}

// measureShape runs the flat-out phase on fresh processes, then the steady phase.
func (o *options) measureShape(ctx context.Context, run pipeline) ([]float64, error) {
	flat, err := run.phase(ctx, o.drains, 0, "--count", strconv.FormatInt(run.shape.count, 10))
	if err != nil {
		return nil, err
	}
	run.profile = ""
	steady, err := run.phase(ctx, o.drains, o.rate, "--for", o.steady.String())
	if err != nil {
		return nil, err
	}
	seconds := flat.elapsed.Seconds()
	events := float64(flat.sent.accepted)
	return []float64{
		float64(flat.sent.requests) / seconds, events / seconds, flat.sent.bytes / seconds / 1e6,
		events / flat.usage.cpu, flat.usage.cpu / events * 1e6, flat.usage.peak / 1e6, flat.usage.written / flat.sent.bytes,
		flat.stats.P50, flat.stats.P99, steady.stats.P50, steady.stats.P99,
	}, nil
}

// phase is one load on fresh processes, until everything has arrived.
type phase struct {
	sent    sent
	stats   stats
	usage   usage
	elapsed time.Duration // from the first message to the last one's arrival
}

func (run pipeline) phase(ctx context.Context, drains int, rate float64, end ...string) (p phase, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := os.RemoveAll(run.dir); err != nil {
		return p, err
	}
	sim, url, err := run.startSimulator(ctx)
	if err != nil {
		return p, err
	}
	defer stop(sim)
	door, err := freeAddress(ctx)
	if err != nil {
		return p, err
	}
	admin, err := freeAddress(ctx)
	if err != nil {
		return p, err
	}
	process, err := startDrainline(ctx, run.binary, "run", url, door, append([]string{
		"bus.embedded.dir=" + run.dir, "ingest.logplex.listen=" + door, "admin.listen=" + admin, "admin.pprof=true",
	}, run.settings...)...)
	if err != nil {
		return p, err
	}
	defer stop(process)
	before, err := usageOf(process.Process.Pid)
	if err != nil {
		return p, err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- takeProfile(ctx, admin, run.profile) }()

	began := time.Now()
	p.sent, err = run.send(ctx, door, append([]string{
		"--numbered", "--drains", strconv.Itoa(drains), "--frames", strconv.Itoa(run.shape.frames), "--rate", strconv.FormatFloat(rate, 'f', -1, 64),
	}, end...)...)
	if err != nil {
		return p, err
	}
	if p.stats, err = awaitEvents(ctx, url, p.sent.accepted); err != nil {
		return p, err
	}
	p.elapsed = time.Since(began)
	after, err := usageOf(process.Process.Pid)
	if err != nil {
		return p, err
	}
	p.usage = usage{cpu: after.cpu - before.cpu, peak: after.peak, written: after.written - before.written}
	return p, <-profiled
}

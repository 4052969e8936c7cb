package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// waiting is how many events wait for a shipper that is measured: some seconds' work.
const waiting = 3_000_000

var shipperColumns = []column{
	{"events/s", "%.0f"},
	{"MB/s", "%.1f"},
	{"events/CPU-s", "%.0f"},
	{"CPU-s/Mevent", "%.2f"},
	{"peak MB", "%.0f"},
	{"bytes/event", "%.0f"},
	{"events/req", "%.0f"},
}

// measureShipper has each binary carry the same events.
func (o *options) measureShipper(ctx context.Context, p programs) error {
	const frames = 100
	filled := filepath.Join(p.dir, "filled")
	count, err := p.fill(ctx, filled, o.drains, frames, o.scaled(waiting))
	if err != nil {
		return fmt.Errorf("fill the bus: %w", err)
	}
	results := make([][][]float64, len(o.binaries))
	for round := range o.runs {
		for i, binary := range o.binaries {
			r, err := o.drain(ctx, p, filled, binary, o.profile(i, round, "shipper"), count)
			if err != nil {
				return fmt.Errorf("%s: %w", binary, err)
			}
			results[i] = append(results[i], r)
		}
	}
	t := newTable(shipperColumns, "binary")
	for i, binary := range o.binaries {
		t.row(results[i], filepath.Base(binary))
	}
	return t.out.Flush()
}

// drain has one shipper carry away all that a copy of a folder has. Its CPU counts
// from the start of the process, time from the first arrival.
func (o *options) drain(ctx context.Context, p programs, filled, binary, profile string, count int64) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir := filepath.Join(p.dir, "drained")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, os.DirFS(filled)); err != nil {
		return nil, err
	}
	bus, err := p.startBus(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer stop(bus.process)
	sim, url, err := p.startSimulator(ctx)
	if err != nil {
		return nil, err
	}
	defer stop(sim)
	admin, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	shipper, err := startDrainline(ctx, binary, "shipper", url, admin,
		append([]string{"bus.url=" + bus.url, "admin.listen=" + admin, "admin.pprof=true"}, o.settings...)...)
	if err != nil {
		return nil, err
	}
	defer stop(shipper)
	profiled := make(chan error, 1)
	go func() { profiled <- takeProfile(ctx, admin, profile) }()

	first, err := awaitEvents(ctx, url, 1)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	last, err := awaitEvents(ctx, url, count)
	if err != nil {
		return nil, err
	}
	seconds := time.Since(began).Seconds()
	used, err := usageOf(shipper.Process.Pid)
	if err != nil {
		return nil, err
	}
	events := float64(last.Events)
	return []float64{
		float64(last.Events-first.Events) / seconds, float64(last.Bytes-first.Bytes) / seconds / 1e6,
		events / used.cpu, used.cpu / events * 1e6, used.peak / 1e6,
		float64(last.Bytes) / events, events / float64(last.Requests),
	}, <-profiled
}

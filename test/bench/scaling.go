package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// perRequest is how many events a message on the bus has, and a HEC request.
	perRequest = 200
	// inFlight is how many requests a shipper has in flight: few, so that it waits for
	// answers most of the time.
	inFlight = 4
	// settling is how long shippers run before they are measured.
	settling = time.Second
)

var scalingColumns = []column{{"req/s", "%.0f"}, {"events/s", "%.0f"}, {"of one", "%.2f"}, {"cores used", "%.2f"}}

// measureScaling has more and more shippers share a backlog that outlasts them all.
func (o *options) measureScaling(ctx context.Context, p programs) error {
	t := newTable(scalingColumns, "binary", "shippers")
	for _, binary := range o.binaries {
		results := make([][][]float64, len(o.shippers))
		for round := range o.runs {
			dir := filepath.Join(p.dir, fmt.Sprint(filepath.Base(binary), round))
			if err := o.fillForAll(ctx, p, dir); err != nil {
				return fmt.Errorf("fill the bus: %w", err)
			}
			one := 0.0
			for i, n := range o.shippers {
				r, err := o.share(ctx, p, dir, binary, n)
				if err != nil {
					return fmt.Errorf("%s, %d shippers: %w", binary, n, err)
				}
				if i == 0 {
					one = r.rate / float64(n)
				}
				results[i] = append(results[i], []float64{r.rate / perRequest, r.rate, r.rate / one, r.cores})
			}
		}
		for i, n := range o.shippers {
			t.row(results[i], filepath.Base(binary), strconv.Itoa(n))
		}
	}
	return t.out.Flush()
}

// fillForAll stores twice what all shippers can carry while they are measured, and a
// thousand messages for each of the most that they hold at a time.
func (o *options) fillForAll(ctx context.Context, p programs, dir string) error {
	const ahead = 1000
	messages := 0
	for _, n := range o.shippers {
		requests := float64(n*inFlight) * (settling + o.steady).Seconds() / o.delay.Seconds()
		messages += 2*int(requests) + ahead
	}
	_, err := p.fill(ctx, dir, 1, perRequest, int64(messages*perRequest))
	return err
}

// shared is what some shippers have done together.
type shared struct {
	rate  float64 // events a second
	cores float64 // CPU-seconds a second, of all shippers
}

func (o *options) share(ctx context.Context, p programs, dir, binary string, n int) (s shared, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bus, err := p.startBus(ctx, dir)
	if err != nil {
		return s, err
	}
	defer stop(bus.process)
	sim, url, err := p.startSimulator(ctx, "-delay", o.delay.String())
	if err != nil {
		return s, err
	}
	defer stop(sim)
	shippers := make([]*exec.Cmd, n)
	for i := range shippers {
		admin, err := freeAddress(ctx)
		if err != nil {
			return s, err
		}
		shippers[i], err = startDrainline(ctx, binary, "shipper", url, admin, append([]string{
			"bus.url=" + bus.url, "admin.listen=" + admin, "destinations.splunk.batch.max_events=" + strconv.Itoa(perRequest),
			"destinations.splunk.concurrency.max=" + strconv.Itoa(inFlight),
		}, o.settings...)...)
		if err != nil {
			return s, err
		}
		defer stop(shippers[i])
	}
	if err := pause(ctx, settling); err != nil {
		return s, err
	}
	before, cpuBefore, began, err := o.look(ctx, url, shippers)
	if err != nil {
		return s, err
	}
	if err := pause(ctx, o.steady); err != nil {
		return s, err
	}
	after, cpuAfter, ended, err := o.look(ctx, url, shippers)
	if err != nil {
		return s, err
	}
	seconds := ended.Sub(began).Seconds()
	return shared{rate: float64(after.Events-before.Events) / seconds, cores: (cpuAfter - cpuBefore) / seconds}, nil
}

// look is what has arrived, and the CPU-seconds that it took.
func (o *options) look(ctx context.Context, simulator string, shippers []*exec.Cmd) (s stats, cpu float64, at time.Time, err error) {
	if s, err = statsOf(ctx, simulator); err != nil {
		return s, 0, at, err
	}
	at = time.Now()
	for _, one := range shippers {
		used, err := usageOf(one.Process.Pid)
		if err != nil {
			return s, 0, at, err
		}
		cpu += used.cpu
	}
	return s, cpu, at, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

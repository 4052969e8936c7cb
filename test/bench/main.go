// Command bench measures Drainline with real processes. What it prints of CPU,
// memory and disk is of the measured processes alone.
//
//   - pipeline: `drainline send` plays Logplex, `drainline run` (embedded server,
//     fsync on every write) carries, and the Splunk simulator takes.
//   - shipper: events wait on a NATS server, `drainline shipper` carries them to the
//     simulator (decode, encode, gzip, HTTP).
//   - scaling: the same with several shippers, and a simulator that takes its time to
//     answer.
//   - scaleout: some of each service on the cluster of deploy/nats are loaded while
//     instances come and go. It prints a line a second, and in the end whether anything
//     was lost.
//
// Give -drainline several binaries to compare them: they take turns within each
// round, so that a machine that slows down slows them all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// shape is one kind of load.
type shape struct {
	frames int   // a request
	count  int64 // messages in the flat-out phase
}

type options struct {
	measured string
	binaries []string
	settings []string
	shapes   []shape
	shippers []int
	runs     int
	drains   int
	rate     float64
	steady   time.Duration
	delay    time.Duration
	scale    float64
	pprof    string

	instances int
	load      time.Duration
}

// programs are those beside the measured ones.
type programs struct {
	drainline, simulator, nats string
	dir                        string // for what they store
}

func main() {
	var o options
	repeated := func(list *[]string) func(string) error {
		return func(s string) error {
			*list = append(*list, s)
			return nil
		}
	}
	flag.StringVar(&o.measured, "measure", "pipeline", "`what` is measured: pipeline, shipper, scaling or scaleout")
	flag.Func("drainline", "a drainline `binary`; repeat it to compare (default: built from this tree)", repeated(&o.binaries))
	flag.Func("set", "a setting `key=value` for the measured processes; repeat it for more", repeated(&o.settings))
	frames := flag.String("frames", "1,20,200", "pipeline: frames a request, a list")
	shippers := flag.String("shippers", "1,2,4", "scaling: how many shippers, a list")
	flag.IntVar(&o.runs, "runs", 3, "rounds; the median is printed")
	flag.IntVar(&o.drains, "drains", 64, "pipeline, shipper and scaleout: drains that send at once")
	flag.Float64Var(&o.rate, "rate", 2000, "pipeline: messages a second in the phase that measures latency; scaleout: in all")
	flag.DurationVar(&o.steady, "steady", 5*time.Second, "pipeline: how long that phase lasts; scaling: how long is measured")
	flag.DurationVar(&o.delay, "delay", 50*time.Millisecond, "scaling: how long the simulator takes to answer")
	flag.IntVar(&o.instances, "instances", 2, "scaleout: how many of each service there are at first")
	flag.DurationVar(&o.load, "for", time.Minute, "scaleout: how long it is loaded at least; instances come after a third, and go after two")
	flag.Float64Var(&o.scale, "scale", 1, "factor on the number of messages")
	flag.StringVar(&o.pprof, "cpuprofile", "", "pipeline and shipper: write CPU profiles of the first round to files of this `prefix`")
	flag.Parse()

	err := errors.Join(o.parseShapes(*frames), o.parseShippers(*shippers))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err = o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) parseShapes(list string) error {
	numbers, err := parseNumbers(list, 1024)
	if err != nil {
		return fmt.Errorf("-frames %q: %w", list, err)
	}
	for _, n := range numbers {
		// Enough for some seconds each: small requests are slower by the message.
		count := int64(150_000)
		switch {
		case n >= 100:
			count = 3_000_000
		case n >= 10:
			count = 1_000_000
		}
		o.shapes = append(o.shapes, shape{frames: n, count: o.scaled(count)})
	}
	return nil
}

func (o *options) parseShippers(list string) (err error) {
	if o.shippers, err = parseNumbers(list, 64); err != nil {
		return fmt.Errorf("-shippers %q: %w", list, err)
	}
	return nil
}

func parseNumbers(list string, most int) ([]int, error) {
	var numbers []int
	for one := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(one)
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("want numbers from 1 to %d", most)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

func (o *options) scaled(count int64) int64 { return int64(float64(count) * o.scale) }

func (o *options) run(ctx context.Context) error {
	measure, known := map[string]func(context.Context, programs) error{
		"pipeline": o.measurePipeline, "shipper": o.measureShipper, "scaling": o.measureScaling, "scaleout": o.measureScaleOut,
	}[o.measured]
	if !known {
		return fmt.Errorf("-measure %s: want pipeline, shipper, scaling or scaleout", o.measured)
	}
	dir, err := os.MkdirTemp("", "drainline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := buildPrograms(ctx, dir)
	if err != nil {
		return err
	}
	if len(o.binaries) == 0 {
		o.binaries = []string{p.drainline}
	}
	return measure(ctx, p)
}

// buildPrograms builds into a folder, in which the programs are to store what they do.
func buildPrograms(ctx context.Context, dir string) (programs, error) {
	p := programs{
		drainline: filepath.Join(dir, "drainline"), simulator: filepath.Join(dir, "splunk-sim"),
		nats: filepath.Join(dir, "nats-server"), dir: filepath.Join(dir, "data"),
	}
	for _, b := range []struct{ out, pkg string }{
		{p.simulator, "./simulators/cmd/splunk-sim"},
		{p.drainline, "../services/cmd/drainline"},
		{p.nats, "github.com/nats-io/nats-server/v2"},
	} {
		if err := build(ctx, b.out, b.pkg); err != nil {
			return p, err
		}
	}
	return p, nil
}

// build leaves the toolchain's own words on stderr.
func build(ctx context.Context, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build %s (run it in the folder test): %w", pkg, err)
	}
	return nil
}

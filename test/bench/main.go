// Command bench measures the whole pipeline with real processes: `drainline
// send` plays Logplex, `drainline run` (embedded server, fsync on every write)
// carries, and the Splunk simulator takes. What it prints of CPU, memory and
// disk is of the pipeline's process alone.
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
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// shape is one kind of load.
type shape struct {
	frames int   // a request
	count  int64 // messages in the flat-out phase
}

type options struct {
	binaries []string
	shapes   []shape
	runs     int
	drains   int
	rate     float64
	steady   time.Duration
	scale    float64
	pprof    string
}

func main() {
	var o options
	flag.Func("drainline", "a drainline `binary`; repeat it to compare (default: built from this tree)", func(s string) error {
		o.binaries = append(o.binaries, s)
		return nil
	})
	frames := flag.String("frames", "1,20,200", "frames a request, a list")
	flag.IntVar(&o.runs, "runs", 3, "rounds; the median is printed")
	flag.IntVar(&o.drains, "drains", 64, "drains that send at once")
	flag.Float64Var(&o.rate, "rate", 2000, "messages a second in the phase that measures latency")
	flag.DurationVar(&o.steady, "steady", 5*time.Second, "how long that phase lasts")
	flag.Float64Var(&o.scale, "scale", 1, "factor on the number of messages")
	flag.StringVar(&o.pprof, "cpuprofile", "", "write CPU profiles of the flat-out phases to files of this `prefix`")
	flag.Parse()

	if err := o.parseShapes(*frames); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) parseShapes(list string) error {
	for one := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(one)
		if err != nil || n < 1 || n > 1024 {
			return fmt.Errorf("-frames %q: want numbers from 1 to 1024", list)
		}
		// Enough for some seconds each: small requests are slower by the message.
		count := int64(150_000)
		switch {
		case n >= 100:
			count = 3_000_000
		case n >= 10:
			count = 1_000_000
		}
		o.shapes = append(o.shapes, shape{frames: n, count: int64(float64(count) * o.scale)})
	}
	return nil
}

func (o *options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "drainline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	simulator, own := filepath.Join(dir, "splunk-sim"), filepath.Join(dir, "drainline")
	if err := build(ctx, simulator, "./simulators/cmd/splunk-sim"); err != nil {
		return err
	}
	if err := build(ctx, own, "../services/cmd/drainline"); err != nil {
		return err
	}
	if len(o.binaries) == 0 {
		o.binaries = []string{own}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, strings.Join([]string{
		"binary", "frames/req", "req/s", "events/s", "MB/s", "events/CPU-s", "CPU-s/Mevent", "peak MB", "written/accepted",
		"flat-out p50 ms", "p99 ms", "steady p50 ms", "p99 ms", "",
	}, "\t"))
	for _, s := range o.shapes {
		results := make([][]result, len(o.binaries))
		for round := range o.runs {
			for i, binary := range o.binaries {
				r, err := o.measure(ctx, bench{
					shape: s, binary: binary, player: own, simulator: simulator, dir: filepath.Join(dir, "data"),
					profile: o.profile(i, s, round),
				})
				if err != nil {
					return fmt.Errorf("%s, %d frames: %w", binary, s.frames, err)
				}
				results[i] = append(results[i], r)
			}
		}
		for i, binary := range o.binaries {
			fmt.Fprintln(out, filepath.Base(binary)+"\t"+strconv.Itoa(s.frames)+"\t"+medians(results[i]))
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) profile(binary int, s shape, round int) string {
	if o.pprof == "" || round > 0 {
		return ""
	}
	return fmt.Sprintf("%s-%d-%d.pprof", o.pprof, binary, s.frames)
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

// result is one run's figures, in the order of the columns.
type result [11]float64

// medians are the columns' medians over the runs.
func medians(results []result) string {
	formats := [len(result{})]string{"%.0f", "%.0f", "%.1f", "%.0f", "%.2f", "%.0f", "%.2f", "%.1f", "%.1f", "%.1f", "%.1f"}
	var line strings.Builder
	for column, format := range formats {
		values := make([]float64, len(results))
		for i, r := range results {
			values[i] = r[column]
		}
		slices.Sort(values)
		fmt.Fprintf(&line, format+"\t", values[len(values)/2])
	}
	return line.String()
}

var errLost = errors.New("not everything that was accepted arrived")

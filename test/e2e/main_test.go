package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// atOnce is how many tests run side by side unless -parallel says otherwise.
// Those that kill something spend most of their time waiting for AckWait.
const atOnce = 8

// crashing is a transform that a certain text kills.
const crashing = "transform-crashing"

// programs is the folder of the programs that TestMain has built.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	if !isGiven("test.parallel") {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
			panic(err)
		}
	}
	os.Exit(run(m))
}

func isGiven(name string) bool {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drainline-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: the programs cannot be built:", err)
		return 1
	}
	programs = dir
	return m.Run()
}

// build makes every program. Drainline's own watch for races where the tests do.
func build(dir string) error {
	const enough = 8 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	services := []string{"build"}
	if race {
		services = append(services, "-race")
	}
	with := func(more ...string) []string { return append(slices.Clip(services), more...) }
	folder := dir + string(filepath.Separator)
	for _, b := range []struct {
		in   string
		args []string
	}{
		{"../../services", with("-o", folder, "./cmd/...")},
		{"../../services", with("-o", folder+crashing, "-tags=crashtest", "./cmd/transform")},
		{"../simulators", []string{"build", "-o", filepath.Join(dir, "splunk-sim"), "./cmd/splunk-sim"}},
		{"..", []string{"build", "-o", filepath.Join(dir, "nats-server"), "github.com/nats-io/nats-server/v2"}},
	} {
		cmd := exec.CommandContext(ctx, "go", b.args...)
		cmd.Dir = b.in
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
	}
	return nil
}

package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// program is the drainline that TestMain has built.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drainline-clients-")
	if err == nil {
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "drainline")
		err = build(program)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients: drainline cannot be built:", err)
		return 1
	}
	return m.Run()
}

func build(path string) error {
	const enough = 8 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/drainline")
	cmd.Dir = "../../services"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

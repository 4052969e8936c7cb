package deploy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// programs are what tests run, each built when the first test asks for it, into a folder
// that is gone after the last. Tests of the building itself build their own.
var programs = map[string]func() (string, error){}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drainline-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy: there is no folder for the programs:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	for name, pkg := range map[string]string{
		"drainline":   "github.com/drainline/drainline/services/cmd/drainline",
		"ingest":      "github.com/drainline/drainline/services/cmd/ingest",
		"transform":   "github.com/drainline/drainline/services/cmd/transform",
		"shipper":     "github.com/drainline/drainline/services/cmd/shipper",
		"nats-server": "github.com/nats-io/nats-server/v2",
	} {
		programs[name] = sync.OnceValues(func() (string, error) { return build(filepath.Join(dir, name), pkg) })
	}
	return m.Run()
}

// build builds as the Dockerfile and a release do, so that what one has compiled serves all.
func build(file, pkg string) (string, error) {
	const enough = 8 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s cannot be built: %w\n%s", pkg, err, out)
	}
	return file, nil
}

// program is the path of one of the programs.
func program(t *testing.T, name string) string {
	t.Helper()
	file, err := programs[name]()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// do runs a program, in a folder and with more in its environment than the test has, and
// gives what it prints.
func do(t *testing.T, folder string, env []string, words ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", words, err, out)
	}
	return string(out)
}

// programFolders are where this machine's programs and their libraries are. Not every
// machine has a /lib64.
var programFolders = slices.DeleteFunc([]string{"/bin", "/lib", "/lib64", "/usr"}, func(folder string) bool {
	_, err := os.Stat(folder)
	return err != nil
})

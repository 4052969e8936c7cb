package config_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

const (
	loadedAgain = "the configuration was loaded again"
	unchanged   = "the configuration has not changed"
	refused     = "the changed configuration is not used, the running one stays"

	patience = 10 * time.Second
)

// watched is a Watch at work.
type watched struct {
	t       *testing.T
	hangup  chan os.Signal
	applied chan *config.Config
	logged  chan slog.Record
	refuses atomic.Bool // what is to be applied cannot be, for now
	trouble atomic.Bool // what is in the files is not in force
}

// watch starts a Watch and waits until it watches.
func watch(t *testing.T, l config.Loader) *watched {
	t.Helper()
	current := load(t, l)
	w := &watched{
		t: t, hangup: make(chan os.Signal), applied: make(chan *config.Config, 100), logged: make(chan slog.Record, 100),
	}
	ended := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- l.Watch(ctx, slog.New(handler{w.logged}), current, w.hangup, func(c *config.Config) error {
			if w.refuses.Load() {
				return errors.New("not now")
			}
			w.applied <- c
			return nil
		}, func(problem error) { w.trouble.Store(problem != nil) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.ask()
	w.expect(unchanged)
	return w
}

func (w *watched) ask() { w.hangup <- syscall.SIGHUP }

// expect waits for a record, which must be the next, and returns its problems.
func (w *watched) expect(message string) []string {
	w.t.Helper()
	select {
	case r := <-w.logged:
		if r.Message != message {
			w.t.Fatalf("logged %q %q, want %q", r.Message, attributes(r), message)
		}
		return attributes(r)
	case <-time.After(patience):
		w.t.Fatalf("%q is not logged", message)
		return nil
	}
}

// next waits for a new configuration.
func (w *watched) next() *config.Config {
	w.t.Helper()
	w.expect(loadedAgain)
	select {
	case c := <-w.applied:
		return c
	case <-time.After(patience):
		w.t.Fatal("no new configuration is applied")
		return nil
	}
}

func attributes(r slog.Record) []string {
	var values []string
	r.Attrs(func(a slog.Attr) bool {
		if lines, ok := a.Value.Any().([]string); ok {
			values = append(values, lines...)
		}
		return true
	})
	return values
}

type handler struct{ records chan<- slog.Record }

func (handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	h.records <- r
	return nil
}

func (h handler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h handler) WithGroup(string) slog.Handler { return h }

func hold(seconds int) string { return fmt.Sprintf("ingest: {hold: %ds}\n", seconds) }

// What could not be put in force is tried again, by whoever asks.
func TestWatchTriesAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := watch(t, config.Loader{Files: []string{write(t, dir, "drainline.yaml", hold(1))}})
	w.refuses.Store(true)
	write(t, dir, "drainline.yaml", hold(2))
	if got := w.expect(refused); len(got) != 1 || got[0] != "not now" || !w.trouble.Load() {
		t.Errorf("refused for %q, told: %v", got, w.trouble.Load())
	}
	w.refuses.Store(false)
	w.ask()
	if got := w.next().Ingest.Hold; got != 2*time.Second {
		t.Errorf("in force: %v", got)
	}
	w.ask()
	w.expect(unchanged)
	if w.trouble.Load() {
		t.Error("what is in force is told to be refused")
	}
}

func TestWatchFollowsChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, dir string){
		"written in place": func(t *testing.T, dir string) {
			t.Helper()
			write(t, dir, "drainline.yaml", hold(2))
		},
		"renamed over": func(t *testing.T, dir string) {
			t.Helper()
			rename(t, write(t, dir, "drainline.yaml~", hold(2)), filepath.Join(dir, "drainline.yaml"))
		},
		"folder replaced": func(t *testing.T, dir string) {
			t.Helper()
			write(t, dir+".new", "drainline.yaml", hold(2))
			rename(t, dir, dir+".old")
			rename(t, dir+".new", dir)
		},
		"link added": func(t *testing.T, dir string) {
			t.Helper()
			write(t, dir, "other.yaml", hold(2))
			if err := os.Symlink("other.yaml", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			rename(t, filepath.Join(dir, "link"), filepath.Join(dir, "drainline.yaml"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "etc")
			w := watch(t, config.Loader{Files: []string{write(t, dir, "drainline.yaml", hold(1))}})
			change(t, dir)
			got := w.next().Ingest.Hold
			if got == 4*time.Second { // the default: the file was read while it was empty
				got = w.next().Ingest.Hold
			}
			if got != 2*time.Second {
				t.Errorf("hold %s", got)
			}
			// The watch holds after the change too.
			replace(t, dir, "drainline.yaml", hold(3))
			if got := w.next().Ingest.Hold; got != 3*time.Second {
				t.Errorf("hold %s after a second change", got)
			}
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file as careful programs do, so that nobody reads a half.
func replace(t *testing.T, dir, name, content string) {
	t.Helper()
	full := filepath.Join(dir, name)
	rename(t, write(t, filepath.Dir(full), ".new", content), full)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// Kubernetes mounts a ConfigMap as links through a link that it replaces.
func TestWatchFollowsKubernetes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	publish := func(version, content string) {
		write(t, filepath.Join(dir, ".."+version), "drainline.yaml", content)
		if err := os.Symlink(".."+version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
	}
	publish("v1", hold(1))
	file := filepath.Join(dir, "drainline.yaml")
	if err := os.Symlink("..data/drainline.yaml", file); err != nil {
		t.Fatal(err)
	}
	w := watch(t, config.Loader{Files: []string{file}})
	for i, version := range []string{"v2", "v3"} {
		publish(version, hold(i+2))
		remove(t, filepath.Join(dir, fmt.Sprintf("..v%d", i+1)))
		if got := w.next().Ingest.Hold; got != time.Duration(i+2)*time.Second {
			t.Errorf("hold %s after %s", got, version)
		}
	}
}

func TestWatchSurvivesDeletion(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]string{"file": "etc/drainline/drainline.yaml", "folder": "etc/drainline", "folders": "etc"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := watch(t, config.Loader{Files: []string{write(t, dir, "etc/drainline/drainline.yaml", hold(1))}})
			for round := range 2 {
				remove(t, filepath.Join(dir, gone))
				w.expect(refused)
				replace(t, dir, "etc/drainline/drainline.yaml", hold(round+2))
				if got := w.next().Ingest.Hold; got != time.Duration(round+2)*time.Second {
					t.Errorf("hold %s", got)
				}
			}
		})
	}
}

func TestWatchFollowsIncludesAndSecrets(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"etc/drainline.yaml": "include: ['*.d/*.yaml']\n",
	})
	token := write(t, dir, "run/token", "first")
	replace(t, dir, "etc/a.d/one.yaml", "destinations: {one: {urls: [https://one], token_file: "+token+"}}")
	w := watch(t, config.Loader{Files: []string{filepath.Join(dir, "etc/drainline.yaml")}})

	replace(t, dir, "run/token", "second")
	if got := w.next().Destinations["one"].Token.Reveal(); got != "second" {
		t.Errorf("token %q", got)
	}
	replace(t, dir, "etc/a.d/two.yaml", "destinations: {two: {urls: [https://two], token: b}}")
	if got := w.next().Destinations; len(got) != 2 {
		t.Errorf("destinations %v after a new file", got)
	}
	replace(t, dir, "etc/b.d/three.yaml", "destinations: {three: {urls: [https://three], token: c}}")
	if got := w.next().Destinations; len(got) != 3 {
		t.Errorf("destinations %v after a new folder", got)
	}
	remove(t, filepath.Join(dir, "etc/a.d/two.yaml"))
	if got := w.next().Destinations; len(got) != 2 {
		t.Errorf("destinations %v after a file is gone", got)
	}
}

func TestWatchKeepsTheOldOnProblems(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "drainline.yaml", hold(1))
	w := watch(t, config.Loader{Files: []string{file}})

	replace(t, dir, "drainline.yaml", hold(9)+"admin: {pprof: true}\n")
	want := []string{"ingest.hold: 9s: must be a duration from 0s to 4.5s (" + file + ")"}
	if diff := cmp.Diff(want, w.expect(refused)); diff != "" {
		t.Error(diff)
	}
	w.ask() // who asks gets the answer again
	w.expect(refused)
	replace(t, dir, "drainline.yaml", hold(2))
	got := w.next()
	if got.Ingest.Hold != 2*time.Second || got.Admin.Pprof {
		t.Errorf("applied %+v", got)
	}
	if n := len(w.applied); n != 0 {
		t.Errorf("%d more configurations are applied", n)
	}
}

func TestWatchRefusesWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := watch(t, config.Loader{Files: []string{write(t, dir, "drainline.yaml", hold(1))}})

	replace(t, dir, "drainline.yaml", `
ingest: {hold: 2s, logplex: {listen: ":9000", tls: {cert_file: a, key_file: b}}}
admin: {listen: ":9001", pprof: true}
inspector: {listen: ":9002"}
bus: {prefix: other, raw: {shards: 2}, url: "nats://a"}
`)
	want := []string{
		`admin.listen: :9001: needs a restart; what runs has 127.0.0.1:9600`,
		`admin.pprof: true: needs a restart; what runs has false`,
		`bus.prefix: other: needs a restart; what runs has drainline`,
		`bus.raw.shards: 2: needs a restart; what runs has 1`,
		`bus.url: nats://a: needs a restart; what runs has ""`,
		`ingest.logplex.listen: :9000: needs a restart; what runs has :8080`,
		`ingest.logplex.tls.cert_file: a: needs a restart; what runs has ""`,
		`ingest.logplex.tls.key_file: b: needs a restart; what runs has ""`,
		`inspector.listen: :9002: needs a restart; what runs has 127.0.0.1:8089`,
	}
	if diff := cmp.Diff(want, w.expect(refused)); diff != "" {
		t.Error(diff)
	}
	replace(t, dir, "drainline.yaml", hold(3))
	if got := w.next(); got.Ingest.Hold != 3*time.Second || got.Admin.Pprof {
		t.Errorf("applied %+v", got)
	}
}

func TestWatchFindsWhatChangedBeforeIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := config.Loader{Files: []string{write(t, dir, "drainline.yaml", hold(1))}}
	current := load(t, l)
	replace(t, dir, "drainline.yaml", hold(2))

	applied := make(chan *config.Config, 1)
	hangup := make(chan os.Signal)
	close(hangup) // nobody will signal
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- l.Watch(ctx, slog.New(slog.DiscardHandler), current, hangup, func(c *config.Config) error {
			applied <- c
			return nil
		}, func(error) {})
	}()
	select {
	case c := <-applied:
		if c.Ingest.Hold != 2*time.Second {
			t.Errorf("hold %s", c.Ingest.Hold)
		}
	case <-time.After(patience):
		t.Error("the change is not found")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWatchIgnoresChangesWithoutEffect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := watch(t, config.Loader{Files: []string{write(t, dir, "drainline.yaml", hold(1))}})
	replace(t, dir, "drainline.yaml", "# a comment\n"+hold(1))
	w.ask()
	w.expect(unchanged)
	if n := len(w.applied); n != 0 {
		t.Errorf("%d configurations are applied", n)
	}
}

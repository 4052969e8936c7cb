package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is the time that whoever changes files has to finish.
const settle = 200 * time.Millisecond

// Watch loads again on a hangup signal and when a file changes that takes part:
// configuration files, files that an include matches, files of secrets, the
// certificates of tls sections. It calls apply, one call at a time, with each
// new configuration that differs from the one before, or whose certificates do:
// apply reads them again. A configuration with problems, or one that needs a
// restart, is logged once and changes nothing. After each try Watch calls tried
// with what was wrong, nil when what is in the files is in force.
//
// Watch returns nil when ctx ends, and an error only when the system lets it
// watch no files at all. current is what the process started with.
func (l Loader) Watch(
	ctx context.Context, log *slog.Logger, current *Config, hangup <-chan os.Signal, apply func(*Config) error, tried func(error),
) error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching configuration files (is the limit fs.inotify.max_user_instances reached?): %w", err)
	}
	w := watcher{loader: l, log: log, current: current, apply: apply, tried: tried, notify: notify}
	w.run(ctx, hangup)
	if err := notify.Close(); err != nil {
		return fmt.Errorf("ending the watch of configuration files: %w", err)
	}
	return nil
}

type watcher struct {
	loader  Loader
	log     *slog.Logger
	current *Config
	apply   func(*Config) error
	tried   func(error)
	notify  *fsnotify.Watcher
	refused string // the last problems, so that they are logged once
}

func (w *watcher) run(ctx context.Context, hangup <-chan os.Signal) {
	due := time.After(0) // files may have changed since current was loaded
	again := func() {
		if due == nil {
			due = time.After(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-hangup:
			if !open {
				hangup = nil
				continue
			}
			w.refused = "" // who asks gets an answer
			if w.reload(ctx, true) {
				again()
			}
		case <-due:
			due = nil
			if w.reload(ctx, false) {
				again()
			}
		case <-w.notify.Events:
			again()
		case err := <-w.notify.Errors:
			w.log.WarnContext(ctx, "changes of files may have been missed; the configuration is loaded again", "error", err)
			again()
		}
	}
}

// reload reports whether to load once more, because a folder is watched only
// now and may have changed while the files were read.
func (w *watcher) reload(ctx context.Context, asked bool) bool {
	next, took, err := w.loader.load()
	again := w.arm(ctx, took)
	if err == nil {
		err = asError(restarts(w.current, next))
	}
	changed := err == nil && w.current.differs(next)
	if changed {
		err = w.apply(next)
	}
	if err != nil {
		w.refuse(ctx, err)
		return again
	}
	cured := w.refused != ""
	w.refused = ""
	w.tried(nil)
	switch {
	case changed:
		w.log.InfoContext(ctx, "the configuration was loaded again", "sha256", next.SHA())
		w.current = next
	case asked || cured:
		w.log.InfoContext(ctx, "the configuration has not changed", "sha256", next.SHA())
	}
	return again
}

func (w *watcher) refuse(ctx context.Context, err error) {
	w.tried(err)
	if w.refused == err.Error() {
		return
	}
	w.refused = err.Error()
	lines := strings.Split(err.Error(), "\n")
	if several, ok := errors.AsType[*Error](err); ok {
		lines = several.lines()
	}
	w.log.ErrorContext(ctx, "the changed configuration is not used, the running one stays", "problems", lines)
}

// restarts lists the changes that a running process cannot follow.
func restarts(current, next *Config) []Problem {
	running := map[string]any{}
	for _, l := range current.leaves() {
		running[l.path] = l.value
	}
	var problems []Problem
	for _, l := range next.leaves() {
		if k, _ := find(l.path); k.reread && running[l.path+fileSuffix] != "" {
			continue // a file of another name is told as such
		}
		if before := running[l.path]; needsRestart(l.path) && !reflect.DeepEqual(before, l.value) {
			problems = append(problems, Problem{
				Path: l.path, Value: show(l.value), Rule: "needs a restart; what runs has " + show(before),
			})
		}
	}
	return problems
}

// arm watches the folders that matter now and no others. It reports whether
// there are new ones.
func (w *watcher) arm(ctx context.Context, took involved) bool {
	wanted := took.folders()
	watched := map[string]bool{}
	for _, folder := range w.notify.WatchList() {
		watched[folder] = true
		if wanted[folder] {
			continue
		}
		if err := w.notify.Remove(folder); err != nil { // the folder has gone meanwhile, and its watch with it
			w.log.DebugContext(ctx, "a folder was not watched any more", "folder", folder, "error", err)
		}
	}
	more := false
	for folder := range wanted {
		if watched[folder] {
			continue
		}
		if err := w.notify.Add(folder); err != nil {
			w.log.WarnContext(ctx, "a folder with configuration cannot be watched; changes in it need a hangup signal",
				"folder", folder, "error", err)
			continue
		}
		more = true
	}
	return more
}

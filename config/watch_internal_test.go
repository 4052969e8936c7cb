package config

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

func TestProblemsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	set := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := notify.Close(); err != nil {
			t.Error(err)
		}
	}()
	var log bytes.Buffer
	w := watcher{
		loader: Loader{Files: []string{file}}, log: slog.New(slog.NewTextHandler(&log, nil)), notify: notify,
		current: &Config{}, apply: func(*Config) error { return nil }, tried: func(error) {},
	}
	for _, step := range []struct {
		content string
		logged  int // since the start
	}{
		{"bus: {replicas: 2}", 1},
		{"bus: {replicas: 2}", 1},
		{"# again\nbus: {replicas: 2}", 1},
		{"bus: {replicas: 4}", 2},
		{"bus: {replicas: 2}", 3},
	} {
		set(step.content)
		w.reload(t.Context(), false)
		if got := strings.Count(log.String(), "level=ERROR"); got != step.logged {
			t.Errorf("%d errors are logged after %q, want %d", got, step.content, step.logged)
		}
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"etc/app", "releases/1/conf", "teams/a", "teams/b"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"current":      "./releases/1",
		"etc/app/one":  "../../current/conf/one.yaml",
		"etc/absolute": filepath.Join(dir, "releases"),
		"etc/circle":   "circle",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		took involved
		want []string
	}{
		"plain":             {involved{files: []string{"etc/app/x.yaml"}}, []string{"etc/app"}},
		"missing folder":    {involved{files: []string{"etc/no/such/x.yaml"}}, []string{"etc"}},
		"link to a file":    {involved{files: []string{"etc/app/one"}}, []string{"", "etc/app", "releases/1/conf"}},
		"link to a folder":  {involved{files: []string{"current/conf/one"}}, []string{"", "releases/1/conf"}},
		"absolute link":     {involved{files: []string{"etc/absolute/1/x"}}, []string{"etc", "releases/1"}},
		"circle":            {involved{files: []string{"etc/circle"}}, []string{"etc"}},
		"pattern":           {involved{patterns: []string{"etc/*.yaml"}}, []string{"etc"}},
		"pattern, missing":  {involved{patterns: []string{"no/such/*.yaml"}}, []string{""}},
		"pattern of folder": {involved{patterns: []string{"teams/*/*.yaml"}}, []string{"teams", "teams/a", "teams/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, f := range c.took.files {
				c.took.files[i] = filepath.Join(dir, f)
			}
			for i, p := range c.took.patterns {
				c.took.patterns[i] = filepath.Join(dir, p)
			}
			want := map[string]bool{}
			for _, folder := range c.want {
				want[filepath.Join(dir, folder)] = true
			}
			if diff := cmp.Diff(want, c.took.folders()); diff != "" {
				t.Errorf("folders (- wanted, + found):\n%s", diff)
			}
		})
	}
}

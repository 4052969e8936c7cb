package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// Each file is of a version of its own, and one of a newer version has one problem,
// whatever else is in it.
func TestVersion(t *testing.T) {
	t.Parallel()
	const newer = "version: 2: is newer than this Drainline, which reads version 1: upgrade Drainline, or use the file from before its upgrade "
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":               {map[string]string{"main.yaml": "bus: {prefix: a}"}, nil},
		"of today":           {map[string]string{"main.yaml": "version: 1\nbus: {prefix: a}"}, nil},
		"empty":              {map[string]string{"main.yaml": "version:\nbus: {prefix: a}"}, nil},
		"in several":         {map[string]string{"main.yaml": "version: 1\ninclude: [a.yaml, b.yaml]", "a.yaml": "version: 1", "b.yaml": "version: 1"}, nil},
		"of rules for apps":  {map[string]string{"main.yaml": "include: [a.yaml]", "a.yaml": "version: 1\napps: [shop]\nrules: []"}, nil},
		"newer":              {map[string]string{"main.yaml": "version: 2\nbuss: {x: y}"}, []string{newer + "(main.yaml)"}},
		"newer, included":    {map[string]string{"main.yaml": "include: [a.yaml]", "a.yaml": "version: 2\napps: [shop]\nx: y"}, []string{newer + "(a.yaml)"}},
		"before all":         {map[string]string{"main.yaml": "version: 0"}, []string{"version: 0: must be 1 (main.yaml)"}},
		"not a whole number": {map[string]string{"main.yaml": "version: 1.5"}, []string{"version: 1.5: must be 1 (main.yaml)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.files)
			_, err := config.Loader{Files: []string{filepath.Join(dir, "main.yaml")}}.Load()
			var got []string
			if err != nil {
				got = strings.Split(strings.ReplaceAll(err.Error(), dir+string(os.PathSeparator), ""), "\n")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVersionIsOfFiles(t *testing.T) {
	t.Parallel()
	_, err := config.Loader{Environ: []string{"DRAINLINE_VERSION=1"}}.Load()
	if err == nil || err.Error() != "version: can only be given in a file (DRAINLINE_VERSION)" {
		t.Errorf("from the environment: %v", err)
	}
}

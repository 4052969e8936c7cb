package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

// folder makes a folder of files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, dir, name, content)
	}
	return dir
}

func TestInclude(t *testing.T) {
	t.Parallel()
	const one = "destinations: {one: {urls: [https://one], token: a}}"
	const two = "destinations: {two: {urls: [https://two], token: b}}"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"sections merge": {map[string]string{
			"main.yaml": "include: [d/*.yaml, more.yaml]\n" + one, "d/two.yaml": two, "more.yaml": "ingest: {hold: 1s}",
		}, []string{"one", "two"}},
		"nothing matches":     {map[string]string{"main.yaml": "include: [d/*.yaml]\n" + one}, []string{"one"}},
		"two patterns":        {map[string]string{"main.yaml": "include: [d/*.yaml, d/o*]", "d/one.yaml": one}, []string{"one"}},
		"itself":              {map[string]string{"main.yaml": "include: ['*.yaml']\n" + one, "two.yaml": two}, []string{"one", "two"}},
		"patterns of folders": {map[string]string{"main.yaml": "include: ['*/d.yaml']", "a/d.yaml": one, "b/d.yaml": two}, []string{"one", "two"}},
		"hidden files": {map[string]string{
			"main.yaml": "include: ['d/*.yaml']", "d/one.yaml": one, "d/.#one.yaml": "not: read",
		}, []string{"one"}},
		"hidden files on demand": {map[string]string{"main.yaml": "include: ['d/.*.yaml']", "d/.one.yaml": one}, []string{"one"}},
		"a variable":             {map[string]string{"main.yaml": "include: ['${TEAM}/*.yaml']", "team/one.yaml": one}, []string{"one"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.files)
			got := load(t, config.Loader{Files: []string{filepath.Join(dir, "main.yaml")}, Environ: []string{"TEAM=team"}})
			if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(got.Destinations))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIncludeProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"one name in two files": {map[string]string{
			"main.yaml": "include: [a.yaml, b.yaml]",
			"a.yaml":    "destinations: {prod: {urls: [https://a], token: hunter2}}",
			"b.yaml":    "destinations: {prod: {timeout: 1s}}",
		}, []string{"destinations.prod: is given in a.yaml too (b.yaml)"}},
		"an empty name counts": {map[string]string{
			"main.yaml": "include: [a.yaml]\ndestinations: {prod: {urls: [https://a], token: hunter2}}",
			"a.yaml":    "destinations: {prod: }",
		}, []string{"destinations.prod: is given in main.yaml too (a.yaml)"}},
		"one credential in two files": {map[string]string{
			"main.yaml": "include: [a.yaml]\ningest: {logplex: {credentials: {team_a: {secret: hunter2}}}}",
			"a.yaml":    "ingest: {logplex: {credentials: {team_a: {secret: hunter3}}}}",
		}, []string{"ingest.logplex.credentials.team_a: is given in main.yaml too (a.yaml)"}},
		"one key in two files": {map[string]string{
			"main.yaml": "include: ['d/*.yaml']\ningest: {hold: 1s}",
			"d/a.yaml":  "ingest: {hold: 1s}",
			"d/b.yaml":  "bus: {prefix: b}",
			"d/c.yaml":  "bus: {prefix: c}",
		}, []string{
			"bus.prefix: is given in d/b.yaml too (d/c.yaml)",
			"ingest.hold: is given in main.yaml too (d/a.yaml)",
		}},
		"an include in an included file": {map[string]string{
			"main.yaml": "include: [a.yaml]", "a.yaml": "include: [b.yaml]",
		}, []string{"include: can only be given in a file of the command line, not in an included one (a.yaml)"}},
		"a file that is not there": {map[string]string{
			"main.yaml": "include: [a.yaml]",
		}, []string{"include: a.yaml: cannot be read: no such file or directory (main.yaml)"}},
		"a folder": {map[string]string{
			"main.yaml": "include: ['d/*']", "d/e/a.yaml": "",
		}, []string{"include: d/e: cannot be read: is a directory (main.yaml)"}},
		"problems in all files": {map[string]string{
			"main.yaml": "include: [a.yaml]\nbus: {replicas: 2}", "a.yaml": "bus: {prefix: A}\nadmin: [",
		}, []string{
			"a.yaml: is not valid YAML near line 2: did not find expected node content",
			"bus.replicas: 2: must be 1, 3 or 5 (main.yaml)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.files)
			got := problems(t, config.Loader{Files: []string{filepath.Join(dir, "main.yaml")}}, dir)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (- wanted, + found):\n%s", diff)
			}
		})
	}
}

func TestFilesOfTheCommandLineOverrideIncludes(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"a.yaml": "include: [x.yaml]",
		"x.yaml": "destinations: {prod: {urls: [https://a], token: a}}\ningest: {hold: 1s}",
		"b.yaml": "include: [y.yaml]\ningest: {hold: 2s}",
		"y.yaml": "destinations: {prod: {timeout: 7s}}",
	})
	got := load(t, config.Loader{Files: []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")}})
	prod := got.Destinations["prod"]
	if got.Ingest.Hold.String() != "2s" || prod.Timeout.String() != "7s" || prod.Token.Reveal() != "a" {
		t.Errorf("loaded hold %s and %+v", got.Ingest.Hold, prod)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "x.yaml"), filepath.Join(dir, "y.yaml")}, got.Include); diff != "" {
		t.Errorf("include patterns:\n%s", diff)
	}
}

func TestIncludeThroughLinks(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"main.yaml": "include: ['d/*.yaml']", "d/a.yaml": "ingest: {hold: 1s}"})
	// Two names of one file are one file.
	if err := os.Symlink("a.yaml", filepath.Join(dir, "d", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := load(t, config.Loader{Files: []string{filepath.Join(dir, "main.yaml")}}); got.Ingest.Hold.String() != "1s" {
		t.Errorf("hold %s", got.Ingest.Hold)
	}
}

package join_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/join"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A line of a golden file is the number of its group, a bar, and the line.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, preset := range config.JoinPresets {
		t.Run(preset, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			number := 0
			show := func(g join.Group[string]) {
				number++
				for _, line := range g.Lines {
					fmt.Fprintf(&got, "%d|%s\n", number, line)
				}
				if text := strings.Join(g.Lines, "\n"); string(g.Text) != text {
					t.Errorf("text %q of lines %q", g.Text, text)
				}
			}
			j, spec := join.New[string](1<<20), compile(t, nil, preset)
			for _, line := range traces(t, preset) {
				j.Take("web.1", spec, []byte(line), line, time.Time{}, show)
			}
			j.Flush(show)
			golden := filepath.Join("testdata", preset+".golden")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%swant\n%s", got.Bytes(), want)
			}
		})
	}
}

// Of a preset's own traces the others may hold lines, and two at once still join them all.
func TestPresetsBesideEachOther(t *testing.T) {
	t.Parallel()
	for _, preset := range config.JoinPresets {
		var want, got []string
		collect := func(to *[]string) func(join.Group[string]) {
			return func(g join.Group[string]) { *to = append(*to, string(g.Text)) }
		}
		alone, all := join.New[string](1<<20), join.New[string](1<<20)
		first := append([]string{preset}, config.JoinPresets...)
		for _, line := range traces(t, preset) {
			alone.Take("web.1", compile(t, nil, preset), []byte(line), line, time.Time{}, collect(&want))
			all.Take("web.1", compile(t, nil, first...), []byte(line), line, time.Time{}, collect(&got))
		}
		alone.Flush(collect(&want))
		all.Flush(collect(&got))
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: the lines are others", preset)
		}
		for _, text := range want {
			if strings.Count(text, "\n") > 2 && !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+text+"\n") {
				t.Errorf("%s: not joined among all presets:\n%s", preset, text)
			}
		}
	}
}

func traces(tb testing.TB, preset string) []string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", preset+".log"))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func compile(tb testing.TB, joins map[string]config.Join, names ...string) *join.Spec {
	tb.Helper()
	spec, err := join.Compile(names, joins)
	if err != nil {
		tb.Fatal(err)
	}
	return spec
}

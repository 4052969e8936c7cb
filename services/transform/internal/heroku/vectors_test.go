package heroku_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// messagesOf returns the good messages of a vector. Three of the vectors come from
// senders that write STRUCTURED-DATA.
func messagesOf(v logplextest.Vector) []logplex.Message {
	sd := logplex.SDNever

	switch v.ID {
	case "N23", "N24", "N26":
		sd = logplex.SDAlways
	}

	var found []logplex.Message

	s := logplex.Scan(v.Body)
	for s.Next() {
		if m, err := logplex.Parse(s.Frame(), sd); err == nil {
			found = append(found, m)
		}
	}

	return found
}

// golden returns the lines of a golden file without comments and empty lines.
func golden(tb testing.TB, name string) []string {
	tb.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}

	var lines []string

	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}

	return lines
}

// show writes a line as the golden files do: kind, code, dyno and process.
func show(l heroku.Line) string {
	field := func(b []byte) string {
		if len(b) == 0 {
			return "-"
		}

		return string(b)
	}

	return fmt.Sprintf("%-6s %-4s %-14s %s", l.Kind, field(l.Code), field(l.Dyno), field(l.Process))
}

func TestVectors(t *testing.T) {
	t.Parallel()

	var got []string

	for _, v := range logplextest.Vectors(t) {
		for i, m := range messagesOf(v) {
			got = append(got, fmt.Sprintf("%-4s %d %s", v.ID, i+1, show(heroku.Classify(&m))))
		}
	}

	want := golden(t, "vectors.golden")
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("not in the golden file: %s", got[i])
		case got[i] != want[i]:
			t.Errorf("\ngot  %s\nwant %s", got[i], want[i])
		}
	}
}

// A line of the catalogue is what show writes, a bar, and the frame.
func TestCatalogue(t *testing.T) {
	t.Parallel()

	for _, line := range golden(t, "catalogue.golden") {
		want, frame, ok := strings.Cut(line, " | ")
		if !ok {
			t.Fatalf("no bar in %q", line)
		}

		m, err := logplex.Parse([]byte(frame), logplex.SDNever)
		if err != nil {
			t.Fatalf("%s: %v", frame, err)
		}

		if got := strings.Fields(show(heroku.Classify(&m))); strings.Join(got, " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("%s\ngot  %s\nwant %s", frame, got, want)
		}
	}
}

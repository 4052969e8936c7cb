package join_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// taken is a line that was taken, numbered in its source.
type taken struct {
	source string
	number int
	text   []byte
}

// keeper holds a joiner to what is true of any lines: each is in one group, a source's in
// their order, and the text is theirs.
type keeper struct {
	tb interface {
		Fatalf(format string, args ...any)
	}
	emitted map[string]int
	// lines and bytes are the most of a group; a single line may have more bytes.
	lines, bytes int
}

func (k *keeper) emit(g join.Group[taken]) {
	texts := make([][]byte, len(g.Lines))
	for i, line := range g.Lines {
		if line.source != g.Lines[0].source || line.number != k.emitted[line.source] {
			k.tb.Fatalf("line %d of %s in a group of %s, want line %d", line.number, line.source, g.Lines[0].source, k.emitted[line.source])
		}
		k.emitted[line.source]++
		texts[i] = line.text
	}
	if text := bytes.Join(texts, []byte("\n")); !bytes.Equal(text, g.Text) {
		k.tb.Fatalf("text %q, want %q", g.Text, text)
	}
	if len(g.Lines) > k.lines || len(g.Lines) > 1 && len(g.Text) > k.bytes {
		k.tb.Fatalf("a group of %d lines and %d bytes", len(g.Lines), len(g.Text))
	}
}

// A line is anything, or of a trace, so that groups come about.
func anyLine(t *rapid.T, of [][]byte) []byte {
	if rapid.Bool().Draw(t, "of a trace") {
		return rapid.SampledFrom(of).Draw(t, "line")
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
}

func TestEveryLineIsInOneGroup(t *testing.T) {
	t.Parallel()
	var known [][]byte
	for _, preset := range config.JoinPresets {
		for _, line := range traces(t, preset) {
			known = append(known, []byte(line))
		}
	}
	joins := map[string]config.Join{
		"own": {Start: `^[A-Z]`, Continuation: `^\s|:`}, "start": {Start: `Error`}, "cont": {Continuation: `^[\t ]`},
		"short": {Preset: "java", MaxLines: 3, MaxBytes: 120},
	}
	names := append(slices.Clone(config.JoinPresets), "own", "start", "cont", "short")
	rapid.Check(t, func(t *rapid.T) {
		k := keeper{tb: t, emitted: map[string]int{}, lines: 500, bytes: 256_000}
		j := join.New[taken](rapid.SampledFrom([]int{0, 1000, 10_000, 1 << 20}).Draw(t, "max bytes"))
		counts, now := map[string]int{}, epoch
		spec, err := join.Compile(rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(t, "joins"), joins)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			source := rapid.SampledFrom([]string{"web.1", "web.2", "run.9"}).Draw(t, "source")
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
				if next := j.Expire(now, k.emit); !next.IsZero() && !next.After(now) {
					t.Fatalf("next at %v, now is %v", next, now)
				}
			default:
				text := anyLine(t, known)
				j.Take(source, spec, text, taken{source, counts[source], text}, now, k.emit)
				counts[source]++
			}
		}
		j.Flush(k.emit)
		if fmt.Sprint(counts) != fmt.Sprint(k.emitted) {
			t.Fatalf("lines %v, emitted %v", counts, k.emitted)
		}
	})
}

func FuzzJoin(f *testing.F) {
	for _, preset := range config.JoinPresets {
		f.Add(strings.Join(traces(f, preset), "\n"), uint8(3), uint8(100))
	}
	f.Fuzz(func(t *testing.T, lines string, maxLines, maxBytes uint8) {
		joins, names := map[string]config.Join{}, []string{}
		for _, preset := range config.JoinPresets {
			joins["my_"+preset] = config.Join{Preset: preset, MaxLines: int(maxLines) + 1, MaxBytes: config.Bytes(maxBytes) + 1}
			names = append(names, "my_"+preset)
		}
		k := keeper{tb: t, emitted: map[string]int{}, lines: int(maxLines) + 1, bytes: int(maxBytes) + 1}
		j, spec, n := join.New[taken](1<<20), compile(t, joins, names...), 0
		for line := range strings.SplitSeq(lines, "\n") {
			j.Take("web.1", spec, []byte(line), taken{"web.1", n, []byte(line)}, epoch, k.emit)
			n++
		}
		j.Flush(k.emit)
		if k.emitted["web.1"] != n {
			t.Errorf("%d lines, %d emitted", n, k.emitted["web.1"])
		}
	})
}

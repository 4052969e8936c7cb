package join_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/join"
)

var epoch = time.Unix(1_700_000_000, 0)

// recorder writes down the groups as they are emitted: the text, with / for line feeds.
type recorder struct{ groups []string }

func (r *recorder) emit(g join.Group[string]) {
	r.groups = append(r.groups, strings.ReplaceAll(string(g.Text), "\n", "/"))
}

func (r *recorder) String() string { return strings.Join(r.groups, " | ") }

// joined joins lines with slashes between them, all of one source and at one time.
func joined(spec *join.Spec, lines string) string {
	var r recorder
	j := join.New[string](1 << 20)
	for line := range strings.SplitSeq(lines, "/") {
		j.Take("web.1", spec, []byte(line), line, epoch, r.emit)
	}
	j.Flush(r.emit)
	return r.String()
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	joins := map[string]config.Join{
		"both":   {Start: `^S`, Continuation: `^[cS]`},
		"start":  {Start: `^S`},
		"cont":   {Continuation: `^ `},
		"plus":   {Start: `^\+`, Continuation: `^\+`},
		"three":  {Start: `^S`, MaxLines: 3},
		"bytes":  {Start: `^S`, MaxBytes: 8},
		"loose":  {Start: `^T`, MaxLines: 2},
		"mypy":   {Preset: "python", MaxLines: 2},
		"anchor": {Start: `^S$`, Continuation: `\\$`},
	}
	tests := []struct{ names, lines, want string }{
		{"both", "a/S1/c/c/x/c", "a | S1/c/c | x | c"},
		{"both", "S1/S2/c", "S1 | S2/c"},
		{"start", "a/b/S1/x//y/S2", "a | b | S1/x//y | S2"},
		{"cont", "a/ b/ c/d/e", "a/ b/ c | d | e"},
		{"cont", " a/ b", " a/ b"},
		{"plus", "+a/+b/c", "+a | +b | c"},
		{"three", "S/1/2/3/4/5/6", "S/1/2 | 3/4/5 | 6"},
		{"bytes", "S/12/34/5/67890123/4/5", "S/12/34 | 5 | 67890123 | 4/5"},
		{"bytes", "S234567890/1/2", "S234567890 | 1/2"},
		{"anchor", `S/a\/b\/c`, `S/a\/b\ | c`},
		{"start loose", "T/1/2/S/3/4/5", "T/1 | 2/S | 3/4 | 5"},
		{"loose start", "S/1/2/T/3/4", "S/1/2/T/3/4"},
		{"cont loose", "T/ a/b", "T/ a | b"},
		{"mypy", "Traceback (most recent call last):/  a/  b/  c", "Traceback (most recent call last):/  a |   b/  c"},
		{"java start", "XError/\tat y/S/1", "XError/\tat y | S/1"},
	}
	for _, tt := range tests {
		if got := joined(compile(t, joins, strings.Fields(tt.names)...), tt.lines); got != tt.want {
			t.Errorf("%s: %q\ngot  %s\nwant %s", tt.names, tt.lines, got, tt.want)
		}
	}
}

func TestWrongJoins(t *testing.T) {
	t.Parallel()
	joins := map[string]config.Join{
		"start": {Start: "("}, "cont": {Continuation: "["}, "none": {}, "preset": {Preset: "cobol"},
	}
	for name, want := range map[string]string{
		"start": "joins.start.start: error parsing regexp", "cont": "joins.cont.continuation: error parsing regexp",
		"none": "joins.none: needs a preset", "preset": `joins.preset: "cobol" is no preset`, "fortran": `joins.fortran: "fortran" is no preset`,
	} {
		if _, err := join.Compile([]string{"java", name}, joins); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// What is done in order, and what is emitted then.
func TestSourcesAndTime(t *testing.T) {
	t.Parallel()
	joins := map[string]config.Join{
		"quick": {Continuation: `^ `, MaxWait: time.Second}, "slow": {Continuation: `^ `, MaxWait: 3 * time.Second},
	}
	specs := map[string]*join.Spec{"q": compile(t, joins, "quick"), "s": compile(t, joins, "slow"), "-": compile(t, joins)}
	tests := []struct{ name, does, want string }{
		{"two processes", "1 w1 q:a, 1 w2 q:b, 1 w1 q: a2, 1 w2 q: b2, 1 w2 q:c, flush", "b/ b2 | a/ a2 | c"},
		{"nothing joins", "1 w1 -:a, 1 w1 -: b", "a |  b"},
		{"expires", "1 w1 q:a, 1.5 w1 q: b, 2.4 expire, 2.5 expire, 2.5 w1 q: c, flush", "a/ b |  c"},
		{"expire says when", "1 w1 s:a, 2 w2 q:b, 1 expire", "next 3"},
		{"expire says when the rest", "1 w1 s:a, 2 w2 q:b, 3 expire", "b | next 4"},
		{"expire says nothing is left", "1 w1 q:a, 9 expire", "a | next never"},
		{"oldest first", "1 w3 q:a, 1 w1 q:b, 1 w2 q:c, 1 w3 q: d, 3 expire", "a/ d | b | c | next never"},
		{"another spec goes on with the group", "1 w1 q:a, 1 w1 -: b, 1 w1 -:c", "a/ b | c"},
	}
	for _, tt := range tests {
		var r recorder
		j := join.New[string](1 << 20)
		for does := range strings.SplitSeq(tt.does, ", ") {
			do(j, &r, specs, does, strings.Contains(tt.want, "next"))
		}
		if r.String() != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, r.String(), tt.want)
		}
	}
}

func do(j *join.Joiner[string], r *recorder, specs map[string]*join.Spec, does string, sayNext bool) {
	var (
		at           float64
		source, word string
	)
	since := func() time.Time { return epoch.Add(time.Duration(at * float64(time.Second))) }
	head, text, isLine := strings.Cut(does, ":")
	switch {
	case does == "flush":
		j.Flush(r.emit)
	case isLine:
		_, _ = fmt.Sscan(head, &at, &source, &word)
		j.Take(source, specs[word], []byte(text), text, since(), r.emit)
	default:
		_, _ = fmt.Sscan(does, &at)
		next := j.Expire(since(), r.emit)
		switch {
		case !sayNext:
		case next.IsZero():
			r.groups = append(r.groups, "next never")
		default:
			r.groups = append(r.groups, fmt.Sprintf("next %g", next.Sub(epoch).Seconds()))
		}
	}
}

func TestJoinerIsBounded(t *testing.T) {
	t.Parallel()
	spec := compile(t, map[string]config.Join{"cont": {Continuation: `^ `}}, "cont")
	long := strings.Repeat("x", 3000)
	var r recorder
	j := join.New[string](8000)
	for i, line := range []string{"a" + long, "b" + long, " " + long, "", long + long + long} {
		j.Take(fmt.Sprint("web.", i%2), spec, []byte(line), line, epoch, r.emit)
		r.groups = append(r.groups, fmt.Sprint("after ", i))
	}
	got := strings.ReplaceAll(r.String(), long, "…")
	if want := "after 0 | after 1 | a…/ … | after 2 | b… | after 3 |  | ……… | after 4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Many sources with a line each cost no more than they are counted for.
func TestEmptyLinesAreBounded(t *testing.T) {
	t.Parallel()
	spec := compile(t, map[string]config.Join{"cont": {Continuation: `^ `}}, "cont")
	j, emitted := join.New[int](256*100), 0
	for i := range 1000 {
		j.Take(fmt.Sprint("run.", i), spec, nil, i, epoch, func(g join.Group[int]) {
			if g.Lines[0] != emitted {
				t.Errorf("group of line %d, want %d", g.Lines[0], emitted)
			}
			emitted++
		})
	}
	if emitted != 900 {
		t.Errorf("%d emitted, want 900", emitted)
	}
}

// A group of ten thousand lines, and the one after it in the same memory.
func TestLongGroups(t *testing.T) {
	t.Parallel()
	spec := compile(t, map[string]config.Join{"start": {Start: "^S", MaxLines: 10_000, MaxBytes: 1 << 20}}, "start")
	j := join.New[int](16 << 20)
	var sizes []int
	emit := func(g join.Group[int]) { sizes = append(sizes, len(g.Lines), len(g.Text)) }
	for i := range 20_000 {
		text := "0123456789"
		if i%10_000 == 0 {
			text = "S123456789"
		}
		j.Take("web.1", spec, []byte(text), i, epoch, emit)
	}
	j.Flush(emit)
	if want := []int{10_000, 109_999, 10_000, 109_999}; fmt.Sprint(sizes) != fmt.Sprint(want) {
		t.Errorf("groups of %v lines and bytes, want %v", sizes, want)
	}
}

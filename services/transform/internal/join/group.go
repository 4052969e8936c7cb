package join

import "time"

// What a group that is not used any more keeps of its memory, and how many are kept.
const (
	keptText   = 64 << 10
	keptLines  = 1024
	keptGroups = 64
)

// group is what is held of one source.
type group[T any] struct {
	source string
	way    *way
	state  state
	last   time.Time // when its last line came
	lines  []T
	first  []byte // the text of the first line
	text   []byte // that of all, once there are two
	size   int    // of the text

	older, newer *group[T]
}

// fits says whether the group may have another line.
func (g *group[T]) fits(text []byte) bool {
	return len(g.lines) < g.way.maxLines && g.size+1+len(text) <= g.way.maxBytes
}

func (g *group[T]) append(text []byte, line T) {
	switch len(g.lines) {
	case 0:
		g.first, g.size = text, len(text)
	case 1:
		g.text = append(g.text[:0], g.first...)
		fallthrough
	default:
		g.text = append(append(g.text, '\n'), text...)
		g.size = len(g.text)
	}
	g.lines = append(g.lines, line)
}

// begin opens a group.
func (j *Joiner[T]) begin(source string, w *way) *group[T] {
	var g *group[T]
	if n := len(j.spare); n > 0 {
		g, j.spare = j.spare[n-1], j.spare[:n-1]
	} else {
		g = &group[T]{}
	}
	g.source, g.way, g.older = source, w, j.newest
	if g.older == nil {
		j.oldest = g
	} else {
		g.older.newer = g
	}
	j.newest, j.open[source] = g, g
	return g
}

// complete closes a group and emits it.
func (j *Joiner[T]) complete(g *group[T], emit func(Group[T])) {
	delete(j.open, g.source)
	if g.older == nil {
		j.oldest = g.newer
	} else {
		g.older.newer = g.newer
	}
	if g.newer == nil {
		j.newest = g.older
	} else {
		g.newer.older = g.older
	}
	j.held -= g.size - (len(g.lines) - 1) + lineCost*len(g.lines)
	whole := Group[T]{Lines: g.lines, Text: g.first}
	if len(g.lines) > 1 {
		whole.Text = g.text
	}
	emit(whole)
	j.keep(g)
}

// keep keeps the memory of a group for another one.
func (j *Joiner[T]) keep(g *group[T]) {
	if len(j.spare) == keptGroups || cap(g.text) > keptText || cap(g.lines) > keptLines {
		return
	}
	clear(g.lines)
	*g = group[T]{lines: g.lines[:0], text: g.text[:0]}
	j.spare = append(j.spare, g)
}

// Package join makes one event of the lines of a stack trace.
package join

import (
	"time"
)

// lineCost is what a held line takes beside its text, in bytes, about.
const lineCost = 256

// Joiner holds the lines that may go on. T is what its user knows of a line. It is used
// by one goroutine at a time, and not from within emit.
type Joiner[T any] struct {
	maxBytes int
	held     int // bytes, of all groups
	open     map[string]*group[T]
	// The open groups in the order in which they began.
	oldest, newest *group[T]
	spare          []*group[T]
	single         [1]T // a line that passes at once
}

// Group is what became one event. It is valid until emit returns.
type Group[T any] struct {
	// Lines are the lines in their order, at least one.
	Lines []T
	// Text is theirs, with line feeds between them. It aliases the line where there is
	// one only.
	Text []byte
}

// New makes a joiner that holds maxBytes of text at most, of all sources together: past
// that the oldest group is complete. A line counts as 256 bytes more than its text, for
// what is remembered beside it.
func New[T any](maxBytes int) *Joiner[T] {
	return &Joiner[T]{maxBytes: maxBytes, open: map[string]*group[T]{}}
}

// Take takes the next line of a source, which is a process. It calls emit for what is
// complete then, in the order in which it came: never the line itself if more may follow
// it. Source and text are kept, not copied, while the line is held.
func (j *Joiner[T]) Take(source string, spec *Spec, text []byte, line T, now time.Time, emit func(Group[T])) {
	if g := j.open[source]; g != nil {
		if next, goesOn := g.way.machine.next(g.state, text); goesOn {
			if !g.fits(text) {
				way := g.way
				j.complete(g, emit)
				g = j.begin(source, way)
			}
			j.add(g, next, text, line, now, emit)
			return
		}
		j.complete(g, emit)
	}
	for i := range spec.ways {
		if next, begins := spec.ways[i].machine.next(start, text); begins {
			j.add(j.begin(source, &spec.ways[i]), next, text, line, now, emit)
			return
		}
	}
	j.single[0] = line
	emit(Group[T]{Lines: j.single[:], Text: text})
	clear(j.single[:])
}

// Expire calls emit for what has waited as long as its spec says, oldest first. It
// returns when the next will have, zero for nothing held. It looks at every open group.
func (j *Joiner[T]) Expire(now time.Time, emit func(Group[T])) (next time.Time) {
	for g := j.oldest; g != nil; {
		newer, until := g.newer, g.last.Add(g.way.maxWait)
		switch {
		case !now.Before(until):
			j.complete(g, emit)
		case next.IsZero() || until.Before(next):
			next = until
		}
		g = newer
	}
	return next
}

// Flush completes everything, oldest first.
func (j *Joiner[T]) Flush(emit func(Group[T])) {
	for j.oldest != nil {
		j.complete(j.oldest, emit)
	}
}

// add adds a line to an open group.
func (j *Joiner[T]) add(g *group[T], next state, text []byte, line T, now time.Time, emit func(Group[T])) {
	g.append(text, line)
	g.state, g.last = next, now
	j.held += len(text) + lineCost
	for j.held > j.maxBytes && j.oldest != nil {
		j.complete(j.oldest, emit)
	}
}

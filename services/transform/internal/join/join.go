// Package join makes one event of the lines of a stack trace.
package join

import (
	"time"

	"github.com/drainline/drainline/config"
)

// Spec is how the lines of a drain are joined. It may be used from any goroutine.
type Spec struct{}

// Compile makes a spec of the names of joins, which are those of the configuration and
// the presets (config.JoinPresets).
func Compile(names []string, joins map[string]config.Join) (*Spec, error) { return &Spec{}, nil }

// Joiner holds the lines that may go on. T is what its user knows of a line. It is used
// by one goroutine at a time.
type Joiner[T any] struct{}

// Group is what became one event.
type Group[T any] struct {
	// Lines are the lines in their order, at least one.
	Lines []T
	// Text is theirs, with line feeds between them. It aliases the line where there is
	// one only.
	Text []byte
}

// New makes a joiner that holds maxBytes of text at most, of all sources together: past
// that the oldest group is complete.
func New[T any](maxBytes int) *Joiner[T] { return &Joiner[T]{} }

// Take takes the next line of a source, which is a process. It calls emit for what is
// complete then: never the line itself if more may follow it.
func (j *Joiner[T]) Take(source string, spec *Spec, text []byte, line T, now time.Time, emit func(Group[T])) {
	emit(Group[T]{Lines: []T{line}, Text: text})
}

// End completes what is open of a source: something came that is no line of a trace.
func (j *Joiner[T]) End(source string, emit func(Group[T])) {}

// Expire calls emit for what waits since longer than its spec says, oldest first. It
// returns when the next will, zero for nothing held.
func (j *Joiner[T]) Expire(now time.Time, emit func(Group[T])) (next time.Time) { return time.Time{} }

// Flush completes everything, oldest first.
func (j *Joiner[T]) Flush(emit func(Group[T])) {}

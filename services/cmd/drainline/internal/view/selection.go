package view

import (
	"fmt"
	"regexp"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/outcome"
	"github.com/drainline/drainline/services/transform"
)

// Selection says which events are to be shown; the zero value, all.
type Selection struct {
	// App and Kind as they are shown; empty for any.
	App, Kind string
	// Grep is looked for in the body, nil for nothing.
	Grep *regexp.Regexp
	// When is a condition in the language of rules, nil for none.
	When *transform.Filter
}

// NewSelection compiles a regular expression and a condition, of which each may be empty.
func NewSelection(app, kind, grep, when string) (Selection, error) {
	s := Selection{App: app, Kind: kind}
	var err error
	if grep != "" {
		if s.Grep, err = regexp.Compile(grep); err != nil {
			return s, fmt.Errorf("--grep: %w", err)
		}
	}
	if when != "" {
		if s.When, err = transform.NewFilter(when); err != nil {
			return s, fmt.Errorf("--when: %w", err)
		}
	}
	return s, nil
}

// pick shows the events of a batch that are selected, until f returns an error. Events that
// the condition makes too much of are not.
func (s *Selection) pick(b *wire.Batch, f func(*Event) error) error {
	for i := range b.Events {
		e := &b.Events[i]
		if s.App != "" && outcome.App(b, e) != s.App || s.Kind != "" && e.Kind != s.Kind {
			continue
		}
		if s.Grep != nil && !s.Grep.Match(e.Text) && !s.Grep.Match(e.JSON) {
			continue
		}
		if s.When != nil {
			if matched, err := s.When.Match(b, e); err != nil || !matched {
				continue
			}
		}
		if err := f(newEvent(b, e)); err != nil {
			return err
		}
	}
	return nil
}

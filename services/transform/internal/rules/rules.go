// Package rules applies the operator's rules to events.
package rules

import (
	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// Set is a compiled list of rules, with the ways to destinations. It may be used from
// any goroutine.
type Set struct{}

// Compile compiles the rules and the conditions of destinations. The error has
// everything that is wrong, one mistake a line: file, rule, column.
func Compile(c *config.Config) (*Set, error) { return &Set{}, nil }

// Names are the names of the rules, in order.
func (s *Set) Names() []string { return nil }

// Empty says that there are no rules and every event goes everywhere.
func (s *Set) Empty() bool { return true }

// Runner applies a set. It is used by one goroutine at a time.
type Runner struct {
	// Counts are what the rules have done since they were last cleared, one each in order.
	Counts []Count
}

// NewRunner makes a runner.
func (s *Set) NewRunner() *Runner { return &Runner{} }

// Count is what one rule has done, in events.
type Count struct {
	// Matched events are those it was applied to.
	Matched int
	// Dropped by drop, Sampled out by sample, Limited by limit when that drops.
	Dropped, Sampled, Limited int
	// Dead by limit or on_error.
	Dead int
	// Failed are events of which something went wrong, dead or kept.
	Failed int
}

// Fate is what becomes of an event.
type Fate uint8

// The fates there are.
const (
	// Ship it, to where Route says.
	Ship Fate = iota
	// Filter it: the operator wants it dropped.
	Filter
	// Bury it: it becomes a dead letter.
	Bury
)

// Verdict is what rules have come to.
type Verdict struct {
	Fate Fate
	// Reason is the code of a dead letter, Sentence says it for people; both are empty
	// unless Fate is Bury.
	Reason, Sentence string
}

// Apply applies the rules in order.
func (r *Runner) Apply(e *event.Event) Verdict { return Verdict{} }

// Route says which destinations get the event, a bit each in the order of their names.
func (r *Runner) Route(e *event.Event) (mask uint64, v Verdict) { return ^uint64(0), Verdict{} }

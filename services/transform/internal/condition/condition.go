// Package condition compiles the expressions of rules, in the language of
// github.com/expr-lang/expr, against what is known of an event.
package condition

import "github.com/drainline/drainline/services/transform/internal/event"

// Machine is the memory that expressions are evaluated in, of one goroutine.
type Machine struct{}

// Condition is a compiled expression that is true or false. It may be used from any
// goroutine.
type Condition struct{}

// Compile compiles a condition. Its errors are *Error.
func Compile(source string) (*Condition, error) { return &Condition{}, nil }

// Match evaluates the condition.
func (c *Condition) Match(m *Machine, e *event.Event) (bool, error) { return true, nil }

// Error is a mistake in an expression.
type Error struct {
	// Column of the source, from 1 on, in characters.
	Column int
	// Message says what is wrong, and the nearest name where one is unknown.
	Message string
}

func (e *Error) Error() string { return e.Message }

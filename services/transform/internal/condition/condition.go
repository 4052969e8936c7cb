// Package condition compiles the expressions of rules, in the language of
// github.com/expr-lang/expr, against what is known of an event.
//
// What is missing is never an error, and neither is a value of another type than the one
// it is compared with: see equal, order and textOf. There are two engines, which agree:
// one for the few comparisons that most rules are made of, see fast.go, and the machine
// of the language for everything else, see patch.go.
package condition

import (
	"reflect"

	"github.com/drainline/drainline/services/transform/internal/event"
)

// Condition is a compiled expression that is true or false. It may be used from any
// goroutine.
type Condition struct{ test test }

// Compile compiles a condition. Its errors are *Error.
func Compile(text string) (*Condition, error) {
	s := source{text: text}
	x, err := s.parse()
	if err != nil {
		return nil, err
	}
	if kind := x.kind(); kind != reflect.Bool && kind != reflect.Interface {
		return nil, s.mistakeAt(0, "a condition is true or false, and this is "+typeWord(x.typeName()))
	}
	t, err := x.test(x.root)
	if err != nil {
		return nil, err
	}
	return &Condition{t}, nil
}

// Match evaluates the condition. The error says what the expression makes too much of:
// a text, a list, or work.
func (c *Condition) Match(m *Machine, e *event.Event) (matched bool, err error) {
	defer m.end(&err)
	return c.test(m, e), nil
}

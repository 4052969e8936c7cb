package condition

import (
	"cmp"
	"math"
	"regexp"
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// equal compares two values. Values of two kinds are never equal, but what is missing
// equals nil; numbers are equal as 64-bit floating point, lists and maps where they are
// written alike.
func equal(a, b fields.Value) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case fields.Null:
		return true
	case fields.Number:
		return a.Number == b.Number
	case fields.JSON:
		return a.Text == b.Text || compact(a.Text) == compact(b.Text)
	case fields.Text, fields.Bool:
	}
	return a.Text == b.Text
}

// order compares two numbers or two texts. Of anything else ok is false.
func order(a, b fields.Value) (result int, ok bool) {
	if a.Kind != b.Kind {
		return 0, false
	}
	switch a.Kind {
	case fields.Number:
		return cmp.Compare(a.Number, b.Number), true
	case fields.Text:
		return strings.Compare(a.Text, b.Text), true
	case fields.Bool, fields.Null, fields.JSON:
	}
	return 0, false
}

// orders are the operators that ask for an order, and what they make of it.
var orders = map[string]func(int) bool{
	"<":  func(c int) bool { return c < 0 },
	"<=": func(c int) bool { return c <= 0 },
	">":  func(c int) bool { return c > 0 },
	">=": func(c int) bool { return c >= 0 },
}

// textTests are the operators of text.
var textTests = map[string]func(text, part string) bool{
	"contains":   strings.Contains,
	"startsWith": strings.HasPrefix,
	"endsWith":   strings.HasSuffix,
}

// arithmetic are the operators of numbers, which are 64-bit floating point.
var arithmetic = map[string]func(a, b float64) float64{
	"+":  func(a, b float64) float64 { return a + b },
	"-":  func(a, b float64) float64 { return a - b },
	"*":  func(a, b float64) float64 { return a * b },
	"/":  func(a, b float64) float64 { return a / b },
	"%":  math.Mod,
	"**": math.Pow,
	"^":  math.Pow,
}

// isTrue is what a value is where only true or false will do: what is missing, or of
// another kind, is false.
func isTrue(v fields.Value) bool { return v.Kind == fields.Bool && v.Text == "true" }

// operate is a binary operator of two values as the machine holds them.
func (m *Machine) operate(operator string, a, b any) (any, error) {
	l, err := m.toValue(a)
	if err != nil {
		return nil, err
	}
	if pattern, ok := b.(*regexp.Regexp); ok {
		text := textOf(l)
		return pattern.MatchString(text), m.spend(cost * len(text))
	}
	if operator == "in" {
		return m.in(l, b)
	}
	r, err := m.toValue(b)
	if err != nil {
		return nil, err
	}
	looked := len(l.Text) + len(r.Text)
	if l.Kind == fields.JSON {
		looked *= cost
	}
	if err := m.spend(looked); err != nil {
		return nil, err
	}
	switch operator {
	case "==":
		return equal(l, r), nil
	case "!=":
		return !equal(l, r), nil
	}
	if test := orders[operator]; test != nil {
		c, ok := order(l, r)
		return ok && test(c), nil
	}
	if test := textTests[operator]; test != nil {
		return test(textOf(l), textOf(r)), nil
	}
	return m.calculate(operator, l, r)
}

// calculate is nil where there is nothing to calculate with. Two texts can be added.
func (m *Machine) calculate(operator string, l, r fields.Value) (result any, err error) {
	switch {
	case l.Kind == fields.Number && r.Kind == fields.Number:
		result = toAny(numberValue(arithmetic[operator](l.Number, r.Number)))
	case operator == "+" && l.Kind == fields.Text && r.Kind == fields.Text:
		length := len(l.Text) + len(r.Text)
		if length > maxText {
			return nil, errLongText
		}
		result, err = l.Text+r.Text, m.spend(cost*length)
	}
	return result, err
}

// in says whether a list has an element, or a map something of that name.
func (m *Machine) in(l fields.Value, of any) (any, error) {
	if isObject(of) {
		member, err := m.memberOf(of, textOf(l))
		return member != nil, err
	}
	list, err := m.listOf(of)
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		r, err := m.toValue(x)
		if err != nil {
			return nil, err
		}
		if equal(l, r) {
			return true, nil
		}
		if err := m.spend(len(r.Text)); err != nil {
			return nil, err
		}
	}
	return false, nil
}

package condition

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/expr-lang/expr/vm"

	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Machine is the memory that expressions are evaluated in, of one goroutine. The zero
// value is ready.
type Machine struct {
	// Most bounds what templates append to when they are done, in bytes; 0 is no bound.
	Most int

	vm  vm.VM
	env map[string]any
	// event is the one that is asked about.
	event *event.Event
	// spent is how much text a program has looked at, in bytes.
	spent int
	// whole has the maps of the environment that a program has asked for.
	whole map[string]any
	// failed is the first error of this evaluation.
	failed error
	// text is lent to one template at a time.
	text []byte
}

// maxSpent bounds the text that one program looks at, in bytes: less than a
// second's work. What an expression does a few times with a line never comes near.
const maxSpent = 512 << 20

// cost is what it takes to make a byte, to read it as JSON, or to match it with a regular
// expression, in bytes that are looked at. So one program makes at most 32 MiB.
const cost = 16

// maxMemory bounds what one program makes, in elements of lists and maps.
const maxMemory = 100_000

// ErrTooMuch is what templates fail with that make more than the Machine's Most.
var ErrTooMuch = errors.New("this makes too much text")

// holds fails where so many bytes are over the bound.
func (m *Machine) holds(n int) error {
	if m.Most > 0 && n > m.Most {
		return ErrTooMuch
	}
	return nil
}

// spend counts the text that is looked at. The error is of an expression that goes over
// a large body again and again.
func (m *Machine) spend(n int) error {
	m.spent += n
	if m.spent > maxSpent {
		return fmt.Errorf("this goes over more than %d MiB of text", maxSpent>>20)
	}
	return nil
}

// fail remembers the first error.
func (m *Machine) fail(err error) {
	if m.failed == nil {
		m.failed = err
	}
}

// end takes the first error of an evaluation. It is to be deferred: what panics in the
// evaluation is an error of it.
func (m *Machine) end(err *error) {
	if r := recover(); r != nil {
		m.fail(fmt.Errorf("the expression cannot be evaluated: %v", r))
	}
	if m.failed != nil {
		*err, m.failed = m.failed, nil
	}
}

// value is what the event has under a name of the environment, or what a map of the
// environment has under one.
func (m *Machine) value(n name, args []any) (any, error) {
	if len(args) > 0 {
		member, err := m.textOf(args[0])
		if err != nil {
			return nil, err
		}
		v := n.lookup(m.event, member)
		if v.Kind == fields.JSON {
			err = m.spend(cost * len(v.Text))
		}
		return toAny(v), err
	}
	if n.kind != isMap {
		return n.value(m.event), nil
	}
	if m.whole[n.name] == nil {
		m.whole[n.name] = n.value(m.event)
	}
	return m.whole[n.name], nil
}

// toValue is toValue, listOf is listOf and memberOf is memberOf, which are paid for.
func (m *Machine) toValue(x any) (fields.Value, error) {
	v, err := toValue(x)
	if _, given := x.(fields.Value); !given && v.Kind == fields.JSON && err == nil {
		err = m.spend(cost * len(v.Text))
	}
	return v, err
}

func (m *Machine) listOf(x any) ([]any, error) {
	list, err := listOf(x)
	if v, ok := x.(fields.Value); ok && err == nil {
		const element = 64
		err = m.spend(cost * (len(v.Text) + element*len(list)))
	}
	return list, err
}

func (m *Machine) memberOf(x any, name string) (any, error) {
	member := memberOf(x, name)
	if v, ok := x.(fields.Value); ok {
		return member, m.spend(cost * len(v.Text))
	}
	return member, nil
}

// get is what a map has under a name, or a list at a position from 0 on; nil where there
// is no such thing.
func (m *Machine) get(x, key any) (any, error) {
	k, err := m.toValue(key)
	if err != nil {
		return nil, err
	}
	if k.Kind != fields.Number {
		return m.memberOf(x, textOf(k))
	}
	list, err := m.listOf(x)
	i, end := place(k, len(list)), len(list)
	if err != nil || i < 0 || i >= end || k.Number >= float64(end) || k.Number < -float64(end) {
		return nil, err
	}
	return list[i], nil
}

// part is x[from:to] of a text, in characters, or a list. What is beyond it is left out.
func (m *Machine) part(x, from, to any) (any, error) {
	f, err := m.toValue(from)
	if err != nil {
		return nil, err
	}
	t, err := m.toValue(to)
	if err != nil {
		return nil, err
	}
	if text, ok := x.(string); ok {
		n := utf8.RuneCountInString(text)
		begin, end := bounds(f, t, n)
		return characters(text, begin, end), m.spend(len(text))
	}
	list, err := m.listOf(x)
	if list == nil || err != nil {
		return nil, err
	}
	begin, end := bounds(f, t, len(list))
	return list[begin:end], nil
}

func bounds(from, to fields.Value, n int) (begin, end int) {
	end = n
	if to.Kind == fields.Number {
		end = place(to, n)
	}
	if from.Kind == fields.Number {
		begin = place(from, n)
	}
	return min(begin, end), end
}

// place is a position among n, 0 to n. One below 0 counts from the end.
func place(v fields.Value, n int) int {
	at := v.Number
	if at < 0 {
		at += float64(n)
	}
	return int(max(0, min(at, float64(n))))
}

// characters are those of a text from begin to end.
func characters(text string, begin, end int) string {
	from, to, n := len(text), len(text), 0
	for i := range text {
		if n == begin {
			from = i
		}
		if n == end {
			to = i
			break
		}
		n++
	}
	return text[min(from, to):to]
}

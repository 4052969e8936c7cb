// Package fields holds what was parsed out of one line: names with typed values, in
// the line's order.
package fields

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/drainline/drainline/services/internal/hec"
)

// Kind is the type of a value, as JSON knows it.
type Kind uint8

// The kinds there are. JSON is an array or an empty object: objects that hold something
// are taken apart.
const (
	Text Kind = iota
	Number
	Bool
	Null
	JSON
)

// Value is one value. The zero value is empty text.
type Value struct {
	Kind Kind
	// Text is what a text says, without quotes and escapes and not necessarily UTF-8;
	// of any other kind it is the value as JSON.
	Text string
	// Number is the value of a number, finite.
	Number float64
}

// AppendJSON appends the value as one JSON value.
func (v Value) AppendJSON(dst []byte) []byte {
	if v.Kind == Text {
		return hec.AppendString(dst, bytesOf(v.Text))
	}
	return append(dst, v.Text...)
}

// Field is a named value. Names of what stood in an object of JSON have the name of
// the object and a dot before their own.
type Field struct {
	Name  string
	Value Value
	// Metric says that the line reports it as a measurement, of which a metric can be made.
	Metric bool
}

// Max is the most fields of a line. A line with more of them has none: it is shipped as
// it is, and nothing of it is lost.
const Max = 256

// List is the fields of one line. It keeps its memory between lines; names and texts
// alias the line or that memory and are valid until Reset. The zero value is empty and
// ready.
type List struct {
	fields  []Field
	scratch []byte
	over    bool
}

// Reset empties the list.
func (l *List) Reset() { l.fields, l.scratch, l.over = l.fields[:0], l.scratch[:0], false }

// All are the fields in the order they were added; none when there were over Max. Of
// fields with one name the first counts.
func (l *List) All() []Field {
	if l.over {
		return nil
	}
	return l.fields
}

// Get returns the value of a name.
func (l *List) Get(name string) (Value, bool) {
	for i := range l.All() {
		if l.fields[i].Name == name {
			return l.fields[i].Value, true
		}
	}
	return Value{}, false
}

// Add adds a field.
func (l *List) Add(f Field) {
	if len(l.fields) >= Max {
		l.over = true
		return
	}
	l.fields = append(l.fields, f)
}

// AddText adds a text. The name and the text are kept as they are.
func (l *List) AddText(name, text string) { l.Add(Field{Name: name, Value: Value{Text: text}}) }

// AddNumber adds a number; one that is not finite is left out.
func (l *List) AddNumber(name string, n float64) {
	if v, ok := l.NumberValue(n); ok {
		l.Add(Field{Name: name, Value: v})
	}
}

// AddBool adds true or false.
func (l *List) AddBool(name string, b bool) {
	l.Add(Field{Name: name, Value: Value{Kind: Bool, Text: strconv.FormatBool(b)}})
}

// NumberValue makes a number; ok is false for one that is not finite.
func (l *List) NumberValue(n float64) (v Value, ok bool) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}, false
	}
	begin := len(l.scratch)
	l.scratch = strconv.AppendFloat(l.scratch, n, 'f', -1, 64)
	return Value{Kind: Number, Text: Alias(l.scratch[begin:]), Number: n}, true
}

// Scratch lends the memory of the list: append to it, and give what came of it to Keep.
func (l *List) Scratch() []byte { return l.scratch }

// Keep takes back what Scratch lent, and returns what was appended from begin on. It
// is valid as long as the fields are.
func (l *List) Keep(scratch []byte, begin int) string {
	l.scratch = scratch
	return Alias(scratch[begin:])
}

// AppendJSON appends the fields as one JSON object, names with dots as they are.
func (l *List) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for i, f := range l.All() {
		if l.given(f.Name, i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = hec.AppendString(dst, bytesOf(f.Name))
		dst = append(dst, ':')
		dst = f.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// given says whether one of the first n fields has the name.
func (l *List) given(name string, n int) bool {
	for i := range n {
		if l.fields[i].Name == name {
			return true
		}
	}
	return false
}

// Alias is the text of b without a copy, valid while b is unchanged.
func Alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // audited: see above

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) } //nolint:gosec // only read, and only while s lives

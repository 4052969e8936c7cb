// Package fields holds what was parsed out of one line: names with typed values, in
// the line's order.
package fields

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/drainline/drainline/services/internal/hec"
)

// Kind is the type of a value, as JSON knows it.
type Kind uint8

// The kinds there are. JSON is an array or an object that was not taken apart: one that
// holds nothing, or that is nested too deep.
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
		return hec.AppendString(dst, Bytes(v.Text))
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

// Reset empties the list. What aliases its memory is no longer valid.
func (l *List) Reset() { l.fields, l.scratch, l.over = l.fields[:0], l.scratch[:0], false }

// All are the fields in the order they were added; none when there were over Max. Of
// fields with one name the first counts.
func (l *List) All() []Field {
	if l.over {
		return nil
	}
	return l.fields
}

// Over says that more than Max fields were added.
func (l *List) Over() bool { return l.over }

// Get returns the value of a name.
func (l *List) Get(name string) (Value, bool) {
	all := l.All()
	for i := range all {
		if all[i].Name == name {
			return all[i].Value, true
		}
	}
	return Value{}, false
}

// Append adds a field that is empty, to be filled in before anything else is added. It
// spares a copy where lines are parsed.
func (l *List) Append() *Field {
	n := len(l.fields)
	switch {
	case n == Max:
		l.over = true
		return &l.fields[n-1] // which nobody gets to see
	case n < cap(l.fields):
		l.fields = l.fields[:n+1]
		l.fields[n] = Field{}
	default:
		l.fields = append(l.fields, Field{})
	}
	return &l.fields[n]
}

// Add adds a field. Its name and its text are kept as they are.
func (l *List) Add(f Field) { *l.Append() = f }

// AddText adds a text.
func (l *List) AddText(name, text string) {
	f := l.Append()
	f.Name, f.Value.Text = name, text
}

// AddNumber adds a number; one that is not finite is left out.
func (l *List) AddNumber(name string, n float64) {
	if v, ok := l.NumberValue(n); ok {
		l.Add(Field{Name: name, Value: v})
	}
}

// MaxWhole is up to where a number holds every integer, 2^53: what is above it, such as
// many an id, would be changed.
const MaxWhole = 1 << 53

// NumberValue makes a number; ok is false for one that is not finite.
func (l *List) NumberValue(n float64) (v Value, ok bool) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}, false
	}
	begin := len(l.scratch)
	l.scratch = AppendNumber(l.scratch, n)
	return Value{Kind: Number, Text: Alias(l.scratch[begin:]), Number: n}, true
}

// AppendNumber appends a finite number as JSON, in the form of encoding/json: with an
// exponent below 1e-6 and from 1e21 on.
func AppendNumber(dst []byte, n float64) []byte {
	if whole := int64(n); -MaxWhole <= n && n <= MaxWhole && float64(whole) == n {
		return strconv.AppendInt(dst, whole, 10)
	}
	format := byte('f')
	if size := math.Abs(n); size < 1e-6 || size >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(dst, n, format, -1, 64)
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
	all := l.All()
	if !validNames(all) {
		all = withValidNames(all)
	}
	dst = append(dst, '{')
	for i := range all {
		f := &all[i]
		if given(all[:i], f.Name) {
			continue
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = hec.AppendString(dst, Bytes(f.Name))
		dst = append(dst, ':')
		dst = f.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// given says whether one of the fields has the name.
func given(list []Field, name string) bool {
	for i := range list {
		if list[i].Name == name {
			return true
		}
	}
	return false
}

// validNames says whether all names are UTF-8. Others may differ and be written alike.
func validNames(list []Field) bool {
	for i := range list {
		if !utf8.ValidString(list[i].Name) {
			return false
		}
	}
	return true
}

// withValidNames is a copy of the fields whose names have U+FFFD for each wrong byte, as
// they are written.
func withValidNames(list []Field) []Field {
	list = slices.Clone(list)
	for i := range list {
		list[i].Name = string([]rune(list[i].Name))
	}
	return list
}

// Alias is the text of b without a copy, valid while b is unchanged.
func Alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // audited: see above

// Bytes are the bytes of s without a copy. They must not be written to.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) } //nolint:gosec // audited: see above

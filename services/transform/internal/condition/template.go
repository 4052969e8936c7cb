package condition

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Template is text with expressions in it. It may be used from any goroutine.
type Template struct{ parts []part }

// part is a text as it is written, or else an expression of one of the two engines.
type part struct {
	text  string
	quick operand
	slow  *program
}

// The marks around an expression in a text.
const (
	opening = "{{"
	closing = "}}"
)

// CompileText compiles a text in which {{ }} encloses expressions. A text without them is
// what it says. Its errors are *Error, whose columns count from the start of the text.
func CompileText(text string) (*Template, error) {
	t, rest := &Template{}, text
	for {
		plain, inside, ok := strings.Cut(rest, opening)
		if plain != "" {
			t.parts = append(t.parts, part{text: plain})
		}
		if !ok {
			return t, nil
		}
		s := source{text: inside, before: utf8.RuneCountInString(text[:len(text)-len(inside)])}
		end := endOf(inside)
		if end < 0 {
			return nil, &Error{Column: s.before - len(opening) + 1, Message: "there is no }} to this {{"}
		}
		s.text, rest = inside[:end], inside[end+len(closing):]
		p, err := s.part()
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
	}
}

// CompileKey compiles one expression of any type, of which a text is made. Its errors are
// *Error.
func CompileKey(text string) (*Template, error) {
	p, err := source{text: text}.part()
	if err != nil {
		return nil, err
	}
	return &Template{parts: []part{p}}, nil
}

// endOf finds the end of an expression: the }} that is not in quotes and ends no map.
// It is -1 if there is none.
func endOf(inside string) int {
	braces := 0
	for i := 0; i < len(inside); i++ {
		switch c := inside[i]; c {
		case '"', '\'', '`':
			i += 1 + quoted(inside[i+1:], c)
		case '{':
			braces++
		case '}':
			if braces == 0 && strings.HasPrefix(inside[i:], closing) {
				return i
			}
			braces--
		}
	}
	return -1
}

// quoted is the length of what stands before the quote that ends it.
func quoted(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case quote:
			return i
		case '\\':
			if quote != '`' {
				i++
			}
		}
	}
	return len(text)
}

func (s source) part() (part, error) {
	x, err := s.parse()
	if err != nil {
		return part{}, err
	}
	if x.kind() == reflect.Func {
		return part{}, s.mistakeAt(0, "a function needs parentheses behind it")
	}
	if o := operandOf(x.root); o != nil {
		return part{quick: o}, nil
	}
	p, err := x.compile(x.root, false)
	return part{slow: p}, err
}

// AppendText appends the text: texts as they are, numbers as JSON writes them, times as
// RFC 3339, lists and maps as JSON. What is missing or empty appends nothing. The error
// says what an expression makes too much of, or is ErrTooMuch; the text is of no use then.
func (t *Template) AppendText(m *Machine, dst []byte, e *event.Event) ([]byte, error) {
	return t.appendText(m, dst, e, 0)
}

// appendText is AppendText, for a dst that will stand behind so many bytes.
func (t *Template) appendText(m *Machine, dst []byte, e *event.Event, before int) (text []byte, err error) {
	defer m.end(&err)
	for i := range t.parts {
		made := textOf(t.parts[i].value(m, e))
		if err := m.holds(before + len(dst) + len(made)); err != nil {
			return dst, err
		}
		dst = append(dst, made...)
	}
	return dst, nil
}

// AppendJSON appends one JSON value: of a template that is one expression and nothing
// else the value with its type, of any other the text. What is missing or empty appends
// nothing. Errors are those of AppendText.
func (t *Template) AppendJSON(m *Machine, dst []byte, e *event.Event) (json []byte, err error) {
	if len(t.parts) != 1 {
		text, err := t.appendText(m, m.text[:0], e, len(dst))
		m.text = text
		if len(text) == 0 || err != nil {
			return dst, err
		}
		return m.appendJSON(dst, fields.Value{Text: fields.Alias(text)})
	}
	defer m.end(&err)
	v := t.parts[0].value(m, e)
	if m.failed != nil || v.Kind == fields.Null || v.Text == "" {
		return dst, nil
	}
	return m.appendJSON(dst, v)
}

// appendJSON appends a value, up to the bound. Escapes make up to six bytes of one.
func (m *Machine) appendJSON(dst []byte, v fields.Value) ([]byte, error) {
	if err := m.holds(len(dst) + len(v.Text)); err != nil {
		return dst, err
	}
	dst = v.AppendJSON(dst)
	return dst, m.holds(len(dst))
}

// value is what a part comes to. An error is left with the machine.
func (p *part) value(m *Machine, e *event.Event) fields.Value {
	switch {
	case p.quick != nil:
		return p.quick(m, e)
	case p.slow != nil:
		return p.slow.value(m, e)
	default:
		return fields.Value{Text: p.text}
	}
}

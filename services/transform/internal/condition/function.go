package condition

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// function is one function of expressions. What it is given may be missing or of any
// type, which is never an error: where it wants text, it sees what the operators of text
// see.
type function struct {
	name    string
	meaning string
	// example has the type that the type checker is to see.
	example any
	call    func(m *Machine, args []any) (any, error)
}

// functions are all functions that do something once.
var functions = []function{
	{"lower", "the text in lower case", textToText, onText(strings.ToLower)},
	{"upper", "the text in upper case", textToText, onText(strings.ToUpper)},
	{"trim", "the text without spaces around it", textToText, onText(strings.TrimSpace)},
	{"trimPrefix", "the first text without the second at its start", twoToText, onTexts(strings.TrimPrefix)},
	{"trimSuffix", "the first text without the second at its end", twoToText, onTexts(strings.TrimSuffix)},
	{"replace", "the first text, with the third wherever it has the second", func(any, any, any) string { return "" }, replace},
	{"split", "the list of what the second text separates in the first", func(any, any) []any { return nil }, split},
	{"join", "the elements of a list as one text, with the second text between them", twoToText, join},
	{"len", "how many characters, elements or names there are", func(any) int { return 0 }, length},
	{"string", "the value as text", textToText, onText(func(text string) string { return text })},
	{"int", "the number without what is behind the point, of a number or a text; nil of anything else", anyToAny, onNumber(math.Trunc)},
	{"float", "the number, of a number or a text; nil of anything else", anyToAny, onNumber(func(n float64) float64 { return n })},
	{"round", "the nearest whole number, of a number or a text; nil of anything else", anyToAny, onNumber(math.Round)},
	{"first", "the first element of a list", anyToAny, element(true)},
	{"last", "the last element of a list", anyToAny, element(false)},
	{"toJSON", "the value as JSON", textToText, toJSON},
	{"fromJSON", "the value that a text is the JSON of, nil if it is none", anyToAny, fromJSON},
}

type predicate struct {
	name, meaning string
	// asks says that the second argument is true or false.
	asks bool
}

// predicates are the functions that the language itself applies to each element of a
// list, which is # in them. Anything but a list has no elements.
var predicates = []predicate{
	{"any", "whether it is true of any element", true},
	{"all", "whether it is true of all elements", true},
	{"none", "whether it is true of no element", true},
	{"one", "whether it is true of exactly one element", true},
	{"count", "of how many elements it is true", true},
	{"filter", "the list of those elements it is true of", true},
	{"find", "the first element it is true of", true},
	{"map", "the list of what becomes of each element", false},
}

func textToText(any) string     { return "" }
func twoToText(any, any) string { return "" }
func anyToAny(any) any          { return nil }

// textOf is an argument as text.
func (m *Machine) textOf(x any) (string, error) {
	v, err := m.toValue(x)
	if err != nil {
		return "", err
	}
	return textOf(v), m.spend(len(v.Text))
}

func (m *Machine) textsOf(args []any) ([]string, error) {
	texts := make([]string, len(args))
	for i := range args {
		text, err := m.textOf(args[i])
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return texts, nil
}

func onText(change func(string) string) func(*Machine, []any) (any, error) {
	return func(m *Machine, args []any) (any, error) {
		text, err := m.textOf(args[0])
		if err != nil {
			return nil, err
		}
		return change(text), m.spend(cost * len(text))
	}
}

func onTexts(change func(text, part string) string) func(*Machine, []any) (any, error) {
	return func(m *Machine, args []any) (any, error) {
		texts, err := m.textsOf(args)
		if err != nil {
			return nil, err
		}
		return change(texts[0], texts[1]), nil
	}
}

func onNumber(change func(float64) float64) func(*Machine, []any) (any, error) {
	return func(m *Machine, args []any) (any, error) {
		v, err := m.toValue(args[0])
		if err != nil {
			return nil, err
		}
		if v.Kind == fields.Text {
			v = parseNumber(v.Text)
		}
		if v.Kind != fields.Number {
			return nil, nil
		}
		return toAny(numberValue(change(v.Number))), nil
	}
}

// parseNumber is missing for a text that is no decimal number.
func parseNumber(text string) fields.Value {
	text = strings.TrimSpace(text)
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return missing
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return missing
	}
	return numberValue(n)
}

func replace(m *Machine, args []any) (any, error) {
	texts, err := m.textsOf(args)
	if err != nil {
		return nil, err
	}
	text, old, by := texts[0], texts[1], texts[2]
	if len(text)+strings.Count(text, old)*max(0, len(by)-len(old)) > maxText {
		return nil, errLongText
	}
	text = strings.ReplaceAll(text, old, by)
	return text, m.spend(cost * len(text))
}

func split(m *Machine, args []any) (any, error) {
	texts, err := m.textsOf(args)
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(texts[0], texts[1], maxList+1)
	if len(parts) > maxList {
		return nil, errLongList
	}
	const part = 16
	return parts, m.spend(cost * part * len(parts))
}

func join(m *Machine, args []any) (any, error) {
	list, err := m.listOf(args[0])
	if err != nil {
		return nil, err
	}
	between, err := m.textOf(args[1])
	if err != nil {
		return nil, err
	}
	var joined []byte
	for i := range list {
		text, err := m.textOf(list[i])
		if err != nil {
			return nil, err
		}
		if len(joined)+len(between)+len(text) > maxText {
			return nil, errLongText
		}
		if i > 0 {
			joined = append(joined, between...)
		}
		joined = append(joined, text...)
	}
	return fields.Alias(joined), m.spend(cost * len(joined))
}

func length(m *Machine, args []any) (any, error) {
	switch x := args[0].(type) {
	case map[string]any:
		return len(x), nil
	case map[string]string:
		return len(x), nil
	case fields.Value:
		if object := objectOf(x); object != nil {
			return len(object), m.spend(cost * len(x.Text))
		}
	case string:
		return utf8.RuneCountInString(x), m.spend(len(x))
	}
	list, err := m.listOf(args[0])
	return len(list), err
}

func element(first bool) func(*Machine, []any) (any, error) {
	return func(m *Machine, args []any) (any, error) {
		list, err := m.listOf(args[0])
		switch {
		case err != nil || len(list) == 0:
			return nil, err
		case first:
			return list[0], nil
		default:
			return list[len(list)-1], nil
		}
	}
}

func toJSON(m *Machine, args []any) (any, error) {
	text, err := appendJSON(nil, args[0])
	if err != nil {
		return nil, err
	}
	return fields.Alias(text), m.spend(cost * len(text))
}

func fromJSON(m *Machine, args []any) (any, error) {
	text, err := m.textOf(args[0])
	if err != nil || !json.Valid(fields.Bytes(text)) {
		return nil, err
	}
	return toAny(parseJSON(text)), m.spend(cost * len(text))
}

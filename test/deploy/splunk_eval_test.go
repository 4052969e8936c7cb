package deploy

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// An evaluation works out one of Splunk's eval expressions, as far as the add-on uses them. A value is a text, a
// float64, a bool, a []string or nil, Splunk's null.
type evaluation struct {
	words  []string
	fields map[string]string
}

var evalWord = regexp.MustCompile(`\s*("(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?|[A-Za-z_]\w*|==|<=|>=|[-<>+*.(),])`)

// eval gives the value of an expression, and ok is false where that is null.
func eval(expression string, fields map[string]string) (value string, ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %v", expression, r)
		}
	}()
	e := evaluation{fields: fields}
	rest := expression
	for rest != "" {
		m := evalWord.FindStringSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			return "", false, fmt.Errorf("%s: not understood: %s", expression, rest)
		}
		e.words, rest = append(e.words, rest[m[2]:m[3]]), rest[m[1]:]
	}
	v := e.or()
	if len(e.words) > 0 {
		return "", false, fmt.Errorf("%s: too much: %v", expression, e.words)
	}
	return text(v), v != nil, nil
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func number(v any) (float64, bool) {
	n, err := strconv.ParseFloat(text(v), 64)
	return n, err == nil
}

func (e *evaluation) next(words ...string) string {
	for _, w := range words {
		if len(e.words) > 0 && e.words[0] == w {
			e.words = e.words[1:]
			return w
		}
	}
	return ""
}

func (e *evaluation) or() any {
	v := e.comparison()
	for e.next("OR") != "" {
		right := e.comparison()
		v = v == true || right == true
	}
	return v
}

func (e *evaluation) comparison() any {
	left := e.sum()
	op := e.next("==", "<=", ">=", "<", ">")
	if op == "" {
		return left
	}
	right := e.sum()
	if left == nil || right == nil {
		return nil
	}
	if op == "==" {
		return text(left) == text(right)
	}
	a, aok := number(left)
	b, bok := number(right)
	if !aok || !bok {
		panic("texts are compared by size")
	}
	return map[string]bool{"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]
}

func (e *evaluation) sum() any {
	v := e.value()
	for {
		op := e.next("+", "*", ".")
		if op == "" {
			return v
		}
		right := e.value()
		a, aok := number(v)
		b, bok := number(right)
		switch {
		case v == nil || right == nil:
			v = nil
		case op == ".":
			v = text(v) + text(right)
		case !aok || !bok:
			panic("texts are added or multiplied")
		case op == "+":
			v = a + b
		default:
			v = a * b
		}
	}
}

func (e *evaluation) value() any {
	word := e.words[0]
	e.words = e.words[1:]
	switch {
	case word[0] == '"':
		// \" and \\ are escapes, other backslashes are the regular expression's.
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(word[1 : len(word)-1])
	case word == "-":
		n, _ := number(e.value())
		return -n
	case word[0] >= '0' && word[0] <= '9':
		n, _ := number(word)
		return n
	case e.next("(") != "":
		var args []any
		for e.next(")") == "" {
			args = append(args, e.or())
			e.next(",")
		}
		return call(word, args)
	}
	if v, ok := e.fields[word]; ok {
		return v
	}
	return nil
}

func call(function string, args []any) any {
	switch function {
	case "null":
		return nil
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return a
			}
		}
		return nil
	case "case":
		for i := 0; i+1 < len(args); i += 2 {
			if args[i] == true {
				return args[i+1]
			}
		}
		return nil
	case "if":
		if args[0] == true {
			return args[1]
		}
		return args[2]
	}
	if args[0] == nil {
		return nil
	}
	switch function {
	case "match":
		return regexp.MustCompile(text(args[1])).MatchString(text(args[0]))
	case "replace":
		return regexp.MustCompile(text(args[1])).ReplaceAllString(text(args[0]), text(args[2]))
	case "split":
		return strings.Split(text(args[0]), text(args[1]))
	case "mvindex":
		values, ok := args[0].([]string)
		if !ok {
			values = []string{text(args[0])}
		}
		i, _ := number(args[1])
		if i < 0 {
			i += float64(len(values))
		}
		return values[int(i)]
	case "trim":
		return strings.TrimSpace(text(args[0]))
	case "round":
		n, _ := number(args[0])
		return math.Round(n)
	}
	panic("there is no function " + function)
}

func TestEval(t *testing.T) {
	t.Parallel()
	fields := map[string]string{"a": "1", "b": "2.5", "s": "x?y?z", "l": "1.1.1.1, 2.2.2.2"}
	f := func(expression, want string) {
		t.Helper()
		got, ok, err := eval(expression, fields)
		if !ok {
			got = "null"
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s is %s (%v), want %s", expression, got, err, want)
		}
	}
	f(`a + b`, "3.5")
	f(`round(b * 2.1)`, "5")
	f(`"<" . s . ">"`, "<x?y?z>")
	f(`"<" . none`, "null")
	f(`a + none`, "null")
	f(`if(a=="1" OR none=="1", "yes", "no")`, "yes")
	f(`if(none=="1", "yes", "no")`, "no")
	f(`case(a<1, "less", a>=1, "more")`, "more")
	f(`case(none<1, "less", none>=1, "more")`, "null")
	f(`coalesce(none, b)`, "2.5")
	f(`trim(mvindex(split(l, ","), -1))`, "2.2.2.2")
	f(`if(match(s, "\?"), replace(s, "^[^?]*\?", ""), null())`, "y?z")
	f(`mvindex(split(none, ","), -1)`, "null")
	f(`s + 1`, "error")
	f(`a b`, "error")
	f(`nothing(a)`, "error")
	f(`a ~ b`, "error")
}

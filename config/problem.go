package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Path  string // the key, such as "ingest.hold"; empty when a whole file is unusable
	Value string // what was given, as it was written; never a secret
	Rule  string // what it must be
	File  string // who gave it: a file, an environment variable's name or "flags"; may be empty
}

// String is the problem as `path: value: rule (file)`, without what is empty.
func (p Problem) String() string {
	said := p.Rule
	if p.Value != "" {
		said = p.Value + ": " + said
	}
	switch {
	case p.Path == "":
		return p.File + ": " + said
	case p.File == "":
		return p.Path + ": " + said
	default:
		return p.Path + ": " + said + " (" + p.File + ")"
	}
}

// Error is everything that is wrong with a configuration, sorted by path.
type Error struct{ Problems []Problem }

// Error has one line for each problem.
func (e *Error) Error() string { return strings.Join(e.lines(), "\n") }

func (e *Error) lines() []string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return lines
}

// asError sorts the problems and drops repetitions. It returns nil when there
// are none.
func asError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.File, b.File), cmp.Compare(a.Rule, b.Rule))
	})
	return &Error{Problems: slices.Compact(problems)}
}

// maxShown bounds how many bytes of a value or key a problem repeats.
const maxShown = 100

// show makes a value, or a key, printable in one line of moderate length.
func show(raw any) string { return printable(plain(raw)) }

func printable(s string) string {
	s = shortened(s)
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		s = strconv.Quote(s)
	}
	return s
}

func shortened(s string) string {
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

func plain(raw any) string {
	switch v := raw.(type) {
	case nil:
		return "null"
	case string:
		return hideUserinfo(v)
	case []any:
		return plainList(v)
	case []string:
		return plainList(v)
	case map[string]any:
		return plainMap(v)
	case map[any]any:
		return "a section"
	default:
		return fmt.Sprint(v)
	}
}

// plainMap goes one level deep, so that a file of aliases stays small.
func plainMap(pairs map[string]any) string {
	items := make([]string, 0, len(pairs))
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		value := "…"
		if s, ok := pairs[name].(string); ok {
			value = hideUserinfo(s)
		} else if isScalar(pairs[name]) {
			value = fmt.Sprint(pairs[name])
		}
		items = append(items, name+": "+value)
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func plainList[T any](list []T) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = plain(item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

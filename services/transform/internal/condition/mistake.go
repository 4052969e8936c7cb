package condition

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/drainline/drainline/config"
)

// Error is a mistake in an expression.
type Error struct {
	// Column of the source, from 1 on, in characters.
	Column int
	// Message says what is wrong, and the nearest name where one is unknown.
	Message string
}

// Error is "column 5: " and the message.
func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// mistakeAt is a mistake at a place of a source, which is in characters from 0 on.
func (s source) mistakeAt(place int, message string) *Error {
	last := max(utf8.RuneCountInString(s.text)-1, 0)
	return &Error{Column: s.before + min(max(place, 0), last) + 1, Message: message}
}

// mistake says in plain words what the parser or the type checker of the language says.
func (s source) mistake(err error) *Error {
	if at, ok := errors.AsType[*file.Error](err); ok {
		return s.mistakeAt(at.From, plainWords(at.Message))
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return s.mistakeAt(0, message)
}

// finder keeps the first mistake that is found in a tree.
type finder struct {
	source

	found *Error
}

func (f *finder) refusef(node ast.Node, format string, args ...any) {
	if f.found == nil {
		f.found = f.mistakeAt(node.Location().From, fmt.Sprintf(format, args...))
	}
}

// first is the mistake as an error, nil if none was found.
func (f *finder) first() error {
	if f.found == nil {
		return nil
	}
	return f.found
}

// phrases are the messages of the language that an operator may meet, with %s for the
// types in them.
var phrases = []struct {
	pattern *regexp.Regexp
	plain   string
}{
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), `%s does not go with %s and %s`},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`), `%s does not go with %s`},
	{regexp.MustCompile(`^cannot use (.+) as type (.+) in array$`), `%s is never in a list of %s`},
	{regexp.MustCompile(`^cannot use (.+) as type (.+) in map key$`), `%s is never a name, which is %s`},
	{regexp.MustCompile(`^cannot use (.+) to get an element from (.+)$`), `%s is no name of what is in a map`},
	{regexp.MustCompile(`^type (.+)\[(.+)\] is undefined$`), `there is nothing inside of %s`},
	{regexp.MustCompile(`^type (.+) has no (?:field|method) (.+)$`), `there is nothing inside of %s, such as %s`},
	{regexp.MustCompile(`^cannot slice (.+)$`), `only text and lists have parts, not %s`},
	{regexp.MustCompile(`^builtin (.+) takes only array \(got (.+)\)$`), `%s is for lists, not for %s`},
	{regexp.MustCompile(`^predicate should return boolean \(got (.+)\)$`), `this has to be true or false, and is %s`},
	{regexp.MustCompile(`^non-bool expression \(type (.+)\) used as condition$`), `this has to be true or false, and is %s`},
	{regexp.MustCompile(`^non-integer slice index (.+)$`), `a position is a number, not %s`},
	{regexp.MustCompile(`^array elements can only be selected using an integer \(got (.+)\)$`), `a position is a number, not %s`},
	{regexp.MustCompile(`^(.+) is not callable$`), `%s is no function`},
	{regexp.MustCompile(`^unexpected token EOF$`), `the expression is not finished`},
	{regexp.MustCompile(`^unexpected token \w+\((.+)\)$`), `%s does not belong here`},
	{regexp.MustCompile(`^unknown name (.+)$`), `unknown name %q`},
	{regexp.MustCompile(`^(too many|not enough) arguments to call (\S+)$`), `%s arguments for %s`},
}

func plainWords(message string) string {
	for _, p := range phrases {
		found := p.pattern.FindStringSubmatch(message)
		if found == nil {
			continue
		}
		words := make([]any, strings.Count(p.plain, "%"))
		for i := range words {
			words[i] = typeWord(excerpt(found[i+1]))
		}
		plain := fmt.Sprintf(p.plain, words...)
		if p.plain == `unknown name %q` {
			plain += config.Nearest(found[1], known())
		}
		return plain
	}
	return message
}

// excerpt is what a message says of something long.
func excerpt(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// typeWord is what operators call a type.
func typeWord(t string) string {
	switch t {
	case "string":
		return "text"
	case "int", "int64", "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "time.Time":
		return "a time"
	case "time.Duration":
		return "a duration"
	case "unknown":
		return "nil"
	case "interface {}":
		return "a value"
	}
	switch {
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case strings.HasPrefix(t, "map["):
		return "a map"
	case strings.HasPrefix(t, "func("):
		return "a function"
	default:
		return t
	}
}

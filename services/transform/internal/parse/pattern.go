package parse

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// pattern takes what the named groups of a regular expression match. A group that has no
// part in the match is no field.
type pattern struct {
	expression *regexp.Regexp
	groups     []string
}

func newPattern(source string) (Parser, error) {
	expression, err := regexp.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	p := pattern{expression: expression, groups: expression.SubexpNames()}
	named := 0
	for _, name := range p.groups {
		if name != "" {
			named++
		}
	}
	switch {
	case named == 0:
		return nil, errors.New("a regular expression without named groups, such as (?P<user>[a-z]+), parses nothing")
	case named > fields.Max:
		return nil, fmt.Errorf("a regular expression with %d named groups, at most %d become fields", named, fields.Max)
	}
	return p, nil
}

func (p pattern) Parse(dst *fields.List, body []byte) bool {
	at := p.expression.FindSubmatchIndex(body)
	if at == nil {
		return false
	}
	text := fields.Alias(body)
	for i, name := range p.groups {
		if begin, end := at[2*i], at[2*i+1]; name != "" && begin >= 0 {
			dst.Add(fields.Field{Name: name, Value: Typed(text[begin:end])})
		}
	}
	return true
}

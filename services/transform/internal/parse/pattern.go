package parse

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/re2"
)

// pattern takes what the named groups of a regular expression match. A group that has no
// part in the match is no field.
type pattern struct {
	expression *regexp.Regexp
	groups     []string
}

func newPattern(source string) (Parser, error) {
	expression, err := re2.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	p := pattern{expression: expression, groups: expression.SubexpNames()}
	if !slices.ContainsFunc(p.groups, func(name string) bool { return name != "" }) {
		return nil, errors.New("a regular expression without named groups, such as (?P<user>[a-z]+), parses nothing")
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

// Package parse takes fields out of the text of lines: JSON, logfmt, or what a regular
// expression names.
package parse

import (
	"bytes"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Parser takes fields out of a body. It may be used from any goroutine.
type Parser interface {
	// Parse adds the fields of the body to an empty list. It reports false, and adds
	// nothing, where the body is not of its form or has more than fields.Max of them.
	Parse(dst *fields.List, body []byte) bool
}

// New makes the parser of a config.Parse word, or of a regular expression with named
// groups (RE2). The error says what is wrong with the expression.
func New(how string) (Parser, error) {
	switch how {
	case config.ParseAuto:
		return auto{}, nil
	case config.ParseJSON:
		return JSON, nil
	case config.ParseLogfmt:
		return logfmt{}, nil
	case config.ParseNone:
		return none{}, nil
	default:
		return newPattern(how)
	}
}

// auto takes a body for JSON that begins with a brace, and else for logfmt if it looks
// more like that than like prose.
type auto struct{}

func (auto) Parse(dst *fields.List, body []byte) bool {
	if i := hec.SkipSpace(body, 0); i < len(body) && body[i] == '{' {
		return JSON.Parse(dst, body)
	}
	if bytes.IndexByte(body, '=') < 0 {
		return false
	}
	return parsePairs(dst, body, true)
}

type none struct{}

func (none) Parse(*fields.List, []byte) bool { return false }

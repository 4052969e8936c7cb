package parse

import "github.com/drainline/drainline/services/transform/internal/fields"

// logfmt takes the pairs of a line. One pair is enough.
type logfmt struct{}

func (logfmt) Parse(dst *fields.List, body []byte) bool { return parsePairs(dst, body, false) }

// parsePairs adds the pairs of a body, if asked only where it is no prose.
func parsePairs(dst *fields.List, body []byte, doubt bool) bool {
	pairs := NewPairs(dst, fields.Alias(body))
	for pairs.Next() && !dst.Over() {
		pairs.Add()
	}
	if len(dst.All()) == 0 || doubt && !pairs.Believable() {
		dst.Reset()
		return false
	}
	return true
}

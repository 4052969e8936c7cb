// Package glob matches names against patterns in which * is any text, none included.
// Every other character is itself.
package glob

import (
	"slices"
	"strings"
)

// Match says whether a name is what one of the patterns says.
func Match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
}

func matches(pattern, name string) bool {
	begin, rest, wild := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, begin)
	for ok && wild {
		var part string
		if part, rest, wild = strings.Cut(rest, "*"); !wild {
			return strings.HasSuffix(name, part)
		}
		_, name, ok = strings.Cut(name, part)
	}
	return ok && name == ""
}

// Package re2 compiles the operator's regular expressions, of package regexp's RE2 syntax.
package re2

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// maxInstructions bounds a compiled expression. Matching takes time for each of them and
// each byte of the text: with so many, about three seconds for a body of 1 MiB.
const maxInstructions = 500

// Compile compiles a regular expression. The error is what is wrong with it, or that it is
// too large.
func Compile(source string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it is about
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if n := len(program.Inst); n > maxInstructions {
		return nil, fmt.Errorf("the pattern is too large: %d instructions, at most %d. "+
			"{0,250} counts 250 times what it repeats, {0,} once", n, maxInstructions)
	}
	return regexp.Compile(source) //nolint:wrapcheck // as above
}

package redact

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"

	"github.com/drainline/drainline/services/transform/internal/re2"
)

// pattern is the operator's.
type pattern struct {
	// literal is the pattern, if it means itself; then re is nil.
	literal []byte
	re      *regexp.Regexp
	// named are the numbers of the groups that have a name.
	named []int
	needs needs
}

func newPattern(source string) (pattern, error) {
	re, err := re2.Compile(source)
	if err != nil {
		return pattern{}, err
	}
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return pattern{}, err //nolint:wrapcheck // as above
	}
	p := pattern{re: re, needs: newNeeds(required(tree))}
	if tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0 && !slices.Contains(tree.Rune, utf8.RuneError) {
		p.literal, p.re = []byte(string(tree.Rune)), nil
	}
	for i, name := range re.SubexpNames() {
		if name != "" {
			p.named = append(p.named, i)
		}
	}
	return p, nil
}

func (p *pattern) scanLiteral(e *edit) {
	if e.across && bytes.IndexByte(p.literal, '"') < 0 {
		return
	}
	for i := 0; ; {
		at := bytes.Index(e.text[i:], p.literal)
		if at < 0 {
			return
		}
		e.replace(i+at, i+at+len(p.literal))
		i += at + len(p.literal)
	}
}

func (p *pattern) scan(e *edit) {
	if !p.needs.in(e.text) {
		return
	}
	for _, match := range p.re.FindAllSubmatchIndex(e.text, -1) {
		if e.across && bytes.IndexByte(e.text[match[0]:match[1]], '"') < 0 {
			continue
		}
		if len(p.named) == 0 {
			e.replace(match[0], match[1])
			continue
		}
		for _, group := range p.groups(match) {
			e.replace(group[0], group[1])
		}
	}
}

// groups are what the named groups of a match have matched, by their beginnings, the
// longer first.
func (p *pattern) groups(match []int) [][2]int {
	list := make([][2]int, 0, len(p.named))
	for _, i := range p.named {
		if begin := match[2*i]; begin >= 0 {
			list = append(list, [2]int{begin, match[2*i+1]})
		}
	}
	slices.SortFunc(list, func(a, b [2]int) int {
		if a[0] != b[0] {
			return a[0] - b[0]
		}
		return b[1] - a[1]
	})
	return list
}

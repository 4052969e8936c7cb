package redact

import (
	"bytes"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// needs are texts of which every match of a pattern has at least one. None at all is
// that nothing is known.
type needs struct {
	exact  [][]byte
	folded []*folded
}

func newNeeds(pieces []piece) needs {
	var n needs
	for _, p := range pieces {
		if p.fold {
			n.folded = append(n.folded, newFolded(p.text))
		} else {
			n.exact = append(n.exact, []byte(p.text))
		}
	}
	return n
}

// in says whether the text may have a match.
func (n *needs) in(text []byte) bool {
	for _, exact := range n.exact {
		if bytes.Contains(text, exact) {
			return true
		}
	}
	for _, f := range n.folded {
		if f.index(text, 0) >= 0 {
			return true
		}
	}
	return len(n.exact)+len(n.folded) == 0
}

// piece is a text that a match has, in any case if fold, and then lower case here.
type piece struct {
	text string
	fold bool
}

// maxPieces bounds how many texts are searched for before a pattern is tried.
const maxPieces = 8

// required returns texts of which every match has at least one, nil if that cannot be
// told.
func required(re *syntax.Regexp) []piece {
	switch re.Op {
	case syntax.OpLiteral:
		return literalPiece(re)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []piece
		for _, sub := range re.Sub {
			if pieces := required(sub); shortest(pieces) > shortest(best) {
				best = pieces
			}
		}
		return best
	case syntax.OpAlternate:
		var all []piece
		for _, sub := range re.Sub {
			pieces := required(sub)
			if all = append(all, pieces...); pieces == nil || len(all) > maxPieces {
				return nil
			}
		}
		return all
	}
	return nil
}

// shortest is the length of the shortest piece, 0 without pieces.
func shortest(pieces []piece) int {
	n := 0
	for i, p := range pieces {
		if i == 0 || len(p.text) < n {
			n = len(p.text)
		}
	}
	return n
}

func literalPiece(re *syntax.Regexp) []piece {
	text := string(re.Rune)
	switch {
	case strings.ContainsRune(text, utf8.RuneError): // which stands for any byte that is not UTF-8
		return nil
	case re.Flags&syntax.FoldCase == 0:
		return []piece{{text: text}}
	}
	// K and S have cases beyond ASCII: the Kelvin sign and the long s.
	longest := ""
	for part := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool {
		return r >= utf8.RuneSelf || r == 'k' || r == 's'
	}) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	if len(longest) < 2 {
		return nil
	}
	return []piece{{text: longest[:min(len(longest), maxFolded)], fold: true}}
}

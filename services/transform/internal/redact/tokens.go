package redact

import "github.com/drainline/drainline/services/internal/hec"

// tokens goes through JSON (RFC 8259), as strictly as encoding/json and without
// recursion.
type tokens struct {
	in     []byte
	at     int
	wanted wanted
	depth  int
	// objects has a bit for each level that is an object; the others are arrays.
	objects [maxDepth/64 + 1]uint64
}

// maxDepth is how deep JSON may nest: as deep as the HEC door takes it.
const maxDepth = 10_000

// wanted is what may come next.
type wanted uint8

const (
	wantValue wanted = iota
	wantFirst        // or the end of what has just begun
	wantName
	wantMore
	wantEnd
)

// token is in[begin:end]. Names and texts have their quotes.
type token struct {
	kind       tokenKind
	begin, end int
}

type tokenKind uint8

const (
	noJSON tokenKind = iota
	endOfJSON
	opening
	closing
	memberName
	textValue
	numberValue
	wordValue
)

// next is the next token. Behind noJSON and endOfJSON there is none.
func (t *tokens) next() token {
	t.skipSpace()
	if t.wanted == wantMore && t.peek() == ',' {
		t.at++
		t.skipSpace()
		if t.wanted = wantValue; t.inObject() {
			t.wanted = wantName
		}
	}
	begin, c := t.at, t.peek()
	switch {
	case t.wanted == wantEnd:
		if t.at == len(t.in) {
			return token{kind: endOfJSON, begin: begin, end: begin}
		}
		return token{}
	case c == '}' || c == ']':
		return t.close(c)
	case t.wanted == wantMore:
		return token{}
	case t.wanted == wantName || t.wanted == wantFirst && t.inObject():
		return t.name()
	case c == '{' || c == '[':
		return t.open(c)
	case c == '"':
		return t.scalar(textValue)
	case c == '-' || isDigit(c):
		return t.scalar(numberValue)
	default:
		return t.scalar(wordValue)
	}
}

func (t *tokens) open(c byte) token {
	if t.depth == maxDepth {
		return token{}
	}
	t.depth++
	t.objects[t.depth/64] &^= 1 << (t.depth % 64)
	if c == '{' {
		t.objects[t.depth/64] |= 1 << (t.depth % 64)
	}
	t.at++
	t.wanted = wantFirst
	return token{kind: opening, begin: t.at - 1, end: t.at}
}

func (t *tokens) close(c byte) token {
	if t.depth == 0 || t.inObject() != (c == '}') || t.wanted != wantMore && t.wanted != wantFirst {
		return token{}
	}
	t.depth--
	t.at++
	t.valueDone()
	return token{kind: closing, begin: t.at - 1, end: t.at}
}

func (t *tokens) inObject() bool { return t.objects[t.depth/64]>>(t.depth%64)&1 != 0 }

// name passes over the name of a member and the colon behind it.
func (t *tokens) name() token {
	begin := t.at
	end := hec.SkipString(t.in, begin)
	if end < 0 {
		return token{}
	}
	value := hec.SkipColon(t.in, end)
	if value < 0 {
		return token{}
	}
	t.at, t.wanted = value, wantValue
	return token{kind: memberName, begin: begin, end: end}
}

// scalar passes over a value that is neither array nor object.
func (t *tokens) scalar(kind tokenKind) token {
	begin := t.at
	end := hec.SkipValue(t.in, begin, 0)
	if end < 0 {
		return token{}
	}
	t.at = end
	t.valueDone()
	return token{kind: kind, begin: begin, end: end}
}

func (t *tokens) valueDone() {
	if t.wanted = wantMore; t.depth == 0 {
		t.wanted = wantEnd
	}
}

// peek is the next byte. At the end it is 0, which nothing in JSON begins with.
func (t *tokens) peek() byte {
	if t.at < len(t.in) {
		return t.in[t.at]
	}
	return 0
}

func (t *tokens) skipSpace() { t.at = hec.SkipSpace(t.in, t.at) }

func isJSONSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// isJSON says whether the text is one JSON value.
func isJSON(text []byte) bool {
	end := hec.SkipValue(text, hec.SkipSpace(text, 0), maxDepth)
	return end > 0 && hec.SkipSpace(text, end) == len(text)
}

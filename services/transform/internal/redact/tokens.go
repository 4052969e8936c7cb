package redact

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
		return t.value(textValue, begin, t.skipString())
	case c == 't':
		return t.value(wordValue, begin, t.skipWord("true"))
	case c == 'f':
		return t.value(wordValue, begin, t.skipWord("false"))
	case c == 'n':
		return t.value(wordValue, begin, t.skipWord("null"))
	default:
		return t.value(numberValue, begin, t.skipNumber())
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
	n := token{kind: memberName, begin: t.at}
	if t.peek() != '"' || !t.skipString() {
		return token{}
	}
	n.end = t.at
	if t.skipSpace(); t.peek() != ':' {
		return token{}
	}
	t.at++
	t.wanted = wantValue
	return n
}

// value ends a scalar; ok says whether it is one.
func (t *tokens) value(kind tokenKind, begin int, ok bool) token {
	if !ok {
		return token{}
	}
	t.valueDone()
	return token{kind: kind, begin: begin, end: t.at}
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

func (t *tokens) skipSpace() {
	for t.at < len(t.in) && t.in[t.at] <= ' ' && isJSONSpace(t.in[t.at]) {
		t.at++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipString passes over a string, whose first quote is there.
func (t *tokens) skipString() bool {
	t.at++
	for {
		t.skipVerbatim()
		switch c := t.peek(); {
		case c == '"':
			t.at++
			return true
		case c != '\\' || !t.skipEscape(): // cut off, or a control character
			return false
		}
	}
}

// skipVerbatim passes over characters that stand for themselves in a string.
func (t *tokens) skipVerbatim() {
	b, i := t.in, t.at
	for ; i <= len(b)-eight; i += eight {
		w := eightAt(b, i)
		if care := equal(w, '"') | equal(w, '\\') | (w-' '*ones)&^w&highs; care != 0 {
			t.at = i + lowest(care)
			return
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	t.at = i
}

func (t *tokens) skipEscape() bool {
	t.at++
	switch t.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		t.at++
		return true
	case 'u':
		const digits = 4
		if t.at += 1 + digits; t.at > len(t.in) {
			return false
		}
		return areHex(t.in[t.at-digits : t.at])
	default:
		return false
	}
}

func (t *tokens) skipWord(word string) bool {
	if len(t.in)-t.at < len(word) || string(t.in[t.at:t.at+len(word)]) != word {
		return false
	}
	t.at += len(word)
	return true
}

func (t *tokens) skipNumber() bool {
	if t.peek() == '-' {
		t.at++
	}
	if t.peek() == '0' {
		t.at++
	} else if !t.skipDigits() {
		return false
	}
	if t.peek() == '.' {
		if t.at++; !t.skipDigits() {
			return false
		}
	}
	if t.peek()|0x20 == 'e' {
		if t.at++; t.peek() == '+' || t.peek() == '-' {
			t.at++
		}
		return t.skipDigits()
	}
	return true
}

// skipDigits passes over digits, and says whether there are any.
func (t *tokens) skipDigits() bool {
	begin := t.at
	for isDigit(t.peek()) {
		t.at++
	}
	return t.at > begin
}

// isJSON says whether the text is one JSON value.
func isJSON(text []byte) bool {
	t := tokens{in: text}
	for {
		switch t.next().kind {
		case noJSON:
			return false
		case endOfJSON:
			return true
		}
	}
}

package hec

import (
	"encoding/binary"
	"math/bits"
)

// The skip functions pass over JSON (RFC 8259) without decoding it, as strictly
// as encoding/json, in text that is valid UTF-8. They take the position to begin
// at and return the position behind what they passed over; where the text is not
// JSON they return the complement of the position at which it breaks, which is
// negative.

// skipValue passes over any value that begins at b[i] and nests at most depth
// levels deep.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return ^i
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		if depth <= 0 {
			return ^i
		}
		if b[i] == '{' {
			return skipObject(b, i, depth-1)
		}
		return skipArray(b, i, depth-1)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	default:
		return skipNumber(b, i)
	}
}

// skipObject passes over the object that begins at b[i] and whose values nest at
// most depth levels deep. It is members.next written out: going through that costs
// nested objects a fifth of their speed.
func skipObject(b []byte, i, depth int) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i = skipString(b, i); i < 0 {
			return i
		}
		if i = skipColon(b, i); i < 0 {
			return i
		}
		if i = skipValue(b, i, depth); i < 0 {
			return i
		}
		i = skipSpace(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i = skipSpace(b, i+1)
		case i < len(b) && b[i] == '}':
			return i + 1
		default:
			return ^i
		}
	}
}

// skipArray passes over the array that begins at b[i] and whose elements nest at
// most depth levels deep.
func skipArray(b []byte, i, depth int) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth); i < 0 {
			return i
		}
		i = skipSpace(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i = skipSpace(b, i+1)
		case i < len(b) && b[i] == ']':
			return i + 1
		default:
			return ^i
		}
	}
}

// skipColon passes over what is between the key and the value of a member.
func skipColon(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return ^i
	}
	return skipSpace(b, i+1)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString passes over the string whose opening quote should be at b[i].
func skipString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return ^i
	}
	i++
	for {
		i = skipVerbatim(b, i)
		if i < len(b) && b[i] == '"' {
			return i + 1
		}
		if i >= len(b) || b[i] != '\\' { // cut off, or a control character
			return ^i
		}
		if i = skipEscape(b, i+1); i < 0 {
			return i
		}
	}
}

// skipVerbatim passes over characters that stand for themselves in a string. Like
// plain it looks at eight bytes at a time, but characters beyond ASCII are passed
// over too: their bytes have the high bit set and are taken out at the end.
func skipVerbatim(b []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
		word  = 8
	)
	for ; i <= len(b)-word; i += word {
		w := binary.LittleEndian.Uint64(b[i : i+word])
		care := ((w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)) &^ w & highs
		if care != 0 {
			return i + bits.TrailingZeros64(care)/word
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// skipEscape passes over what follows a backslash.
func skipEscape(b []byte, i int) int {
	if i >= len(b) {
		return ^i
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		i++
		for end := i + hexDigits; i < end; i++ {
			if i >= len(b) || unhex(b[i]) < 0 {
				return ^i
			}
		}
		return i
	default:
		return ^i
	}
}

func skipWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return ^i
	}
	return i + len(word)
}

func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = skipDigits(b, i); i < 0 {
		return i
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return i
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits passes over one digit or more.
func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == start {
		return ^i
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// members goes through the members of an object: next until it reports false, and
// then at is the end of the object as the skip functions return it.
type members struct {
	text []byte
	at   int
	// depth is how deep the values may nest.
	depth int
	begun bool
	// key is as it stands in the text, without its quotes; value is one JSON value.
	key, value []byte
}

// membersOf is ready to go through the object that begins at text[at].
func membersOf(text []byte, at, depth int) members {
	return members{text: text, at: at + 1, depth: depth}
}

func (m *members) next() bool {
	b, i := m.text, skipSpace(m.text, m.at)
	switch {
	case i < len(b) && b[i] == '}':
		m.at = i + 1
		return false
	case m.begun && (i >= len(b) || b[i] != ','):
		m.at = ^i
		return false
	case m.begun:
		i = skipSpace(b, i+1)
	}
	m.begun = true
	key := i + 1
	if m.at = skipString(b, i); m.at < 0 {
		return false
	}
	m.key = b[key : m.at-1]
	value := skipColon(b, m.at)
	if m.at = value; value < 0 {
		return false
	}
	if m.at = skipValue(b, value, m.depth); m.at < 0 {
		return false
	}
	m.value = b[value:m.at]
	return true
}

package redact

import (
	"encoding/binary"
	"math/bits"
)

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isWord says whether c is a letter of a word as regular expressions have it: \w.
func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

// isBase64URL says whether c is of the alphabet of RFC 4648, section 5.
func isBase64URL(c byte) bool { return isWord(c) || c == '-' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// unhex is the value of a hexadecimal digit, negative for anything else.
func unhex(c byte) int {
	switch c = lower(c); {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	default:
		return -1
	}
}

// wordBegins says whether text[i] is the first of a word: what stands before it is none
// of its letters, or ends an escape of a URL or of JSON, such as %3D and \n.
func wordBegins(text []byte, i int) bool {
	return i == 0 || !isWord(text[i-1]) || escapeEnds(text[:i])
}

// escapeEnds says whether the text ends with an escape whose last byte is a letter or a
// digit.
func escapeEnds(text []byte) bool {
	n := len(text)
	switch {
	case n >= 2 && text[n-2] == '\\':
		c := text[n-1]
		return c == 'n' || c == 'r' || c == 't'
	case n >= 3 && text[n-3] == '%':
		return areHex(text[n-2:])
	case n >= 6 && text[n-6] == '\\' && text[n-5] == 'u':
		return areHex(text[n-4:])
	default:
		return false
	}
}

func areHex(text []byte) bool {
	for _, c := range text {
		if unhex(c) < 0 {
			return false
		}
	}
	return true
}

// afterEscape is where the digits text[begin:end] begin if their first ones are of an
// escape of a URL, as in %2010.0.0.1.
func afterEscape(text []byte, begin, end int) int {
	switch {
	case begin > 0 && text[begin-1] == '%' && end-begin > 2:
		return begin + 2
	case begin > 1 && text[begin-2] == '%' && unhex(text[begin-1]) >= 0 && end-begin > 1:
		return begin + 1
	default:
		return begin
	}
}

// wordEnds says whether a word may end before text[i].
func wordEnds(text []byte, i int) bool { return i >= len(text) || !isWord(text[i]) }

// skipBlanks passes over blanks and tabs.
func skipBlanks(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	return i
}

// Eight bytes at a time, the first in the lowest byte.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	eight = 8
)

// eightAt are text[i:i+8].
func eightAt(text []byte, i int) uint64 { return binary.LittleEndian.Uint64(text[i : i+eight]) }

// equal sets the high bit of each byte of w that is c, and perhaps of those above the
// lowest such byte.
func equal(w uint64, c byte) uint64 {
	w ^= uint64(c) * ones
	return (w - ones) &^ w & highs
}

// lowest is the number of the lowest byte whose high bit is set.
func lowest(set uint64) int { return bits.TrailingZeros64(set) / eight }

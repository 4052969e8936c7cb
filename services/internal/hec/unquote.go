package hec

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUnquoted appends what the inside of a JSON string says. A backslash that begins
// no escape of JSON stands for itself; in a valid string there is none.
func AppendUnquoted(dst, inside []byte) []byte {
	for {
		i := bytes.IndexByte(inside, '\\')
		if i < 0 {
			return append(dst, inside...)
		}
		dst = append(dst, inside[:i]...)
		r, n := Unescape(inside[i:])
		if n == 0 {
			r, n = '\\', 1
		}
		dst = utf8.AppendRune(dst, r)
		inside = inside[i+n:]
	}
}

// unquote is what the inside of a JSON string says: the bytes themselves unless there
// are escapes.
func unquote(inside []byte) []byte {
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	return AppendUnquoted(make([]byte, 0, len(inside)), inside)
}

// Unescape is the character that the escape of JSON at the start of a text stands for,
// and the bytes it takes: 12 for a surrogate pair, 0 where there is no such escape. As in
// encoding/json, half of a pair is U+FFFD.
func Unescape(text []byte) (char rune, n int) {
	const short = len(`\n`)
	if len(text) < short || text[0] != '\\' {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), short
	case 'b':
		return '\b', short
	case 'f':
		return '\f', short
	case 'n':
		return '\n', short
	case 'r':
		return '\r', short
	case 't':
		return '\t', short
	default:
		return unescapeUnicode(text)
	}
}

const (
	hexDigits     = 4
	unicodeEscape = len(`\u`) + hexDigits
)

func unescapeUnicode(text []byte) (char rune, n int) {
	r := codeUnit(text)
	switch {
	case r < 0:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, unicodeEscape
	}
	if pair := utf16.DecodeRune(r, codeUnit(text[unicodeEscape:])); pair != utf8.RuneError {
		return pair, 2 * unicodeEscape
	}
	return utf8.RuneError, unicodeEscape
}

// codeUnit is the number of the \uNNNN at the start of a text, negative where there is
// none.
func codeUnit(text []byte) rune {
	if len(text) < unicodeEscape || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range text[unicodeEscape-hexDigits : unicodeEscape] {
		digit := unhex(c)
		if digit < 0 {
			return -1
		}
		r = r<<4 | rune(digit)
	}
	return r
}

// unhex is the value of a hexadecimal digit, negative for anything else.
func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

package parse

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// unescape is a text without the escapes that JSON knows, and \xNN, which Go writes for
// what is not UTF-8. A backslash before anything else stands for itself. The text is kept
// in the memory of the list.
func unescape(list *fields.List, text string) string {
	dst := list.Scratch()
	begin := len(dst)
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 || i == len(text)-1 {
			return list.Keep(append(dst, text...), begin)
		}
		dst = append(dst, text[:i]...)
		var n int
		dst, n = appendEscape(dst, text[i:])
		text = text[i+n:]
	}
}

// appendEscape appends what the escape at the start of a text stands for, and returns
// how many bytes it takes. As in encoding/json, half of a surrogate pair is U+FFFD.
func appendEscape(dst []byte, text string) ([]byte, int) {
	const short = len(`\n`)
	switch text[1] {
	case '"', '\\', '/':
		return append(dst, text[1]), short
	case 'b':
		return append(dst, '\b'), short
	case 'f':
		return append(dst, '\f'), short
	case 'n':
		return append(dst, '\n'), short
	case 'r':
		return append(dst, '\r'), short
	case 't':
		return append(dst, '\t'), short
	case 'x':
		if c, n := escaped(text, 'x', 2); n > 0 {
			return append(dst, byte(c)), n
		}
	case 'u':
		r, n := escaped(text, 'u', 4)
		if n == 0 {
			break
		}
		if utf16.IsSurrogate(r) {
			low, m := escaped(text[n:], 'u', 4)
			if pair := utf16.DecodeRune(r, low); m > 0 && pair != utf8.RuneError {
				return utf8.AppendRune(dst, pair), n + m
			}
		}
		return utf8.AppendRune(dst, r), n
	}
	return append(dst, text[:short]...), short
}

// escaped is the number of so many hexadecimal digits in the escape of a letter at the
// start of a text, and the bytes that takes; 0 where there is none.
func escaped(text string, letter byte, digits int) (number rune, n int) {
	n = len(`\x`) + digits
	if len(text) < n || text[0] != '\\' || text[1] != letter {
		return 0, 0
	}
	for _, c := range []byte(text[n-digits : n]) {
		switch {
		case '0' <= c && c <= '9':
			number = number<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			number = number<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, 0
		}
	}
	return number, n
}

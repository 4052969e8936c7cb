// Package display is what is shown to people: text from outside, sizes, ages.
package display

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is foreign text for a terminal, which obeys control characters: what cannot be
// printed, and every byte that is no UTF-8, is shown as a space, other white space too.
func Text(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// Cut is Text of at most so many characters, of which the last is … where something is
// missing. It looks at no more of the text than it needs.
func Cut(text string, most int) string {
	if most <= 0 {
		return ""
	}
	count := 0
	for i := range text {
		if count == most {
			return Text(text[:lastOf(text, i)]) + "…"
		}
		count++
	}
	return Text(text)
}

// lastOf is where the last character before end begins.
func lastOf(text string, end int) int {
	_, size := utf8.DecodeLastRuneInString(text[:end])
	return end - size
}

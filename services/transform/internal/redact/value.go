package redact

import (
	"bytes"
)

// separator stands between a name and its value: =, :, or their escapes in a URL.
type separator struct {
	at, width int
	// named says that the name stands in quotes.
	named bool
}

// escapeWidth is the length of an escape of a URL.
const escapeWidth = 3

// nextSeparator is where the next separator is at or after i, len(text) for nowhere.
func nextSeparator(text []byte, i int) int {
	for ; i <= len(text)-eight; i += eight {
		w := eightAt(text, i)
		set := equal(w, '=') | equal(w, ':') | equal(w, '%')
		for ; set != 0; set &= set - 1 {
			if at := i + lowest(set); separatorWidth(text, at) > 0 {
				return at
			}
		}
	}
	for i < len(text) && separatorWidth(text, i) == 0 {
		i++
	}
	return i
}

// separatorWidth is the length of the separator at text[i], 0 if there is none.
func separatorWidth(text []byte, i int) int {
	switch c := text[i]; {
	case c == '=' || c == ':':
		return 1
	case c == '%' && i+escapeWidth <= len(text) && text[i+1] == '3' && (text[i+2]|0x20 == 'd' || text[i+2]|0x20 == 'a'):
		return escapeWidth
	default:
		return 0
	}
}

// valueBehind is where the value behind a separator is, without its quotes; empty for
// none. Values of JSON that are no texts and no numbers are none.
func valueBehind(text []byte, sep separator) (begin, end int, quoted bool) {
	start := sep.at + sep.width
	i := start
	if i < len(text) && sep.width == 1 {
		switch text[i] {
		case text[sep.at]: // std::string, a == b
			return i, i, false
		case '=', '>': // := as Go writes it, => as Ruby does
			i++
		}
	}
	i = skipBlanks(text, i)
	if i < len(text) && (text[i] == '[' || text[i] == '(') {
		i = skipBlanks(text, i+1)
	}
	if sep.width == escapeWidth {
		begin, end = escapedValue(text, i)
		return begin, end, false
	}
	if begin, end, quoted = quotedValue(text, i); quoted {
		if i == start && text[sep.at] == ':' && !sep.named && closesAnother(text, begin) {
			return i, i, false
		}
		return begin, end, true
	}
	if i < len(text) && text[i] == '{' {
		return i, i, false
	}
	end = bareEnd(text, i)
	switch string(text[i:end]) {
	case "null", "true", "false":
		return i, i, false
	}
	return i, end, false
}

// closesAnother says whether the quote before text[i] rather ends a text that began
// before the name, as in msg="no token:" id=7.
func closesAnother(text []byte, i int) bool {
	return i == len(text) || text[i] <= ' ' || text[i] == ',' || text[i] == '}'
}

// quotedValue is the inside of the quotes at text[i], which may have backslashes before
// them as in JSON inside of a text. Without an end it goes on to that of the text.
func quotedValue(text []byte, i int) (begin, end int, ok bool) {
	depth := 0
	for i < len(text) && text[i] == '\\' {
		depth++
		i++
	}
	if i >= len(text) || !isQuote(text[i]) {
		return i, i, false
	}
	quote := text[i]
	begin = i + 1
	for i = begin; ; i++ {
		next := bytes.IndexByte(text[i:], quote)
		if next < 0 {
			return begin, len(text), true
		}
		i += next
		run := backslashes(text[begin:i])
		if closes(run, depth) {
			return begin, i - min(run, depth), true
		}
	}
}

// backslashes is how many the text ends with.
func backslashes(text []byte) int {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n
}

// closes says whether a quote with a run of backslashes before it ends a text whose
// first quote had depth of them. Each level of quoting turns n backslashes and a quote
// into 2n+1 and a quote. With fewer than depth the quote ends what is around the text.
func closes(run, depth int) bool {
	if run <= depth {
		return depth > 0 || run == 0
	}
	for ; depth > 0; depth /= 2 {
		run = (run - 1) / 2
	}
	return run%2 == 0
}

// bareStop has the bytes that end a value without quotes.
var bareStop = func() (stop [256]bool) {
	for c := range ' ' + 1 {
		stop[c] = true
	}
	for _, c := range []byte{'&', ';', '"', 0x7f} {
		stop[c] = true
	}
	return stop
}()

// bareEnd is where a value without quotes ends: at white space, a double quote, & or ;.
// What closes something at its end is none of it, such as a comma and brackets, but
// before & and ;.
func bareEnd(text []byte, i int) int {
	end := i
	for end < len(text) && !bareStop[text[end]] {
		end++
	}
	if end < len(text) && (text[end] == '&' || text[end] == ';') {
		return end
	}
	if end < len(text) && text[end] == '"' {
		end -= backslashes(text[i:end])
	}
	return trimClosers(text, i, end)
}

func trimClosers(text []byte, begin, end int) int {
	for end > begin {
		switch text[end-1] {
		case ',', ')', ']', '}', '>', '\'', '`':
			end--
		default:
			return end
		}
	}
	return end
}

// escapedValue is the value behind a separator that is an escape of a URL; so may be
// what stands around it.
func escapedValue(text []byte, i int) (begin, end int) {
	for i+escapeWidth <= len(text) && (string(text[i:i+escapeWidth]) == "%20" || string(text[i:i+escapeWidth]) == "%22") {
		i += escapeWidth
	}
	end = bareEnd(text, i)
	for _, stop := range []string{"%22", "%26"} {
		if at := bytes.Index(text[i:end], []byte(stop)); at >= 0 {
			end = i + at
		}
	}
	return i, end
}

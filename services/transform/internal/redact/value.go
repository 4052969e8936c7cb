package redact

import (
	"bytes"
	"strings"
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

// valueBehind is where the value behind a separator is, without its quotes or brackets;
// empty for none. The words of JSON are none. Structures has what stands in brackets count
// as a whole; otherwise the first value in [] counts, and none in {}.
func valueBehind(text []byte, sep separator, structures bool) (begin, end int, quoted bool) {
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
	if sep.named {
		i = skipToJSON(text, i)
	}
	if i < len(text) && text[i] == '(' {
		i = skipBlanks(text, i+1)
	}
	structures = structures && sep.width == 1
	if structures && i < len(text) && (text[i] == '[' || text[i] == '{') {
		begin, end = structure(text, i)
		return begin, end, true
	}
	if i < len(text) && text[i] == '[' {
		i = skipBlanks(text, i+1)
	}
	if sep.width == escapeWidth {
		begin, end = escapedValue(text, i)
		return begin, end, false
	}
	if begin, end, quoted = quotedValue(text, skipLiteralPrefix(text, i)); quoted {
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

// skipToJSON passes over line ends if what follows them may be a value of JSON, or of what
// Python and Ruby print.
func skipToJSON(text []byte, i int) int {
	next := i
	for next < len(text) && isJSONSpace(text[next]) {
		next++
	}
	if next < len(text) && (isDigit(text[next]) || strings.IndexByte(`"'\{[-`, text[next]) >= 0) {
		return next
	}
	return i
}

// skipLiteralPrefix passes over the letter before the quotes of a literal of Python: b'x'.
func skipLiteralPrefix(text []byte, i int) int {
	if i+1 < len(text) && isQuote(text[i+1]) {
		switch lower(text[i]) {
		case 'b', 'r', 'u':
			return i + 1
		}
	}
	return i
}

// structure is the inside of the brackets at text[i]. Without their end it goes on to that
// of the text. In quotes there are no brackets.
func structure(text []byte, i int) (begin, end int) {
	opening, closing := text[i], text[i]+2 // the codes of { and }, [ and ]
	begin = i + 1
	for begin < len(text) && isJSONSpace(text[begin]) {
		begin++
	}
	depth := 0
	for end = i; end < len(text); {
		switch c := text[end]; c {
		case '\\', '"', '\'':
			end = afterQuoted(text, end)
			continue
		case opening:
			depth++
		case closing:
			depth--
		}
		if depth == 0 {
			break
		}
		end++
	}
	for end > begin && isJSONSpace(text[end-1]) {
		end--
	}
	return begin, end
}

// afterQuoted is behind the quotes at text[i], and at least behind the backslashes there.
func afterQuoted(text []byte, i int) int {
	_, end, ok := quotedValue(text, i)
	if !ok {
		return end
	}
	for end < len(text) && text[end] == '\\' {
		end++
	}
	return min(end+1, len(text))
}

// isCount says whether the value is a number of usual size: of at most nine bytes.
func isCount(value []byte) bool {
	const most = 9
	if len(value) == 0 || len(value) > most || !isDigit(value[len(value)-1]) {
		return false
	}
	for i, c := range value {
		if !isDigit(c) && c != '.' && c != ',' && (c != '-' || i > 0) {
			return false
		}
	}
	return true
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

package redact

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// scanEmails finds e-mail addresses as
//
//	[\p{L}\p{N}._%+-]+?((?:@|%40)(?:[\p{L}\p{N}-]+\.)+\p{L}{2,})+
//
// does, but for names of files such as logo@2x.png.
func scanEmails(e *edit) {
	text := e.text
	// A local part may begin at seen, or, if it has all that stands between, at carried.
	seen, carried := 0, 0
	for i := nextAt(text, 0); i < len(text); i = nextAt(text, seen) {
		begin := localBegin(text, seen, i)
		if begin == seen {
			begin = carried
		}
		domain, escaped := afterAt(text, i), text[i] == '%'
		end := domainEnd(text, domain)
		switch {
		case begin < i && end > 0:
			if !isRetina(text[domain:end]) {
				end = moreDomains(text, end)
				e.replace(begin, end)
			}
			seen, carried = end, end
		case escaped: // it may be of a local part
			seen, carried = domain, begin
		default:
			seen, carried = domain, domain
		}
	}
}

// nextAt is where the next @ is, or its escape in a URL; len(text) for nowhere.
func nextAt(text []byte, i int) int {
	for ; i <= len(text)-eight; i += eight {
		w := eightAt(text, i)
		set := equal(w, '@') | equal(w, '%')
		for ; set != 0; set &= set - 1 {
			if at := i + lowest(set); isAt(text, at) {
				return at
			}
		}
	}
	for i < len(text) && !isAt(text, i) {
		i++
	}
	return i
}

func isAt(text []byte, i int) bool {
	return text[i] == '@' || text[i] == '%' && i+escapeWidth <= len(text) && text[i+1] == '4' && text[i+2] == '0'
}

func afterAt(text []byte, i int) int {
	if text[i] == '%' {
		return i + escapeWidth
	}
	return i + 1
}

// moreDomains passes over domains that follow an address, as in a@example.org@example.net,
// which would be one of what the first has become.
func moreDomains(text []byte, end int) int {
	for end < len(text) && isAt(text, end) {
		next := domainEnd(text, afterAt(text, end))
		if next < 0 {
			break
		}
		end = next
	}
	return end
}

// localBegin is where the local part begins that ends before text[end].
func localBegin(text []byte, floor, end int) int {
	for end > floor {
		c := text[end-1]
		if c < utf8.RuneSelf {
			if !isWord(c) && c != '.' && c != '%' && c != '+' && c != '-' {
				break
			}
			end--
			continue
		}
		r, n := utf8.DecodeLastRune(text[floor:end])
		if !isName(r) {
			break
		}
		end -= n
	}
	return end
}

// isName says whether r is a letter or a digit.
func isName(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// domainEnd is the end of the domain that begins at text[i], negative if there is none.
func domainEnd(text []byte, i int) int {
	best, labels := -1, 0
	for {
		begin, letters := i, -1 // of the letters that the label begins with
		runes := 0
		for i < len(text) {
			r, n := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(text[i:])
			}
			isLetter := unicode.IsLetter(r)
			if !isLetter && r != '-' && !unicode.IsNumber(r) {
				break
			}
			if !isLetter && letters < 0 {
				letters = i
			}
			if letters < 0 {
				runes++
			}
			i += n
		}
		if letters < 0 {
			letters = i
		}
		if labels > 0 && runes >= 2 {
			best = letters
		}
		if i == begin || i == len(text) || text[i] != '.' {
			return best
		}
		i++
		labels++
	}
}

// isRetina says whether the text is the end of the name of an image of a higher density.
func isRetina(domain []byte) bool {
	return isDigit(domain[0]) && bytes.HasPrefix(domain[1:], []byte("x."))
}

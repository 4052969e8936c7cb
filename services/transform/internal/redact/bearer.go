package redact

import "strings"

var bearer = newFolded("bearer")

// scanBearer finds what follows the word Bearer (RFC 6750), in any case.
func scanBearer(e *edit) {
	text := e.text
	for i := bearer.index(text, 0); i >= 0; i = bearer.index(text, i) {
		begin := afterScheme(text, i+len(bearer.word))
		if begin == i+len(bearer.word) || !wordBegins(text, i) {
			i = begin
			continue
		}
		end := bareEnd(text, begin)
		if !isAboutBearer(text[begin:end]) {
			e.replace(begin, end)
		}
		i = end
	}
}

// afterScheme passes over what is between a scheme and its credentials: blanks, as they
// are or escaped in a URL, and a quote.
func afterScheme(text []byte, i int) int {
	begin := i
	for i < len(text) {
		switch {
		case text[i] == ' ' || text[i] == '\t' || text[i] == '+':
			i++
		case text[i] == '%' && i+escapeWidth <= len(text) && string(text[i:i+escapeWidth]) == "%20":
			i += escapeWidth
		case isQuote(text[i]) && i > begin:
			return i + 1
		default:
			return i
		}
	}
	return i
}

// isAboutBearer says whether the text begins with a word that stands behind Bearer where
// there is no token: in a sentence, or in a WWW-Authenticate header.
func isAboutBearer(text []byte) bool {
	n := 0
	for n < len(text) && isLetter(text[n]) {
		n++
	}
	if n < len(text) && (isWord(text[n]) || text[n] == '-') {
		return false
	}
	switch strings.ToLower(string(text[:n])) {
	case "auth", "authentication", "authorization", "error", "realm", "scheme", "token", "tokens":
		return true
	default:
		return false
	}
}

// credential leaves out the scheme at the start of the value of an Authorization header.
// A value without quotes is known up to its first blank, where the credential of a scheme
// begins that is known.
func credential(text []byte, begin, end int, quoted bool) (int, int) {
	word := begin
	for word < end && text[word] != ' ' {
		word++
	}
	known, parameters := isScheme(text[begin:word])
	switch {
	case !known:
		return begin, end
	case quoted:
		return skipBlanks(text[:end], word), end
	}
	begin = skipBlanks(text, word)
	for { // Bearer token x
		next, more := skipScheme(text, begin)
		if next == begin {
			break
		}
		begin, parameters = next, parameters || more
	}
	if !parameters {
		return begin, bareEnd(text, begin)
	}
	for end = begin; end < len(text) && text[end] != '\n' && text[end] != '\r'; {
		end++
	}
	return begin, end
}

// skipScheme passes over a scheme that something follows.
func skipScheme(text []byte, i int) (next int, parameters bool) {
	end := bareEnd(text, i)
	known, parameters := isScheme(text[i:end])
	next = skipBlanks(text, end)
	if !known || next == end || bareEnd(text, next) == next {
		return i, false
	}
	return next, parameters
}

// isScheme says whether the word is a scheme of HTTP authentication, of those in IANA's
// registry and in use beside it, and whether parameters follow it that go on to the end
// of the line.
func isScheme(word []byte) (known, parameters bool) {
	switch strings.ToLower(string(word)) {
	case "apikey", "api-key", "basic", "bearer", "dpop", "gnap", "jwt", "key", "negotiate", "ntlm", "privatetoken", "token":
		return true, false
	case "aws4-hmac-sha256", "concealed", "digest", "hawk", "hoba", "mutual", "oauth", "scram-sha-1", "scram-sha-256", "vapid":
		return true, true
	default:
		return false, false
	}
}

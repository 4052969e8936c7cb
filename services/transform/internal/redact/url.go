package redact

import "bytes"

var schemeEnd = []byte("://")

// scanURLPasswords finds the passwords of URLs (RFC 3986, section 3.2.1).
func scanURLPasswords(e *edit) {
	text := e.text
	if bytes.IndexByte(text, '@') < 0 {
		return
	}
	for i := 0; ; {
		at := bytes.Index(text[i:], schemeEnd)
		if at < 0 {
			return
		}
		i += at + len(schemeEnd)
		begin := skipUser(text, i)
		if begin < 0 {
			continue
		}
		end := passwordEnd(text, i, begin)
		switch {
		case end < 0:
			continue
		case end == begin || string(text[begin:end]) == standIn:
			e.replace(i, begin-1)
		default:
			e.replace(begin, end)
		}
		i = end
	}
}

// standIn stands for a password where the user is a token (GitHub: Git over HTTPS). So
// does an empty one, as with the keys of Stripe.
const standIn = "x-oauth-basic"

// skipUser passes over the name of a user and the colon behind it; negative if there is
// none.
func skipUser(text []byte, i int) int {
	if digestAt(text, i) && i+digestLength < len(text) && text[i+digestLength] == ':' {
		return i + digestLength + 1
	}
	for ; i < len(text) && text[i] != ':'; i++ {
		if c := text[i]; endsAuthority(c) || c == '@' || c == '[' {
			return -1
		}
	}
	if i == len(text) {
		return -1
	}
	return i + 1
}

// passwordEnd is the last @ of the authority, negative if there is none. A password that
// should have been escaped may have a slash: then there is an @ further on. Behind a port
// there may be one in the path, which counts for none if a host of HTTP is before the port.
func passwordEnd(text []byte, user, begin int) int {
	end, port := begin, true
	for ; end < len(text) && !endsAuthority(text[end]); end++ {
		port = port && isDigit(text[end])
	}
	if at := bytes.LastIndexByte(text[begin:end], '@'); at >= 0 {
		return begin + at
	}
	if port && (end == len(text) || !beginsPath(text[end]) || isHost(text[:user], text[user:begin-1])) {
		return -1
	}
	for end < len(text) && text[end] > ' ' && text[end] != '"' && !bytes.HasPrefix(text[end:], schemeEnd) {
		if port && endsAuthority(text[end]) && !beginsPath(text[end]) { // a quote
			break
		}
		end++
	}
	if at := bytes.LastIndexByte(text[begin:end], '@'); at >= 0 {
		return begin + at
	}
	return -1
}

// beginsPath says whether c may stand behind the port of a URL.
func beginsPath(c byte) bool { return c == '/' || c == '?' || c == '#' }

// isHost says whether the name rather is a host than a user: in a URL of HTTP, it has a
// dot, or is localhost.
func isHost(before, name []byte) bool {
	if bytes.IndexByte(name, '.') < 0 && string(name) != "localhost" {
		return false
	}
	before = bytes.TrimSuffix(before, schemeEnd)
	for _, scheme := range []string{"http", "https", "ws", "wss"} {
		if n := len(before) - len(scheme); n >= 0 && equalFold(before[n:], scheme) {
			return true
		}
	}
	return false
}

func endsAuthority(c byte) bool {
	switch c {
	case '/', '?', '#', '"', '\'', '<', '>', '`', '\\':
		return true
	default:
		return c <= ' '
	}
}

// scanQueries finds the values of parameters behind a question mark, of URLs and of
// paths.
func scanQueries(e *edit) {
	text := e.text
	for i := 0; ; {
		at := bytes.IndexByte(text[i:], '?')
		if at < 0 {
			return
		}
		i = scanQuery(e, i+at+1)
	}
}

// scanQuery finds the values of the query that begins at i, and returns its end.
func scanQuery(e *edit, i int) int {
	text := e.text
	for {
		begin := i
		for i < len(text) && isParameter(text[i]) {
			i++
		}
		if i < len(text) && text[i] == '=' && i > begin {
			begin = i + 1
			i = queryEnd(text, begin)
			e.replace(begin, i)
		}
		if i == len(text) || text[i] != '&' && text[i] != ';' {
			return i
		}
		i++
	}
}

// isParameter says whether c may stand in the name of a parameter.
func isParameter(c byte) bool {
	switch c {
	case '=', '&', ';', '#', '?', '"', '\'', '<', '>', '`', '\\', '(', ')':
		return false
	default:
		return c > ' ' && c != 0x7f
	}
}

// queryEnd is the end of the value that begins at i.
func queryEnd(text []byte, i int) int {
	end := bareEnd(text, i)
	if at := bytes.IndexByte(text[i:end], '#'); at >= 0 {
		return trimClosers(text, i, i+at)
	}
	return end
}

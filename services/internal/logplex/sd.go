package logplex

import (
	"bytes"
	"strings"
)

// SD says whether a sender puts STRUCTURED-DATA between MSGID and the text.
type SD uint8

const (
	// SDNever takes everything after MSGID as text, which is how Logplex writes frames.
	SDNever SD = iota
	// SDAlways drops one STRUCTURED-DATA field, "-" or "[id name="value" …]…", in front
	// of the text. A text that does not begin with one is left as it is.
	SDAlways
)

// SDFor returns what holds for a request by its User-Agent and Logplex-Drain-Token,
// either of them empty if the request had none. Logplex sends both and no
// STRUCTURED-DATA; log-shuttle sends no token and writes full RFC 5424, as generic
// syslog senders do.
func SDFor(userAgent, drainToken string) SD {
	switch {
	case strings.HasPrefix(userAgent, "log-shuttle/"):
		return SDAlways
	case drainToken != "", strings.HasPrefix(userAgent, "Logplex/"):
		return SDNever
	default:
		return SDAlways
	}
}

// skipStructuredData returns b after its STRUCTURED-DATA and the space behind that,
// or b itself when it does not begin with well-formed STRUCTURED-DATA.
func skipStructuredData(b []byte) []byte {
	end := 0

	switch {
	case len(b) == 0:
		return b
	case b[0] == '-':
		end = 1
	default:
		for end < len(b) && b[end] == '[' {
			n := elementLen(b[end:])
			if n == 0 {
				return b
			}

			end += n
		}
	}

	switch {
	case end == 0:
		return b
	case end == len(b):
		return nil
	case b[end] == ' ':
		return b[end+1:]
	default:
		return b
	}
}

// elementLen returns the length of the SD-ELEMENT at the start of b, 0 when there is
// none: [ID name="value" name="value"] where \ takes the next byte literally.
func elementLen(b []byte) int {
	i := 1 + nameLen(b[1:])
	if i == 1 {
		return 0
	}

	for i < len(b) && b[i] == ' ' {
		n := paramLen(b[i+1:])
		if n == 0 {
			return 0
		}

		i += 1 + n
	}

	if i == len(b) || b[i] != ']' {
		return 0
	}

	return i + 1
}

// paramLen returns the length of the name="value" at the start of b, 0 when there
// is none.
func paramLen(b []byte) int {
	name := nameLen(b)
	if name == 0 || !bytes.HasPrefix(b[name:], []byte(`="`)) {
		return 0
	}

	for i := name + 2; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}

	return 0
}

// nameLen returns the length of the SD-NAME at the start of b: printable ASCII
// without = ] " and space.
func nameLen(b []byte) int {
	for i, c := range b {
		if c <= ' ' || c > '~' || c == '=' || c == ']' || c == '"' {
			return i
		}
	}

	return len(b)
}

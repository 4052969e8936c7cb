package heroku

import "bytes"

const codeLen = len("H12")

// errorCode returns the code of a text that begins with "Error R14 (" or "Error L12:",
// the forms of the platform and of log-shuttle.
func errorCode(text []byte) []byte {
	rest, ok := bytes.CutPrefix(text, []byte("Error "))
	if !ok || len(rest) < codeLen {
		return nil
	}

	code, rest := rest[:codeLen], rest[codeLen:]
	if !isCode(code, 'R') && !isCode(code, 'L') {
		return nil
	}

	if !bytes.HasPrefix(rest, []byte(" (")) && !bytes.HasPrefix(rest, []byte(":")) {
		return nil
	}

	return code
}

// isCode reports whether b is the letter and two digits.
func isCode(b []byte, letter byte) bool {
	return len(b) == codeLen && b[0] == letter && isDigit(b[1]) && isDigit(b[2])
}

func isDigit(c byte) bool {
	return c-'0' <= 9
}

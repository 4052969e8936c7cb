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

// Codes are Heroku's error codes, H in router lines, R and L in system lines.
var Codes = []Code{
	{"H10", "App crashed"},
	{"H11", "Backlog too deep"},
	{"H12", "Request timeout"},
	{"H13", "Connection closed without response"},
	{"H14", "No web dynos running"},
	{"H15", "Idle connection"},
	{"H17", "Poorly formatted HTTP response"},
	{"H18", "Server Request Interrupted"},
	{"H19", "Backend connection timeout"},
	{"H20", "App boot timeout"},
	{"H21", "Backend connection refused"},
	{"H22", "Connection limit reached"},
	{"H23", "Endpoint misconfigured"},
	{"H24", "Forced close"},
	{"H25", "HTTP Restriction"},
	{"H26", "Request Error"},
	{"H27", "Client Request Interrupted"},
	{"H28", "Client Connection Idle"},
	{"H31", "Misdirected Request"},
	{"H32", "TLS Certificate Mismatch"},
	{"H80", "Maintenance mode"},
	{"H81", "Blank app"},
	{"H82", "Dyno hours used up"},
	{"H83", "Planned Service Degradation"},
	{"H99", "Platform error"},
	{"L10", "Drain buffer overflow"},
	{"L11", "Tail buffer overflow"},
	{"L12", "Local buffer overflow"},
	{"L13", "Local delivery error"},
	{"L14", "Certificate validation error"},
	{"L15", "Tail buffer temporarily unavailable"},
	{"R10", "Boot timeout"},
	{"R12", "Exit timeout"},
	{"R13", "Attach error"},
	{"R14", "Memory quota exceeded"},
	{"R15", "Memory quota vastly exceeded"},
	{"R16", "Detached"},
	{"R17", "Checksum error"},
	{"R99", "Platform error"},
}

// Code is one of Heroku's error codes and what it stands for.
type Code struct{ Code, Meaning string }

// Describe returns what a code stands for, or nothing for one it does not know.
func Describe(code string) string {
	for i := range Codes {
		if Codes[i].Code == code {
			return Codes[i].Meaning
		}
	}
	return ""
}

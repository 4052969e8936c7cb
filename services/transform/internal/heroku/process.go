package heroku

import "bytes"

// maxProc is the longest PROCID that RFC 5424 allows, in bytes.
const maxProc = 128

// minGenerated is the length from which a part of a dyno's name can be generated, so
// that "web-2" is left as it is.
const minGenerated = 5

// processType returns the process type in a PROCID, and whether the PROCID is the name
// of a dyno: web.1 and run.4321 on the Cedar generation, web-5f7c9d6b84-x2x7k on
// others. A PROCID that is neither ("router", "heroku-postgres") is returned whole, one
// that is no printable ASCII, too long or "-" as nil.
func processType(proc []byte) (process []byte, isDyno bool) {
	if len(proc) > maxProc || string(proc) == "-" || !isPrintable(proc) {
		return nil, false
	}

	if name, number, ok := bytes.Cut(proc, []byte(".")); ok {
		if isTypeName(name) && isNumber(number) {
			return name, true
		}

		return proc, false
	}

	if i := generatedSuffix(proc); i > 0 && isTypeName(proc) {
		return proc[:i], true
	}

	return proc, false
}

// generatedSuffix returns where "-5f7c9d6b84-x2x7k" begins in a name: at the first part
// after a hyphen that is lower-case letters with a digit among them. It returns 0 when
// there is none.
func generatedSuffix(name []byte) int {
	for at := 0; ; {
		hyphen := bytes.IndexByte(name[at:], '-')
		if hyphen < 0 {
			return 0
		}

		hyphen += at
		at = hyphen + 1

		part := name[at:]
		if end := bytes.IndexByte(part, '-'); end >= 0 {
			part = part[:end]
		}

		if isGenerated(part) {
			return hyphen
		}
	}
}

func isGenerated(part []byte) bool {
	digit := false

	for _, c := range part {
		switch {
		case isDigit(c):
			digit = true
		case c < 'a' || c > 'z':
			return false
		}
	}

	return digit && len(part) >= minGenerated
}

// isTypeName reports whether b can be a process type of a Procfile.
func isTypeName(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '-' {
			return false
		}
	}

	return len(b) > 0
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}

	return len(b) > 0
}

// isPrintable reports whether b is printable ASCII without spaces.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}

	return true
}

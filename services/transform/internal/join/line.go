package join

import "bytes"

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimLeft(line []byte) []byte {
	for len(line) > 0 && isSpace(line[0]) {
		line = line[1:]
	}
	return line
}

func trimRight(line []byte) []byte {
	for len(line) > 0 && isSpace(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	return line
}

func anything([]byte) bool { return true }

func isBlank(line []byte) bool { return len(trimLeft(line)) == 0 }

// isIndented says that there is something, behind a blank or a tab.
func isIndented(line []byte) bool {
	return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && !isBlank(line)
}

// isMarker recognises the line that points at a place in the one above: ^^^ or ~~^~~.
func isMarker(line []byte) bool {
	line = trimLeft(trimRight(line))
	return len(line) > 0 && len(bytes.Trim(line, "^~")) == 0
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// hasPrefix says whether a line begins with one of the words.
func hasPrefix(line []byte, words ...string) bool {
	for _, w := range words {
		if len(line) >= len(w) && string(line[:len(w)]) == w {
			return true
		}
	}
	return false
}

// begins recognises lines that begin with one of the words.
func begins(words ...string) func(line []byte) bool {
	return func(line []byte) bool { return hasPrefix(line, words...) }
}

// beginsAfterBlanks is begins for lines that may be indented.
func beginsAfterBlanks(words ...string) func(line []byte) bool {
	return func(line []byte) bool { return hasPrefix(trimLeft(line), words...) }
}

// isIndentedWith is begins for lines that are indented.
func isIndentedWith(words ...string) func(line []byte) bool {
	return both(isIndented, beginsAfterBlanks(words...))
}

// both recognises what each of two does.
func both(a, b func(line []byte) bool) func(line []byte) bool {
	return func(line []byte) bool { return a(line) && b(line) }
}

// isDatabaseMessage recognises what PostgreSQL and SQLAlchemy add to a message, on lines of
// their own.
var isDatabaseMessage = begins(
	"LINE ", "DETAIL:", "HINT:", "CONTEXT:", "[SQL:", "[parameters:", "(Background on this error at:",
)

// opens says that a line ends with an opening brace.
func opens(line []byte) bool { return bytes.HasSuffix(trimRight(line), []byte("{")) }

// namesError says whether a line has a word that ends with one of the endings of an error
// class, and after it the end of the line, a colon, or one of the texts.
func namesError(line []byte, endings []string, after ...string) bool {
	for _, ending := range endings {
		for rest := line; ; {
			i := bytes.Index(rest, []byte(ending))
			if i < 0 {
				break
			}
			rest = rest[i+len(ending):]
			if isBlank(rest) || rest[0] == ':' || hasPrefix(rest, after...) {
				return true
			}
		}
	}
	return false
}

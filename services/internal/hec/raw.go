package hec

import (
	"bytes"
	"iter"
	"unicode/utf8"

	"github.com/drainline/drainline/proto/wire"
)

// AppendRaw appends one event for HEC's raw endpoint: its text, or its JSON as it is,
// with one LF in place of the line ends behind it. Its other bytes stay as they are: what
// is a line end inside, Splunk decides by the sourcetype (props.conf: LINE_BREAKER). Time,
// metadata and fields are not in it. A blank text is sent as "-", as by AppendEvent.
func AppendRaw(dst []byte, e *wire.Event) []byte {
	switch {
	case len(e.JSON) > 0:
		dst = append(dst, withoutEnds(e.JSON)...)
	case blank(e.Text):
		dst = append(dst, '-')
	default:
		dst = append(dst, withoutEnds(e.Text)...)
	}
	return append(dst, '\n')
}

func withoutEnds(text []byte) []byte { return bytes.TrimRight(text, "\r\n") }

// Lines goes through the events of a body for the raw endpoint: its lines, each
// without its LF or CR LF. Blank lines are none. The last line needs no LF. Lines
// point into body; bytes that are not UTF-8 stay in them until AppendEvent writes
// them as U+FFFD.
func Lines(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(body) > 0 {
			n := lineLen(body)
			line := withoutEnd(body[:n])
			body = body[n:]
			if !blank(line) && !yield(line) {
				return
			}
		}
	}
}

// lineLen is the length of the first line with its end.
func lineLen(body []byte) int {
	if n := bytes.IndexByte(body, '\n'); n >= 0 {
		return n + 1
	}
	return len(body)
}

func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

// Parts cuts a body for the raw endpoint at line ends into parts of at most maxPart
// bytes, and tells with each how many lines it has. A line of more than maxPart
// bytes is a part of its own; one of more than maxEvent bytes is cut into pieces of
// at most maxEvent, between characters where the line is UTF-8, each of them a part
// of its own. maxEvent is at least 4, so that every character has room. Lines of the parts are the lines of the body, so a body without any
// has no parts.
func Parts(body []byte, maxPart, maxEvent int) iter.Seq2[[]byte, int] {
	return func(yield func([]byte, int) bool) {
		start, end, lines := 0, 0, 0 // of the part that is collected
		flush := func() bool {
			part, n := body[start:end:end], lines
			lines = 0
			return n == 0 || yield(part, n)
		}
		for at := 0; at < len(body); {
			from, next := at, at+lineLen(body[at:])
			at = next
			line := withoutEnd(body[from:next])
			if blank(line) {
				continue
			}
			if lines > 0 && (next-start > maxPart || len(line) > maxEvent) && !flush() {
				return
			}
			if len(line) > maxEvent {
				if !yieldPieces(bytes.TrimRight(line, "\r"), maxEvent, yield) {
					return
				}
				continue
			}
			if lines == 0 {
				start = from
			}
			end = next
			lines++
		}
		flush()
	}
}

func yieldPieces(line []byte, size int, yield func([]byte, int) bool) bool {
	for len(line) > 0 {
		n := pieceOf(line, size)
		if piece := line[:n:n]; !blank(piece) && !yield(piece, 1) {
			return false
		}
		line = line[n:]
	}
	return true
}

// pieceOf is how much of a line makes its first piece: size bytes, or a few fewer so
// as not to cut a character, nor to leave a CR at the end, where Lines would take it
// away.
func pieceOf(line []byte, size int) int {
	if len(line) <= size {
		return len(line)
	}
	n := size
	for n > 0 && size-n < utf8.UTFMax && !utf8.RuneStart(line[n]) {
		n--
	}
	if n == 0 || !utf8.RuneStart(line[n]) {
		return size // it is not UTF-8 here
	}
	if n > 1 && line[n-1] == '\r' {
		n--
	}
	return n
}

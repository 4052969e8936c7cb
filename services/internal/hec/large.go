package hec

import (
	"strconv"
	"unicode/utf8"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// TruncatedMark is how a text ends that was cut because it was too large.
	TruncatedMark = " … [truncated]"

	// TruncatedFrom is the field that tells how many bytes the body of a truncated
	// event had, as it came on the bus.
	TruncatedFrom = "truncated_from"

	// quotes are those around a JSON string, in bytes.
	quotes = len(`""`)
)

// Larger says whether the value of "event" as AppendEvent writes it has more than most
// bytes: Splunk refuses a batch with a larger event than it takes (inputs.conf:
// maxEventSize), with code 6. Of usual events the length alone tells. most is 1000 bytes
// or more.
func Larger(e *wire.Event, most int) bool {
	const growth = len(`\u0000`) // no byte of a text takes more
	switch {
	case len(e.JSON) > 0:
		return len(e.JSON) > most
	case len(e.Text) <= (most-quotes)/growth:
		return false
	default:
		return !blank(e.Text) && fitting(e.Text, most-quotes) < len(e.Text)
	}
}

// Truncate cuts an event that is Larger, so that it is no longer: it becomes the
// beginning of its text, cut between characters, with TruncatedMark behind, and gets the
// field TruncatedFrom. A body of JSON becomes text; of a JSON string it is what the string
// says. What the event points to is not written to. most is 1000 bytes or more.
func Truncate(e *wire.Event, most int) {
	if !Larger(e, most) {
		return
	}
	text, size := e.Text, len(e.Text)
	if len(e.JSON) > 0 {
		text, size = e.JSON, len(e.JSON)
		if text[0] == '"' {
			text = unquote(inside(text))
		}
	}
	text = text[:fitting(text, most-quotes-len(TruncatedMark))]
	e.Text = append(append(make([]byte, 0, len(text)+len(TruncatedMark)), text...), TruncatedMark...)
	e.JSON = nil

	fields := make([]wire.Field, 0, len(e.Fields)+1)
	for _, f := range e.Fields {
		if f.Name != TruncatedFrom {
			fields = append(fields, f)
		}
	}
	fields = append(fields, wire.Field{Name: TruncatedFrom, JSON: strconv.AppendInt(nil, int64(size), 10)})
	e.Fields = fields
}

// fitting is how much of a text, in whole characters, takes at most room bytes between
// the quotes of a JSON string.
func fitting(text []byte, room int) int {
	n := 0
	for n < len(text) {
		run := plain(text[n:min(len(text), n+room)])
		n, room = n+run, room-run
		if n == len(text) {
			break
		}
		size, encoded := character(text[n:])
		if room -= encoded; room < 0 {
			break
		}
		n += size
	}
	return n
}

// character is the size of the first character of a text, and of what AppendString makes
// of it.
func character(text []byte) (size, encoded int) {
	if text[0] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(text)
		return size, utf8.RuneLen(r)
	}
	return 1, escapedLen(text[0])
}

// escapedLen is how many bytes an ASCII character takes in a JSON string.
func escapedLen(c byte) int {
	switch {
	case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
		return len(`\n`)
	case c < ' ':
		return len(`\u0000`)
	default:
		return 1
	}
}

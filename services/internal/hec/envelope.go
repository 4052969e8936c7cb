package hec

import (
	"bytes"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/drainline/drainline/proto/wire"
)

// Envelope is one event as a client sent it to the event endpoint. Strings are
// empty where the client left the choice to its token.
//
// Everything in it points into Scanner.Body and lives as long, but for strings
// that were sent with escapes. Whoever keeps an envelope for longer than the body
// copies what he keeps.
type Envelope struct {
	// Start and End are where the envelope is in Scanner.Body.
	Start, End int
	// Raw is the whole envelope as it was sent.
	Raw []byte
	// TimeNS is nanoseconds since 1970, when HasTime.
	TimeNS     int64
	HasTime    bool
	Host       string
	Source     string
	Sourcetype string
	Index      string
	// Event is one JSON value as it was sent, neither null nor a blank string.
	Event []byte
	// Fields is one JSON object whose values are scalars or arrays of scalars, or
	// nil. AppendFields reads it.
	Fields []byte
}

// Text is the event when that is a JSON string: the characters it stands for. It
// allocates when the string has escapes.
func (e *Envelope) Text() (text []byte, ok bool) {
	if e.Event[0] != '"' {
		return nil, false
	}
	return unquote(inside(e.Event)), true
}

// AppendFields appends the envelope's fields in the order of their names'
// first appearance, each name once: of a name that comes twice the last value
// counts. Values are as they were sent, null among them.
func (e *Envelope) AppendFields(dst []wire.Field) []wire.Field {
	if e.Fields == nil {
		return dst
	}
	names := fieldNames{first: len(dst)}
	for m := membersOf(e.Fields, 0, len(e.Fields)); m.next(); {
		name := stringOf(unquote(m.key))
		if at := names.find(dst, name); at >= 0 {
			dst[at].JSON = m.value
			continue
		}
		dst = append(dst, wire.Field{Name: name, JSON: m.value})
	}
	return dst
}

// fieldNames finds a field by its name: by looking through the few that an event
// has, and with a map when somebody sends thousands.
type fieldNames struct {
	first int // what is before it belongs to somebody else
	index map[string]int
	known int // fields that the map has
}

func (n *fieldNames) find(fields []wire.Field, name string) int {
	const few = 32
	own := fields[n.first:]
	if len(own) <= few {
		for i := range own {
			if own[i].Name == name {
				return n.first + i
			}
		}
		return -1
	}
	if n.index == nil {
		n.index = make(map[string]int, 2*few)
	}
	for ; n.known < len(own); n.known++ {
		n.index[own[n.known].Name] = n.first + n.known
	}
	if at, ok := n.index[name]; ok {
		return at
	}
	return -1
}

// inside is a JSON string without its quotes.
func inside(quoted []byte) []byte { return quoted[1 : len(quoted)-1] }

// isBlank says whether the characters of the inside of a JSON string are what
// blank calls blank, without making them.
func isBlank(inside []byte) bool {
	for len(inside) > 0 {
		r, n := utf8.DecodeRune(inside)
		if r == '\\' {
			r, n = Unescape(inside)
		}
		if !unicode.IsSpace(r) {
			return false
		}
		inside = inside[n:]
	}
	return true
}

// isFlat says whether the values of a JSON object are scalars or arrays of scalars.
func isFlat(object []byte) bool {
	if bytes.IndexByte(object[1:], '{') < 0 && bytes.IndexByte(object, '[') < 0 {
		return true // nearly all are
	}
	const inObject, inArray = 1, 2
	depth := 0
	for i := 0; i < len(object); {
		switch object[i] {
		case '"':
			i = skipString(object, i)
			continue
		case '{':
			if depth >= inObject {
				return false
			}
			depth++
		case '[':
			if depth >= inArray {
				return false
			}
			depth++
		case ']', '}':
			depth--
		}
		i++
	}
	return true
}

// stringOf is b without a copy.
func stringOf(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // nobody writes to what an envelope points to
}

// validUTF8 is text with U+FFFD for each byte that is not UTF-8, as encoding/json
// and AppendString have it. It is text itself if there is none.
func validUTF8(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	bad := 0
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			bad++
		}
		rest = rest[n:]
	}
	valid := make([]byte, 0, len(text)+bad*(utf8.RuneLen(utf8.RuneError)-1))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		valid = utf8.AppendRune(valid, r)
		text = text[n:]
	}
	return valid
}

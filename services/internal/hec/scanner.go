package hec

import (
	"bytes"
	"fmt"
)

const (
	// DefaultMaxEvent is the largest event, in bytes of JSON: maxEventSize of
	// Splunk's inputs.conf.
	DefaultMaxEvent = 5 << 20

	// DefaultMaxDepth is how deep an envelope may nest. It protects whoever reads
	// the events with a recursive parser.
	DefaultMaxDepth = 256

	// DefaultMetadata is how many bytes an envelope may have beyond its largest
	// event.
	DefaultMetadata = 128 << 10
)

// Limits bound what a Scanner takes. What is over a limit is refused with
// InvalidDataFormat and the event's position, which is Splunk's answer to an event
// over its maxEventSize.
type Limits struct {
	// MaxEvent bounds the value of "event", in bytes of JSON. 0 is DefaultMaxEvent.
	MaxEvent int
	// MaxEnvelope bounds a whole envelope, in bytes of JSON. 0 is MaxEvent and
	// DefaultMetadata.
	MaxEnvelope int
	// MaxEvents bounds the envelopes of a body. 0 is no bound.
	MaxEvents int
	// MaxDepth bounds the nesting of an envelope, which itself is the first level.
	// 0 is DefaultMaxDepth.
	MaxDepth int
}

func (l Limits) withDefaults() Limits {
	if l.MaxEvent == 0 {
		l.MaxEvent = DefaultMaxEvent
	}
	if l.MaxEnvelope == 0 {
		l.MaxEnvelope = l.MaxEvent + DefaultMetadata
	}
	if l.MaxDepth == 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	return l
}

// Scanner goes through the envelopes of a body for the event endpoint:
// concatenated, with white space or nothing between them, or in one array at the
// top (undocumented, but Splunk takes it).
//
//	in := hec.NewScanner(body, limits)
//	for in.Next() {
//		use(in.Envelope())
//	}
//	if refused := in.Refused(); refused != nil {
//
// It stops at the first thing Splunk would refuse, in the order of the stream: a
// blank event before broken JSON is a blank event. Unknown keys are passed over,
// keys are case-sensitive, of a key that comes twice the last counts, null is as if
// the key were not there, and nothing carries over from one envelope to the next.
// A byte order mark is passed over at the start of the body, and nowhere else.
type Scanner struct {
	body     []byte
	limits   Limits
	at       int // of what is scanned next
	events   int // envelopes so far
	array    bool
	done     bool
	envelope Envelope
	refused  *RefusedError
}

const byteOrderMark = "\uFEFF"

// NewScanner is ready to go through the envelopes of a body. A body with bytes that
// are not UTF-8 is copied, with U+FFFD for each of them; the limits are for what
// comes of it.
func NewScanner(body []byte, limits Limits) *Scanner {
	return &Scanner{body: validUTF8(bytes.TrimPrefix(body, []byte(byteOrderMark))), limits: limits.withDefaults()}
}

// Body is what is scanned: the body behind its byte order mark, or a copy of it if
// it had bytes that are not UTF-8. It can be cut at Envelope.Start and Envelope.End.
func (s *Scanner) Body() []byte { return s.body }

// Envelope is the envelope that Next found. It is overwritten by the next one.
func (s *Scanner) Envelope() *Envelope { return &s.envelope }

// Events is the number of envelopes that Next found.
func (s *Scanner) Events() int { return s.events }

// Array says whether the envelopes are the elements of an array, known after the
// first Next. The body of an array can't be cut between envelopes: there are commas.
func (s *Scanner) Array() bool { return s.array }

// Refused is why Next reported false before the end of the body, nil at its end.
func (s *Scanner) Refused() *RefusedError { return s.refused }

// Next finds the next envelope. It reports false behind the last, and where the
// body is refused.
func (s *Scanner) Next() bool {
	s.done = s.done || !s.advance() || !s.scan()
	if s.done {
		return false
	}
	s.events++
	return true
}

// advance moves to where the next envelope should begin, if there is to be one.
func (s *Scanner) advance() bool {
	var more bool
	switch {
	case s.events == 0:
		more = s.begin()
	case s.array:
		more = s.separate()
	default:
		s.at = skipSpace(s.body, s.at)
		more = s.at < len(s.body)
	}
	if more && s.limits.MaxEvents > 0 && s.events >= s.limits.MaxEvents {
		return s.over(LimitEvents, "the body has more than %d events", s.limits.MaxEvents)
	}
	return more
}

// begin moves to the first envelope.
func (s *Scanner) begin() bool {
	s.at = skipSpace(s.body, 0)
	if s.at == len(s.body) {
		s.refused = &RefusedError{Code: NoData, Event: -1}
		return false
	}
	if s.array = s.body[s.at] == '['; s.array {
		s.at = skipSpace(s.body, s.at+1)
	}
	return true
}

// separate moves behind the comma between two elements of the array.
func (s *Scanner) separate() bool {
	s.at = skipSpace(s.body, s.at)
	switch {
	case s.at < len(s.body) && s.body[s.at] == ',':
		s.at = skipSpace(s.body, s.at+1)
		return true
	case s.at == len(s.body) || s.body[s.at] != ']':
		return s.refuse(InvalidDataFormat, "the array does not go on at byte %d", s.at)
	}
	if s.at = skipSpace(s.body, s.at+1); s.at < len(s.body) {
		return s.refuse(InvalidDataFormat, "something follows the array at byte %d", s.at)
	}
	return false
}

func (s *Scanner) refuse(code Code, reason string, args ...any) bool {
	s.refused = &RefusedError{Code: code, Event: s.events, Reason: fmt.Sprintf(reason, args...)}
	return false
}

// over refuses what is beyond a limit, as Splunk does beyond maxEventSize.
func (s *Scanner) over(limit Limit, reason string, args ...any) bool {
	s.refuse(InvalidDataFormat, reason, args...)
	s.refused.Limit = limit
	return false
}

// anyDepth is how deep is looked whether an envelope is JSON at all, once it is
// deeper than it may be.
const anyDepth = 10_000

// The keys of an envelope, as places in rawEnvelope.
const (
	keyEvent = iota
	keyTime
	keyHost
	keySource
	keySourcetype
	keyIndex
	keyFields
	keyUnknown
	keys
)

// rawEnvelope has a JSON value for each key that was sent.
type rawEnvelope [keys][]byte

// placeOf is where the value of a key belongs, as the key stands in the text.
func placeOf(key []byte) int {
	place := placeOfName(key)
	if place == keyUnknown && bytes.IndexByte(key, '\\') >= 0 {
		return placeOfName(unquote(key))
	}
	return place
}

func placeOfName(name []byte) int {
	switch string(name) {
	case "event":
		return keyEvent
	case "time":
		return keyTime
	case "host":
		return keyHost
	case "source":
		return keySource
	case "sourcetype":
		return keySourcetype
	case "index":
		return keyIndex
	case "fields":
		return keyFields
	default:
		return keyUnknown
	}
}

// scan reads the envelope that should begin where the scanner is.
func (s *Scanner) scan() bool {
	start := s.at
	if start == len(s.body) || s.body[start] != '{' {
		return s.refuse(InvalidDataFormat, "there is no object at byte %d", start)
	}
	var raw rawEnvelope
	m := membersOf(s.body, start, s.limits.MaxDepth-1)
	for m.next() {
		raw[placeOf(m.key)] = m.value
	}
	if m.at < 0 {
		if skipValue(s.body, start, anyDepth) > 0 {
			return s.over(LimitDepth, "it is nested deeper than %d", s.limits.MaxDepth)
		}
		return s.refuse(InvalidDataFormat, "not JSON at byte %d", ^m.at)
	}
	s.at = m.at
	s.envelope = Envelope{Start: start, End: m.at, Raw: s.body[start:m.at:m.at]}
	return s.take(&raw)
}

// take makes the envelope of its values.
func (s *Scanner) take(raw *rawEnvelope) bool {
	for i := range raw {
		if len(raw[i]) > 0 && raw[i][0] == 'n' { // null
			raw[i] = nil
		}
	}
	return s.takeMetadata(raw) && s.takeEvent(raw[keyEvent]) && s.takeTime(raw[keyTime]) && s.takeFields(raw[keyFields])
}

func (s *Scanner) takeMetadata(raw *rawEnvelope) bool {
	e := &s.envelope
	for _, m := range [...]struct {
		value *string
		name  string
		raw   []byte
	}{
		{&e.Host, "host", raw[keyHost]},
		{&e.Source, "source", raw[keySource]},
		{&e.Sourcetype, "sourcetype", raw[keySourcetype]},
		{&e.Index, "index", raw[keyIndex]},
	} {
		if m.raw == nil {
			continue
		}
		if m.raw[0] != '"' {
			return s.refuse(InvalidDataFormat, "its %s is not a string", m.name)
		}
		*m.value = stringOf(unquote(inside(m.raw)))
	}
	return true
}

func (s *Scanner) takeEvent(event []byte) bool {
	size := s.envelope.End - s.envelope.Start
	switch {
	case event == nil:
		return s.refuse(EventRequired, "it has no event")
	case len(event) > s.limits.MaxEvent:
		return s.over(LimitEvent, "its event has %d bytes, over %d", len(event), s.limits.MaxEvent)
	case event[0] == '"' && isBlank(inside(event)):
		return s.refuse(EventBlank, "its event is blank")
	case size > s.limits.MaxEnvelope:
		return s.over(LimitEvent, "it has %d bytes, over %d", size, s.limits.MaxEnvelope)
	}
	s.envelope.Event = event
	return true
}

func (s *Scanner) takeTime(at []byte) bool {
	if at == nil {
		return true
	}
	ns, err := parseTime(at)
	if err != nil {
		return s.refuse(InvalidFields, "its %s", err)
	}
	s.envelope.TimeNS, s.envelope.HasTime = ns, true
	return true
}

func (s *Scanner) takeFields(fields []byte) bool {
	switch {
	case fields == nil:
		return true
	case fields[0] != '{':
		return s.refuse(InvalidDataFormat, "its fields are not an object")
	case !isFlat(fields):
		return s.refuse(InvalidFields, "a field is neither a scalar nor an array of scalars")
	}
	s.envelope.Fields = fields
	return true
}

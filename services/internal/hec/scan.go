package hec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// DefaultMaxEvent is the largest event, in bytes of JSON: maxEventSize of
	// Splunk's inputs.conf.
	DefaultMaxEvent = 5 << 20

	// DefaultMaxDepth is how deep an envelope may nest. It protects whoever reads
	// the events with a recursive parser.
	DefaultMaxDepth = 256
)

// Limits bound what Scan takes. Zero means the default.
type Limits struct {
	// MaxEvent bounds the value of "event", in bytes as it was sent.
	MaxEvent int
	// MaxDepth bounds the nesting of an envelope, which itself is the first level.
	MaxDepth int
}

// Envelope is one event as a client sent it to the event endpoint. Strings are
// empty where the client left the choice to its token.
type Envelope struct {
	// TimeNS is nanoseconds since 1970, when HasTime.
	TimeNS     int64
	HasTime    bool
	Host       string
	Source     string
	Sourcetype string
	Index      string
	// Event is one JSON value, neither null nor a blank string.
	Event json.RawMessage
	// Fields have scalars or arrays of scalars as values, and each name once.
	Fields []wire.Field
	// Raw is the whole envelope as it was sent, but for bytes that are not UTF-8.
	Raw json.RawMessage
}

// RefusedError says that a body is refused, and because of which event.
type RefusedError struct {
	Code Code
	// Event is the position of the event, counted from 0; -1 for NoData.
	Event int
	// Reason is what is wrong, for people.
	Reason string
}

func (e *RefusedError) Error() string {
	if e.Event < 0 {
		return e.Code.Text()
	}
	return fmt.Sprintf("%s: event %d: %s", e.Code.Text(), e.Event, e.Reason)
}

// Answer is what HEC answers to the body.
func (e *RefusedError) Answer() Answer {
	a := NewAnswer(e.Code)
	a.InvalidEvent = e.Event
	return a
}

// Scan goes through the envelopes of a body: concatenated, with white space or
// nothing between them, or in one array at the top. It ends with a *RefusedError
// at the first thing Splunk would refuse, in the order of the stream: a blank
// event before broken JSON is a blank event. Unknown keys are passed over; of a
// key that comes twice the last counts; nothing carries over from one envelope
// to the next. Bytes that are not UTF-8 become U+FFFD.
//
// Nothing in an envelope points into body.
func Scan(body []byte, limits Limits) iter.Seq2[Envelope, error] {
	if limits.MaxEvent == 0 {
		limits.MaxEvent = DefaultMaxEvent
	}
	if limits.MaxDepth == 0 {
		limits.MaxDepth = DefaultMaxDepth
	}
	return func(yield func(Envelope, error) bool) {
		n := 0
		refuse := func(code Code, reason string) { yield(Envelope{}, &RefusedError{Code: code, Event: n, Reason: reason}) }

		start := bytes.TrimLeft(body, " \t\r\n")
		if len(start) == 0 {
			n = -1
			refuse(NoData, "")
			return
		}
		if !utf8.Valid(start) {
			start = bytes.ToValidUTF8(start, []byte(string(utf8.RuneError)))
		}
		in := newStream(start)
		for ; in.more(); n++ {
			raw, err := in.next()
			if err != nil {
				refuse(InvalidDataFormat, err.Error())
				return
			}
			e, code, err := parseEnvelope(raw, limits)
			if err != nil {
				refuse(code, err.Error())
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := in.end(); err != nil {
			refuse(InvalidDataFormat, err.Error())
		}
	}
}

// stream reads JSON values that follow each other, or those of one array.
type stream struct {
	in    *json.Decoder
	array bool
	empty bool
}

func newStream(body []byte) *stream {
	s := &stream{in: json.NewDecoder(bytes.NewReader(body)), array: body[0] == '[', empty: true}
	if s.array {
		_, _ = s.in.Token() // the bracket just seen
	}
	return s
}

func (s *stream) more() bool { return s.in.More() }

func (s *stream) next() (json.RawMessage, error) {
	s.empty = false
	var raw json.RawMessage
	if err := s.in.Decode(&raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return raw, nil
}

// end is called when there is no more, and fails if the body goes on or stops short.
func (s *stream) end() error {
	if s.array {
		if _, err := s.in.Token(); err != nil {
			return fmt.Errorf("the array does not end: %w", err)
		}
		if s.empty {
			return errors.New("the array is empty")
		}
	}
	if _, err := s.in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the last event")
	}
	return nil
}

// parseEnvelope fails with the code to answer.
func parseEnvelope(raw json.RawMessage, limits Limits) (Envelope, Code, error) {
	if nesting(raw) > limits.MaxDepth {
		return Envelope{}, InvalidDataFormat, fmt.Errorf("nested deeper than %d", limits.MaxDepth)
	}
	if raw[0] != '{' {
		return Envelope{}, InvalidDataFormat, errors.New("an envelope is an object")
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return Envelope{}, InvalidDataFormat, fmt.Errorf("not JSON: %w", err)
	}
	e := Envelope{Raw: raw, Event: keys["event"]}
	if err := e.setMetadata(keys); err != nil {
		return Envelope{}, InvalidDataFormat, err
	}
	if code, err := checkEvent(e.Event, limits); err != nil {
		return Envelope{}, code, err
	}
	if at := keys["time"]; !absent(at) {
		ns, err := parseTime(at)
		if err != nil {
			return Envelope{}, InvalidFields, err
		}
		e.TimeNS, e.HasTime = ns, true
	}
	if fields := keys["fields"]; !absent(fields) {
		if fields[0] != '{' {
			return Envelope{}, InvalidDataFormat, errors.New("fields is not an object")
		}
		var err error
		if e.Fields, err = parseFields(fields); err != nil {
			return Envelope{}, InvalidFields, err
		}
	}
	return e, Success, nil
}

func (e *Envelope) setMetadata(keys map[string]json.RawMessage) error {
	for _, m := range []struct {
		key   string
		value *string
	}{
		{"host", &e.Host},
		{"source", &e.Source},
		{"sourcetype", &e.Sourcetype},
		{"index", &e.Index},
	} {
		if raw := keys[m.key]; !absent(raw) && json.Unmarshal(raw, m.value) != nil {
			return errors.New(m.key + " is not a string")
		}
	}
	return nil
}

// absent takes null for a key that is not there.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || raw[0] == 'n' }

func checkEvent(event json.RawMessage, limits Limits) (Code, error) {
	switch {
	case absent(event):
		return EventRequired, errors.New("it has no event")
	case len(event) > limits.MaxEvent:
		return InvalidDataFormat, fmt.Errorf("its event has %d bytes, over %d", len(event), limits.MaxEvent)
	case event[0] != '"':
		return Success, nil
	}
	var text string
	if err := json.Unmarshal(event, &text); err != nil {
		return InvalidDataFormat, fmt.Errorf("not JSON: %w", err)
	}
	if blank(bytesOf(text)) {
		return EventBlank, errors.New("its event is blank")
	}
	return Success, nil
}

// parseFields reads the members of an object in their order.
func parseFields(object json.RawMessage) ([]wire.Field, error) {
	in := json.NewDecoder(bytes.NewReader(object))
	if _, err := in.Token(); err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	var fields []wire.Field
	seen := map[string]int{}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return nil, fmt.Errorf("fields: %w", err)
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, fmt.Errorf("field %.100q: %w", name, err)
		}
		if !flat(value) {
			return nil, fmt.Errorf("field %.100q is neither a scalar nor an array of scalars", name)
		}
		if at, twice := seen[name]; twice {
			fields[at].JSON = value
			continue
		}
		seen[name] = len(fields)
		fields = append(fields, wire.Field{Name: name, JSON: value})
	}
	return fields, nil
}

// flat says whether a value is a scalar or an array of scalars.
func flat(value json.RawMessage) bool {
	return nesting(value) == 0 || value[0] == '[' && nesting(value) == 1
}

// nesting is how deep the arrays and objects of a JSON value go, 0 for a scalar.
func nesting(value json.RawMessage) int {
	depth, deepest := 0, 0
	inString, escaped := false, false
	for _, c := range value {
		switch {
		case escaped:
			escaped = false
		case inString:
			inString, escaped = c != '"', c == '\\'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

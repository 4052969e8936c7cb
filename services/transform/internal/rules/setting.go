package rules

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// setting gives an event one thing that each event has once.
type setting struct {
	key  string
	step string // for people
	// text makes the value; nil is the literal.
	text    *condition.Template
	literal value
}

// value is a text, or the time in nanoseconds since 1970 that it says.
type value struct {
	text []byte
	ns   int64
}

func newSetting(key, text string) (setting, error) {
	s := setting{key: key, step: "set." + key}
	if strings.Contains(text, "{{") {
		var err error
		s.text, err = condition.CompileText(text)
		return s, err
	}
	var why string
	if s.literal, why = read(key, []byte(text)); why != "" {
		return s, errors.New(why)
	}
	return s, nil
}

// assign gives the event all values or none, and all at once, so that no template sees
// what another one did. A value that is empty is none.
func (r *Runner) assign(e *event.Event, settings []setting) error {
	var values [7]value // there are no more keys
	for i := range settings {
		s := &settings[i]
		if s.text == nil {
			values[i] = s.literal
			continue
		}
		text, err := r.render(e, s.text)
		if err != nil {
			return failedIn(s.step, err)
		}
		var why string
		if values[i], why = read(s.key, text); why != "" {
			return failed(s.step, why)
		}
	}
	for i := range settings {
		values[i].give(e, settings[i].key)
	}
	return nil
}

// render makes text of a template, in the memory of the runner.
func (r *Runner) render(e *event.Event, t *condition.Template) ([]byte, error) {
	begin := len(r.memory)
	memory, err := t.AppendText(&r.machine, r.memory, e)
	if err != nil {
		return nil, err
	}
	r.memory = memory
	return r.made(begin), nil
}

// read makes the value for a key of a text, or says why it is none.
func read(key string, text []byte) (v value, why string) {
	if len(text) == 0 {
		return value{}, ""
	}
	switch key {
	case "message":
	case "time":
		text = bytes.TrimSpace(text)
		ns, ok := parseTime(fields.Alias(text))
		if !ok {
			return value{}, "the text is no time since 1970, in RFC 3339 or as a number of seconds"
		}
		return value{text, ns}, ""
	case "index":
		if !isIndex(text) {
			return value{}, "the text is no name of an index: 1 to 255 lower case letters, digits, _ and -, not beginning with -"
		}
	case "token":
		if !isTokenName(text) {
			return value{}, "the text is no name of a token: 1 to 32 lower case letters, digits and _"
		}
	default:
		if !isWords(text) {
			return value{}, "the text has more than 1000 bytes, control characters, or bytes that are not UTF-8"
		}
	}
	return value{text: text}, ""
}

func (v value) give(e *event.Event, key string) {
	if len(v.text) == 0 {
		return
	}
	switch key {
	case "host":
		e.Host = fields.Alias(v.text)
	case "source":
		e.Source = fields.Alias(v.text)
	case "sourcetype":
		e.Sourcetype = fields.Alias(v.text)
	case "index":
		e.Index = fields.Alias(v.text)
	case "token":
		e.Token = fields.Alias(v.text)
	case "time":
		e.TimeNS = v.ns
	case "message":
		e.SetText(v.text)
	}
}

// isIndex says whether Splunk takes the text for the name of an index (indexes.conf).
func isIndex(text []byte) bool {
	for i, c := range text {
		lower := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_'
		if !lower && (c != '-' || i == 0) {
			return false
		}
	}
	return 0 < len(text) && len(text) <= 255
}

// isTokenName says whether the text is a name as those under ingest.hec.tokens are. A GUID, as
// Splunk's tokens are, is none: what names a token may be seen.
func isTokenName(text []byte) bool {
	for _, c := range text {
		if ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '_' {
			return false
		}
	}
	return 0 < len(text) && len(text) <= 32
}

// isWords says whether a text is fit for host, source or sourcetype.
func isWords(text []byte) bool {
	return len(text) <= 1000 && utf8.Valid(text) && bytes.IndexFunc(text, unicode.IsControl) < 0
}

// parseTime reads RFC 3339 or a number since 1970, as nanoseconds since 1970. There is
// no earlier time, and none after 2262.
func parseTime(text string) (ns int64, ok bool) {
	if len(text) > len("2006-") && text[len("2006")] == '-' {
		t, err := time.Parse(time.RFC3339, text)
		ns = t.UnixNano()
		return ns, err == nil && ns > 0 && 1970 <= t.Year() && t.Year() < 2262
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return 0, false
	}
	unit := unitOf(n)
	if n > uint64((1<<63-1)/unit)-1 { // one unit is left for the fraction
		return 0, false
	}
	ns = int64(n) * unit
	for _, digit := range []byte(fraction) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		unit /= 10
		ns += int64(digit-'0') * unit
	}
	return ns, ns > 0
}

// unitOf is the unit of a number since 1970, by its size: each is good for times between
// 1973 and 5138.
func unitOf(n uint64) int64 {
	switch {
	case n < 1e11:
		return int64(time.Second)
	case n < 1e14:
		return int64(time.Millisecond)
	case n < 1e17:
		return int64(time.Microsecond)
	default:
		return int64(time.Nanosecond)
	}
}

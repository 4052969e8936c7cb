package splunk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// An Event is one indexed event. Host, source, sourcetype and index are those of the envelope, else of the query, else empty.
type Event struct {
	// Request is the number of the request that brought it, from 1.
	Request int64
	// Time is zero when neither envelope nor query has one; Splunk then takes the time of arrival.
	Time time.Time

	Host, Source, Sourcetype, Index string

	// Event is the value of "event", as sent. For a raw event it is the line, which is not JSON.
	Event json.RawMessage
	// Fields are the indexed fields. Numbers are json.Number.
	Fields map[string]any
	// Raw tells that the event came to the raw endpoint.
	Raw bool
}

// Text is the event's text: the string it is, or else its JSON.
func (e Event) Text() string {
	var text string
	if e.Raw || json.Unmarshal(e.Event, &text) != nil {
		return string(e.Event)
	}
	return text
}

// decimal bounds what is worth converting: an exponent could make a number of any length.
var decimal = regexp.MustCompile(`^-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?$`)

// A batch is the body of one request while it is parsed.
type batch struct {
	number     int64
	allowed    Token
	maxEvent   int
	poison     func(Event) int
	seen       bool              // whether somebody looks at the events' fields
	defaults   Event             // from the query
	names      map[string]string // metadata so far, which repeats
	members    []member          // of the envelope at hand
	fields     []member          // and of its fields
	events     []Event
	violations []string
}

func newBatch(c call, allowed Token, o *Options) (b *batch, code int) {
	query := c.URL.Query()
	b = &batch{
		number:   c.number,
		allowed:  allowed,
		maxEvent: o.MaxEventSize,
		poison:   o.Poison,
		seen:     o.KeepEvents > 0 || o.OnEvent != nil || o.Poison != nil,
		names:    map[string]string{},
		defaults: Event{
			Request:    c.number,
			Host:       query.Get("host"),
			Source:     query.Get("source"),
			Sourcetype: query.Get("sourcetype"),
			Index:      query.Get("index"),
			Raw:        c.raw,
		},
	}
	if value := query.Get("time"); value != "" && !slowTime(value, &b.defaults.Time) {
		return nil, codeInvalidFormat
	}
	return b, codeSuccess
}

// parse takes envelopes until the body ends or one is invalid. It returns the code and the invalid envelope's index, from zero.
func (b *batch) parse(body []byte) (code, at int) {
	rest := body[skip(body, ' '):]
	if rest[0] == '[' {
		code = b.parseArray(rest)
	} else {
		code = b.parseRun(rest)
	}
	return code, len(b.events)
}

// parseRun takes envelopes that follow one another.
func (b *batch) parseRun(rest []byte) (code int) {
	for len(rest) > 0 {
		if rest, code = b.next(rest); code != codeSuccess {
			return code
		}
	}
	return codeSuccess
}

// parseArray takes an array of envelopes, which Splunk does too, undocumented.
func (b *batch) parseArray(rest []byte) (code int) {
	b.violate(0, "the body is an array; envelopes are sent one after another")
	for separator := byte('['); separator != ']'; {
		rest = rest[1:]
		if rest, code = b.next(rest[skip(rest, ' '):]); code != codeSuccess {
			return code
		}
		if len(rest) == 0 || rest[0] != ',' && rest[0] != ']' {
			return codeInvalidFormat
		}
		separator = rest[0]
	}
	if skip(rest[1:], ' ') < len(rest)-1 {
		return codeInvalidFormat
	}
	return codeSuccess
}

// next takes one envelope, and returns what follows it and its white space.
func (b *batch) next(body []byte) (rest []byte, code int) {
	if len(body) == 0 || body[0] != '{' {
		return nil, codeInvalidFormat
	}
	raw := json.RawMessage(body[:nestedEnd(body)])
	if !json.Valid(raw) {
		return nil, codeInvalidFormat
	}
	event, code := b.envelope(raw)
	if code != codeSuccess {
		return nil, code
	}
	b.events = append(b.events, event)
	rest = body[len(raw):]
	return rest[skip(rest, ' '):], codeSuccess
}

// envelope checks one envelope. The order of checks only matters for envelopes with two faults, where Splunk's is unknown.
func (b *batch) envelope(raw json.RawMessage) (Event, int) {
	b.members = appendMembers(b.members[:0], raw)
	b.checkKeys("the envelope", b.members)
	event := b.defaults
	for _, m := range b.members {
		if code := b.take(&event, m); code != codeSuccess {
			return Event{}, code
		}
	}
	return event, b.checkEvent(event)
}

// take puts one member of an envelope into the event.
func (b *batch) take(event *Event, m member) int {
	switch string(m.key) {
	case "event":
		event.Event = m.value
		return codeSuccess
	case "host":
		return b.text(m.value, &event.Host)
	case "source":
		return b.text(m.value, &event.Source)
	case "sourcetype":
		return b.text(m.value, &event.Sourcetype)
	case "index":
		return b.text(m.value, &event.Index)
	case "time":
		return b.time(m.value, &event.Time)
	case "fields":
		return b.takeFields(m.value, &event.Fields)
	default:
		b.violate(len(b.events), fmt.Sprintf("unknown key %q", m.key))
		return codeSuccess
	}
}

// checkEvent checks what needs the whole envelope.
func (b *batch) checkEvent(event Event) int {
	switch {
	case len(event.Event) == 0, string(event.Event) == "null":
		return codeEventRequired
	case blank(event.Event):
		return codeEventBlank
	case len(event.Event) > b.maxEvent:
		return codeInvalidFormat
	case !b.allows(event.Index):
		return codeIncorrectIndex
	case b.poison != nil:
		return b.poison(event)
	}
	return codeSuccess
}

func (b *batch) allows(index string) bool {
	return index == "" || len(b.allowed.Indexes) == 0 || slices.Contains(b.allowed.Indexes, index)
}

// blank tells whether an event is a string of nothing but white space.
func blank(raw json.RawMessage) bool {
	if raw[0] != '"' {
		return false
	}
	if first := raw[1]; first > ' ' && first < utf8.RuneSelf && first != '"' && first != '\\' {
		return false // as nearly every event shows
	}
	return len(bytes.TrimSpace(unquote(raw))) == 0
}

// time takes epoch seconds, as a number or as a string that holds one.
func (b *batch) time(raw json.RawMessage, into *time.Time) int {
	if fastTime(raw, into) {
		return codeSuccess
	}
	number := string(raw)
	if raw[0] == '"' {
		number = strings.TrimSpace(string(unquote(raw)))
	}
	if !slowTime(number, into) {
		return codeFields // as measured: code 15, not 6
	}
	b.violate(len(b.events), fmt.Sprintf("time is %s, not a number of seconds with at most six decimals", raw))
	return codeSuccess
}

// fastTime takes a time that keeps its value in Splunk: not negative, no exponent, at most microseconds.
func fastTime(raw []byte, into *time.Time) bool {
	const digits, decimals, second = 18, 6, int64(time.Second)
	const last, lastNS = math.MaxInt64 / second, math.MaxInt64 % second // as far as nanoseconds go
	whole, fraction, _ := bytes.Cut(raw, []byte{'.'})
	if len(whole) > digits || len(fraction) > decimals {
		return false
	}
	seconds, ok := natural(whole)
	ns, fine := natural(fraction)
	if !ok || !fine {
		return false
	}
	for range 9 - len(fraction) {
		ns *= 10
	}
	if seconds < last || seconds == last && ns <= lastNS {
		*into = time.Unix(seconds, ns).UTC()
	}
	return true
}

// natural is the number that digits make, 0 if there are none.
func natural(digits []byte) (n int64, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// slowTime takes any number of seconds. One that does not fit into a time leaves that zero.
func slowTime(number string, into *time.Time) bool {
	if !decimal.MatchString(number) {
		return false
	}
	seconds, ok := new(big.Rat).SetString(number)
	if !ok {
		return false
	}
	ns := new(big.Int).Mul(seconds.Num(), big.NewInt(int64(time.Second)))
	if ns.Div(ns, seconds.Denom()).IsInt64() {
		*into = time.Unix(0, ns.Int64()).UTC()
	}
	return true
}

// takeFields takes indexed fields: an object whose values are scalars or arrays of scalars.
func (b *batch) takeFields(raw json.RawMessage, into *map[string]any) int {
	if raw[0] != '{' {
		return codeInvalidFormat
	}
	b.fields = appendMembers(b.fields[:0], raw)
	b.checkKeys("fields", b.fields)
	for _, m := range b.fields {
		if !flat(m.value) {
			return codeFields
		}
	}
	if !b.seen {
		return codeSuccess
	}
	*into = make(map[string]any, len(b.fields))
	for _, m := range b.fields {
		(*into)[string(m.key)] = decode(m.value)
	}
	return codeSuccess
}

// decode decodes a valid JSON value.
func decode(raw json.RawMessage) any {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil
	}
	return value
}

// text takes a metadata value, which is a string.
func (b *batch) text(raw json.RawMessage, into *string) int {
	if raw[0] != '"' {
		return codeInvalidFormat
	}
	name, known := b.names[string(raw)]
	if !known {
		name = string(unquote(raw))
		b.names[string(raw)] = name
	}
	*into = name
	return codeSuccess
}

// checkKeys records keys that occur twice: Splunk takes one of them and does not say which.
func (b *batch) checkKeys(where string, keys []member) {
	for i, m := range keys {
		if slices.ContainsFunc(keys[:i], func(other member) bool { return bytes.Equal(other.key, m.key) }) {
			b.violate(len(b.events), fmt.Sprintf("%s has key %q twice", where, m.key))
		}
	}
}

func (b *batch) violate(event int, what string) {
	b.violations = append(b.violations, fmt.Sprintf("request %d, event %d: %s", b.number, event, what))
}

package splunk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
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
	// Time is zero when the envelope has none; Splunk then takes the time of arrival.
	Time time.Time

	Host, Source, Sourcetype, Index string

	// Event is the value of "event", as sent.
	Event json.RawMessage
	// Fields are the indexed fields. Numbers are json.Number.
	Fields map[string]any
}

// Text is the event's text: the string it is, or else its JSON.
func (e Event) Text() string {
	var text string
	if err := json.Unmarshal(e.Event, &text); err != nil {
		return string(e.Event)
	}
	return text
}

var (
	// carefulTime is a time that keeps its value in Splunk: not negative, no exponent, at most microseconds.
	carefulTime = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,6})?$`)
	// decimal bounds what is worth converting: an exponent could make a number of any length.
	decimal = regexp.MustCompile(`^-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?$`)
)

// A batch is the body of one request while it is parsed.
type batch struct {
	number     int64
	allowed    Token
	maxEvent   int
	defaults   Event           // from the query
	seen       map[string]bool // of checkKeys, to be used again
	events     []Event
	violations []string
}

func newBatch(number int64, query url.Values, allowed Token, maxEvent int) *batch {
	return &batch{
		number:   number,
		allowed:  allowed,
		maxEvent: maxEvent,
		seen:     map[string]bool{},
		defaults: Event{
			Request:    number,
			Host:       query.Get("host"),
			Source:     query.Get("source"),
			Sourcetype: query.Get("sourcetype"),
			Index:      query.Get("index"),
		},
	}
}

// parse takes envelopes until the body ends or one is invalid. It returns the code and the invalid envelope's index, from zero.
func (b *batch) parse(body []byte) (code, at int) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if bytes.TrimLeft(body, jsonSpace)[0] == '[' {
		code = b.parseArray(decoder)
	} else {
		code = b.parseRun(decoder)
	}
	return code, len(b.events)
}

// parseRun takes envelopes that follow one another.
func (b *batch) parseRun(decoder *json.Decoder) int {
	for {
		code, end := b.next(decoder)
		if end || code != codeSuccess {
			return code
		}
	}
}

// parseArray takes an array of envelopes, which Splunk does too, undocumented.
func (b *batch) parseArray(decoder *json.Decoder) int {
	b.violate(0, "the body is an array; envelopes are sent one after another")
	if _, err := decoder.Token(); err != nil {
		return codeInvalidFormat
	}
	for decoder.More() {
		if code, _ := b.next(decoder); code != codeSuccess {
			return code
		}
	}
	if _, err := decoder.Token(); err != nil || len(b.events) == 0 { // the closing bracket
		return codeInvalidFormat
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return codeInvalidFormat
	}
	return codeSuccess
}

// next takes one envelope, or tells that there is none.
func (b *batch) next(decoder *json.Decoder) (code int, end bool) {
	var raw json.RawMessage
	switch err := decoder.Decode(&raw); {
	case errors.Is(err, io.EOF):
		return codeSuccess, true
	case err != nil:
		return codeInvalidFormat, false
	}
	event, code := b.envelope(raw)
	if code == codeSuccess {
		b.events = append(b.events, event)
	}
	return code, false
}

// envelope checks one envelope. The order of checks only matters for envelopes with two faults, where Splunk's is unknown.
func (b *batch) envelope(raw json.RawMessage) (Event, int) {
	if raw[0] != '{' {
		return Event{}, codeInvalidFormat
	}
	keys := members(raw)
	b.checkKeys("the envelope", keys)
	event := b.defaults
	for _, m := range keys {
		if code := b.take(&event, m); code != codeSuccess {
			return Event{}, code
		}
	}
	return event, b.checkEvent(event)
}

// take puts one member of an envelope into the event.
func (b *batch) take(event *Event, m member) int {
	switch m.key {
	case "event":
		event.Event = m.value
		return codeSuccess
	case "host":
		return text(m.value, &event.Host)
	case "source":
		return text(m.value, &event.Source)
	case "sourcetype":
		return text(m.value, &event.Sourcetype)
	case "index":
		return text(m.value, &event.Index)
	case "time":
		return b.time(m.value, &event.Time)
	case "fields":
		return b.fields(m.value, &event.Fields)
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
	case event.Index != "" && len(b.allowed.Indexes) > 0 && !slices.Contains(b.allowed.Indexes, event.Index):
		return codeIncorrectIndex
	}
	return codeSuccess
}

// blank tells whether an event is a string of nothing but white space.
func blank(raw json.RawMessage) bool {
	if raw[0] != '"' {
		return false
	}
	if first := raw[1]; first > ' ' && first < utf8.RuneSelf && first != '"' && first != '\\' {
		return false // as nearly every event shows
	}
	return strings.TrimSpace(unquote(raw)) == ""
}

// time takes epoch seconds, as a number or as a string that holds one.
func (b *batch) time(raw json.RawMessage, into *time.Time) int {
	number := string(raw)
	if raw[0] == '"' {
		number = strings.TrimSpace(unquote(raw))
	}
	if !decimal.MatchString(number) {
		return codeFields // as measured: code 15, not 6
	}
	if !carefulTime.Match(raw) {
		b.violate(len(b.events), fmt.Sprintf("time is %s, not a number of seconds with at most six decimals", raw))
	}
	seconds, ok := new(big.Rat).SetString(number)
	if !ok {
		return codeFields
	}
	ns := new(big.Int).Mul(seconds.Num(), big.NewInt(int64(time.Second)))
	if ns.Div(ns, seconds.Denom()).IsInt64() {
		*into = time.Unix(0, ns.Int64()).UTC()
	}
	return codeSuccess
}

// fields takes indexed fields: an object whose values are scalars or arrays of scalars.
func (b *batch) fields(raw json.RawMessage, into *map[string]any) int {
	if raw[0] != '{' {
		return codeInvalidFormat
	}
	fields := members(raw)
	b.checkKeys("fields", fields)
	*into = make(map[string]any, len(fields))
	for _, m := range fields {
		value, flat := flatten(m.value)
		if !flat {
			return codeFields
		}
		(*into)[m.key] = value
	}
	return codeSuccess
}

// flatten decodes a field's value. It returns false unless that is a scalar or an array of scalars.
func flatten(raw json.RawMessage) (any, bool) {
	switch raw[0] {
	case '"':
		return unquote(raw), true
	case '{':
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, false
	}
	items, _ := value.([]any)
	for _, item := range items {
		switch item.(type) {
		case map[string]any, []any:
			return nil, false
		}
	}
	return value, true
}

// text takes a metadata value, which is a string.
func text(raw json.RawMessage, into *string) int {
	if raw[0] != '"' {
		return codeInvalidFormat
	}
	*into = unquote(raw)
	return codeSuccess
}

// checkKeys records keys that occur twice: Splunk takes one of them and does not say which.
func (b *batch) checkKeys(where string, keys []member) {
	clear(b.seen)
	for _, m := range keys {
		if b.seen[m.key] {
			b.violate(len(b.events), fmt.Sprintf("%s has key %q twice", where, m.key))
		}
		b.seen[m.key] = true
	}
}

func (b *batch) violate(event int, what string) {
	b.violations = append(b.violations, fmt.Sprintf("request %d, event %d: %s", b.number, event, what))
}

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
)

// An Event is one indexed event. Host, source, sourcetype and index are those of the envelope, else of the query, else empty.
type Event struct {
	Request    int64           // the number of the request that brought it, from 1
	Time       time.Time       // zero when the envelope has none; Splunk then takes the time of arrival
	Host       string          //
	Source     string          //
	Sourcetype string          //
	Index      string          //
	Event      json.RawMessage // the value of "event", as sent
	Fields     map[string]any  // indexed fields; numbers are json.Number
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
	defaults   Event // from the query
	events     []Event
	violations []string
}

func newBatch(number int64, query url.Values, allowed Token, maxEvent int) *batch {
	return &batch{
		number:   number,
		allowed:  allowed,
		maxEvent: maxEvent,
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
// Splunk also takes an array of envelopes, undocumented.
func (b *batch) parse(body []byte) (code, at int) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	array := bytes.TrimLeft(body, jsonSpace)[0] == '['
	if array {
		b.violate(0, "the body is an array; envelopes are sent one after another")
		if _, err := decoder.Token(); err != nil {
			return codeInvalidFormat, 0
		}
	}
	for !array || decoder.More() {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			if errors.Is(err, io.EOF) && !array {
				return codeSuccess, 0
			}
			return codeInvalidFormat, len(b.events)
		}
		event, code := b.envelope(raw)
		if code != codeSuccess {
			return code, len(b.events)
		}
		b.events = append(b.events, event)
	}
	if _, err := decoder.Token(); err != nil || len(b.events) == 0 { // the closing bracket
		return codeInvalidFormat, len(b.events)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return codeInvalidFormat, len(b.events)
	}
	return codeSuccess, 0
}

// envelope checks one envelope. The order of checks only matters for envelopes with two faults, where Splunk's is unknown.
func (b *batch) envelope(raw json.RawMessage) (Event, int) {
	keys, err := members(raw)
	if err != nil {
		return Event{}, codeInvalidFormat
	}
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
	var blank string
	isString := json.Unmarshal(event.Event, &blank) == nil
	switch {
	case len(event.Event) == 0, string(event.Event) == "null":
		return codeEventRequired
	case isString && strings.TrimSpace(blank) == "":
		return codeEventBlank
	case len(event.Event) > b.maxEvent:
		return codeInvalidFormat
	case event.Index != "" && len(b.allowed.Indexes) > 0 && !slices.Contains(b.allowed.Indexes, event.Index):
		return codeIncorrectIndex
	}
	return codeSuccess
}

// time takes epoch seconds, as a number or as a string that holds one.
func (b *batch) time(raw json.RawMessage, into *time.Time) int {
	number := string(raw)
	var quoted string
	if json.Unmarshal(raw, &quoted) == nil && number != "null" {
		number = strings.TrimSpace(quoted)
	}
	seconds, ok := new(big.Rat).SetString(number)
	if !decimal.MatchString(number) || !ok {
		return codeFields // as measured: code 15, not 6
	}
	if !carefulTime.Match(raw) {
		b.violate(len(b.events), fmt.Sprintf("time is %s, not a number of seconds with at most six decimals", raw))
	}
	ns := new(big.Int).Div(new(big.Int).Mul(seconds.Num(), big.NewInt(int64(time.Second))), seconds.Denom())
	if ns.IsInt64() {
		*into = time.Unix(0, ns.Int64()).UTC()
	}
	return codeSuccess
}

// fields takes indexed fields: an object whose values are scalars or arrays of scalars.
func (b *batch) fields(raw json.RawMessage, into *map[string]any) int {
	keys, err := members(raw)
	if err != nil {
		return codeInvalidFormat
	}
	b.checkKeys("fields", keys)
	fields := make(map[string]any, len(keys))
	for _, m := range keys {
		decoder := json.NewDecoder(bytes.NewReader(m.value))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil || !flat(value) {
			return codeFields
		}
		fields[m.key] = value
	}
	*into = fields
	return codeSuccess
}

// flat tells whether a field's value is a scalar or an array of scalars.
func flat(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool {
			switch item.(type) {
			case map[string]any, []any:
				return true
			}
			return false
		})
	default:
		return true
	}
}

// text takes a metadata value, which is a string.
func text(raw json.RawMessage, into *string) int {
	if raw[0] != '"' || json.Unmarshal(raw, into) != nil {
		return codeInvalidFormat
	}
	return codeSuccess
}

// checkKeys records keys that occur twice: Splunk takes one of them and does not say which.
func (b *batch) checkKeys(where string, keys []member) {
	seen := make(map[string]bool, len(keys))
	for _, m := range keys {
		if seen[m.key] {
			b.violate(len(b.events), fmt.Sprintf("%s has key %q twice", where, m.key))
		}
		seen[m.key] = true
	}
}

func (b *batch) violate(event int, what string) {
	b.violations = append(b.violations, fmt.Sprintf("request %d, event %d: %s", b.number, event, what))
}

// A member is one key of a JSON object with its value.
type member struct {
	key   string
	value json.RawMessage
}

var errNotObject = errors.New("not a JSON object")

// members returns the members of a JSON object in order, duplicates included, which a map would hide.
func members(raw json.RawMessage) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errNotObject
	}
	var keys []member
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("read key: %w", err)
		}
		name, ok := key.(string)
		if !ok {
			return nil, errNotObject
		}
		m := member{key: name}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read value of %q: %w", name, err)
		}
		keys = append(keys, m)
	}
	return keys, nil
}

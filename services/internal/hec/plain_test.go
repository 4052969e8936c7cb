package hec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"strings"

	"github.com/drainline/drainline/services/internal/hec"
)

// decoded is an envelope with everything copied and decoded.
type decoded struct {
	TimeNS                          int64
	HasTime                         bool
	Host, Source, Sourcetype, Index string
	Event, Raw, Text                string
	IsText                          bool
	Fields                          []string // name, value, name, value …
}

// plainScan is hec.Scanner on encoding/json: slow, and easy to believe.
func plainScan(body []byte, limits hec.Limits) ([]decoded, *hec.RefusedError) {
	text := strings.TrimPrefix(string([]rune(string(body))), "\uFEFF") // a rune for each bad byte
	start := strings.TrimLeft(text, " \t\r\n")
	if start == "" {
		return nil, &hec.RefusedError{Code: hec.NoData, Event: -1}
	}
	var envelopes []decoded
	refuse := func(code hec.Code) ([]decoded, *hec.RefusedError) {
		return envelopes, &hec.RefusedError{Code: code, Event: len(envelopes)}
	}
	in := json.NewDecoder(strings.NewReader(start))
	array := start[0] == '['
	if array {
		_, _ = in.Token()
	}
	for in.More() {
		var raw json.RawMessage
		if in.Decode(&raw) != nil || limits.MaxEvents > 0 && len(envelopes) == limits.MaxEvents {
			return refuse(hec.InvalidDataFormat)
		}
		e, code := plainParse(raw, limits)
		if code != hec.Success {
			return refuse(code)
		}
		envelopes = append(envelopes, e)
	}
	if array {
		if _, err := in.Token(); err != nil || len(envelopes) == 0 {
			return refuse(hec.InvalidDataFormat)
		}
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return refuse(hec.InvalidDataFormat)
	}
	return envelopes, nil
}

func plainParse(raw json.RawMessage, limits hec.Limits) (decoded, hec.Code) {
	if nesting(raw) > limits.MaxDepth || raw[0] != '{' {
		return decoded{}, hec.InvalidDataFormat
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil {
		return decoded{}, hec.InvalidDataFormat
	}
	for key, value := range keys {
		if value[0] == 'n' {
			delete(keys, key)
		}
	}
	e := decoded{Raw: string(raw), Event: string(keys["event"])}
	for key, value := range map[string]*string{"host": &e.Host, "source": &e.Source, "sourcetype": &e.Sourcetype, "index": &e.Index} {
		if given := keys[key]; given != nil && json.Unmarshal(given, value) != nil {
			return e, hec.InvalidDataFormat
		}
	}
	e.IsText = json.Unmarshal(keys["event"], &e.Text) == nil
	switch {
	case e.Event == "":
		return e, hec.EventRequired
	case len(e.Event) > limits.MaxEvent:
		return e, hec.InvalidDataFormat
	case e.IsText && strings.TrimSpace(e.Text) == "":
		return e, hec.EventBlank
	case len(raw) > limits.MaxEnvelope:
		return e, hec.InvalidDataFormat
	}
	if at := keys["time"]; at != nil {
		if e.TimeNS, e.HasTime = plainTime(at); !e.HasTime {
			return e, hec.InvalidFields
		}
	}
	if fields := keys["fields"]; fields != nil {
		if fields[0] != '{' {
			return e, hec.InvalidDataFormat
		}
		var flat bool
		if e.Fields, flat = plainFields(fields); !flat {
			return e, hec.InvalidFields
		}
	}
	return e, hec.Success
}

// plainFields reads the members of an object in their order.
func plainFields(object json.RawMessage) (pairs []string, flat bool) {
	in := json.NewDecoder(bytes.NewReader(object))
	_, _ = in.Token()
	seen := map[string]int{}
	for in.More() {
		key, err := in.Token()
		name, isString := key.(string)
		var value json.RawMessage
		if err != nil || !isString || in.Decode(&value) != nil {
			return nil, false
		}
		if depth := nesting(value); depth > 1 || depth == 1 && value[0] != '[' {
			return nil, false
		}
		if at, twice := seen[name]; twice {
			pairs[at] = string(value)
			continue
		}
		pairs = append(pairs, name, string(value))
		seen[name] = len(pairs) - 1
	}
	return pairs, true
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

var number = regexp.MustCompile(`^[0-9]+(\.[0-9]*)?([eE][+-]?0*([0-9]{1,4}))?$`)

// plainTime reads a time of moderate exponent, one JSON value, with fractions of any
// precision.
func plainTime(value json.RawMessage) (ns int64, ok bool) {
	text := string(value)
	if value[0] == '"' {
		if json.Unmarshal(value, &text) != nil {
			return 0, false
		}
		text = strings.TrimSpace(text)
	}
	if !number.MatchString(text) {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	whole := new(big.Int).Quo(r.Num(), r.Denom())
	unit := int64(1e9)
	switch {
	case whole.Cmp(big.NewInt(253_402_300_800_000)) >= 0:
		unit = 1
	case whole.Cmp(big.NewInt(13_569_465_600)) >= 0:
		unit = 1e6
	}
	r.Mul(r, new(big.Rat).SetInt64(unit))
	exact := new(big.Int).Quo(r.Num(), r.Denom())
	return exact.Int64(), exact.IsInt64()
}

package splunk

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A member is one key of a JSON object with its value.
type member struct {
	key   []byte // decoded
	value json.RawMessage
}

// appendMembers appends the members of a JSON object in order, duplicates included, which a map would hide. The object must be valid
// and begin with its brace.
func appendMembers(found []member, object json.RawMessage) []member {
	rest := object[1:]
	for {
		rest = rest[skip(rest, ','):]
		if rest[0] == '}' {
			return found
		}
		end := stringEnd(rest)
		key := unquote(rest[:end])
		rest = rest[end:]
		rest = rest[skip(rest, ':'):]
		end = valueEnd(rest)
		found = append(found, member{key: key, value: rest[:end:end]})
		rest = rest[end:]
	}
}

// skip returns how many bytes of white space or of the given separator b begins with.
func skip(b []byte, separator byte) int {
	for i, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != separator {
			return i
		}
	}
	return len(b)
}

// valueEnd returns where the JSON value at the start of b ends: len(b) if it does not.
func valueEnd(b []byte) int {
	switch b[0] {
	case '"':
		return stringEnd(b)
	case '{', '[':
		return nestedEnd(b)
	default:
		if end := bytes.IndexAny(b, jsonSpace+",}]"); end >= 0 {
			return end
		}
		return len(b)
	}
}

// nestedEnd returns where the object or array at the start of b ends: len(b) if it does not.
func nestedEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// stringEnd returns where the JSON string at the start of b ends: len(b) if it does not.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// unquote decodes a valid JSON string. Bytes that are not UTF-8 become U+FFFD, as in encoding/json.
func unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw[1 : len(raw)-1]
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return raw
	}
	return []byte(text)
}

// flat tells whether a JSON value is a scalar or an array of scalars.
func flat(raw json.RawMessage) bool {
	switch raw[0] {
	case '{':
		return false
	case '[':
		items := raw[1:]
		for {
			items = items[skip(items, ','):]
			switch items[0] {
			case ']':
				return true
			case '{', '[':
				return false
			}
			items = items[valueEnd(items):]
		}
	default:
		return true
	}
}

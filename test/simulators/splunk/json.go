package splunk

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A member is one key of a JSON object with its value.
type member struct {
	key   string
	value json.RawMessage
}

// members returns the members of a JSON object in order, duplicates included, which a map would hide. The object must be valid: it has
// been through encoding/json, and begins with its brace.
func members(object json.RawMessage) []member {
	var found []member
	rest := object[1:]
	for {
		rest = bytes.TrimLeft(rest, jsonSpace+",")
		if rest[0] == '}' {
			return found
		}
		end := stringEnd(rest)
		key := unquote(rest[:end])
		rest = bytes.TrimLeft(rest[end:], jsonSpace+":")
		end = valueEnd(rest)
		found = append(found, member{key: key, value: rest[:end]})
		rest = rest[end:]
	}
}

// valueEnd returns where the JSON value at the start of b ends.
func valueEnd(b []byte) int {
	switch b[0] {
	case '"':
		return stringEnd(b)
	case '{', '[':
		return nestedEnd(b)
	default:
		return bytes.IndexAny(b, jsonSpace+",}]")
	}
}

// nestedEnd returns where the object or array at the start of b ends.
func nestedEnd(b []byte) int {
	depth := 0
	for i := 0; ; i++ {
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
}

// stringEnd returns where the JSON string at the start of b ends.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// unquote decodes a valid JSON string. Bytes that are not UTF-8 become U+FFFD, as in encoding/json.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1])
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return string(raw)
	}
	return text
}

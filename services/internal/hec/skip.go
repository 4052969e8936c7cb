package hec

import "unicode/utf8"

// IsObject says whether a text is one JSON object, without white space around it, of valid
// UTF-8 and nested at most DefaultMaxDepth deep: one that can be the body of an event.
func IsObject(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && skipValue(text, 0, DefaultMaxDepth) == len(text) && utf8.Valid(text)
}

// SkipSpace is the position behind the white space that begins at b[i], of JSON's kinds.
func SkipSpace(b []byte, i int) int { return skipSpace(b, i) }

// SkipString is the position behind the JSON string whose quote should be at b[i], which
// has to be valid but for bytes that are not UTF-8. It is negative where there is none.
func SkipString(b []byte, i int) int { return skipString(b, i) }

// SkipColon is the position of the value behind a key that ends at b[i], and negative
// where there is no colon.
func SkipColon(b []byte, i int) int { return skipColon(b, i) }

// SkipValue is the position behind the JSON value that begins at b[i] and nests at most
// depth levels deep, which has to be valid but for bytes that are not UTF-8. It is
// negative where there is none.
func SkipValue(b []byte, i, depth int) int { return skipValue(b, i, depth) }

package parcel

import "strings"

// MaxUserAgent bounds what is kept of a User-Agent, in bytes.
const MaxUserAgent = 256

// Text makes s valid UTF-8, which protobuf demands of text, of n bytes at most.
func Text(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "?")
}

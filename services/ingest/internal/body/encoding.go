package body

import (
	"net/http"
	"strings"
)

// Gzipped reads how a body is encoded; known is false for a way that Read does
// not take.
func Gzipped(h http.Header) (gzipped, known bool) {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding"))) {
	case "", "identity":
		return false, true
	case "gzip", "x-gzip": // RFC 9110 wants both taken for the same
		return true, true
	default:
		return false, false
	}
}

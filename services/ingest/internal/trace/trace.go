// Package trace begins the traces of requests, or goes on with those they come with.
package trace

import (
	"net/http"
	"strings"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Headers, as net/http writes them.
const (
	headerParent = "Traceparent"
	headerState  = "Tracestate"
)

// longest bounds what is kept of either header, in bytes.
const longest = 512

// ofHeader is the trace context that a request came with, nil when there is none that
// looks like one.
func ofHeader(h http.Header) *drainlinev1.Trace {
	parent, state := h.Get(headerParent), h.Get(headerState)
	if !isParent(parent) {
		return nil
	}
	if len(state) > longest || !isPrintable(state) {
		state = ""
	}
	return &drainlinev1.Trace{Traceparent: parent, Tracestate: state}
}

// isParent looks for version-trace-parent-flags, such as
// 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01. A version after 00
// may add fields.
func isParent(s string) bool {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(s) < length || len(s) > longest || !isPrintable(s) {
		return false
	}
	if len(s) > length && (s[:2] == "00" || s[length] != '-') {
		return false
	}
	fields := strings.Split(s[:length], "-")
	if len(fields) != 4 || len(fields[0]) != 2 || len(fields[1]) != 32 || len(fields[2]) != 16 {
		return false
	}
	for _, f := range fields {
		if strings.Trim(f, "0123456789abcdef") != "" {
			return false
		}
	}
	return fields[0] != "ff" && strings.Trim(fields[1], "0") != "" && strings.Trim(fields[2], "0") != ""
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

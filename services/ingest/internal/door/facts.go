package door

import (
	"strings"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Bounds of what is kept of a request beside its body, in bytes.
const (
	maxUserAgent = 256
	maxMsgCount  = 32
)

func (q *request) facts() *drainlinev1.Facts {
	h := q.http.Header
	return &drainlinev1.Facts{
		PathApp:        q.App,
		UserAgent:      clip(first(h["User-Agent"]), maxUserAgent),
		RemoteAddr:     q.RemoteAddr,
		MsgCount:       clip(first(h[headerMsgCount]), maxMsgCount),
		Apps:           q.Apps,
		StructuredData: q.StructuredData,
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// clip makes s valid UTF-8, which protobuf demands of text, of n bytes at most.
func clip(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "?")
}

// host is an address without its port.
func host(address string) string {
	if colon := strings.LastIndexByte(address, ':'); colon >= 0 {
		address = address[:colon]
	}
	return strings.Trim(address, "[]")
}

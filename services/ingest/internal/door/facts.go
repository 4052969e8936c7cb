package door

import (
	"net/http"
	"strings"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Bounds of what is kept of a request beside its body, in bytes.
const (
	maxUserAgent = 256
	maxMsgCount  = 32
	maxQuery     = 256
	maxTrace     = 512
)

func facts(r *http.Request, app string) *drainlinev1.Facts {
	return &drainlinev1.Facts{
		PathApp:    app,
		UserAgent:  clip(first(r.Header["User-Agent"]), maxUserAgent),
		RemoteAddr: host(r.RemoteAddr),
		MsgCount:   clip(first(r.Header[headerMsgCount]), maxMsgCount),
	}
}

// queryApp is the parameter that names the app, where the path does not.
const queryApp = "app"

// query takes the allowed parameters out of a drain URL's query.
func query(r *http.Request, allowed []string) map[string]string {
	if r.URL.RawQuery == "" || len(allowed) == 0 {
		return nil
	}
	values := r.URL.Query()
	var kept map[string]string
	for _, name := range allowed {
		v := first(values[name])
		if name == queryApp && !isApp(v) {
			continue // as in the path, but for the sake of a name no log is refused
		}
		if v != "" {
			if kept == nil {
				kept = make(map[string]string, len(allowed))
			}
			kept[name] = clip(v, maxQuery)
		}
	}
	return kept
}

// trace takes over a W3C trace context that looks like one.
func trace(h http.Header) *drainlinev1.Trace {
	parent, state := first(h[headerParent]), first(h[headerState])
	if !isTraceparent(parent) {
		return nil
	}
	if len(state) > maxTrace || !isPrintable(state) {
		state = ""
	}
	return &drainlinev1.Trace{Traceparent: parent, Tracestate: state}
}

// isTraceparent looks for version-trace-parent-flags, such as
// 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01. A version after 00
// may add fields.
func isTraceparent(s string) bool {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(s) < length || len(s) > maxTrace || !isPrintable(s) {
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

// Package format makes what Splunk shows as _raw, and metrics, of events.
package format

import (
	"bytes"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// Append appends the body of an event in the format of one of the config.Format words.
// It reports whether that is one JSON value, and false for ok when the event stays as it
// is: as text always does, and what is no frame, or has a JSON body already, in any
// format but json. It allocates nothing if dst has room.
func Append(dst []byte, format string, e *event.Event) (body []byte, isJSON, ok bool) {
	isLine := len(e.Frame) > 0 && len(e.JSON) == 0
	switch {
	case format == config.FormatJSON:
		return appendJSON(dst, e), true, true
	case format == config.FormatSplunkRaw && isLine:
		return appendSplunkRaw(dst, e), false, true
	case format == config.FormatVector && isLine:
		return appendVector(dst, e), true, true
	default:
		return dst, false, false
	}
}

// appendJSON appends one JSON object: the body where it is one already, or else what
// was parsed of it, or else the body under the name message.
func appendJSON(dst []byte, e *event.Event) []byte {
	body := bytes.TrimSpace(e.Body())
	if bytes.HasPrefix(body, []byte("{")) && (len(e.JSON) > 0 || hec.IsObject(body)) {
		return append(dst, body...)
	}
	if parsed := e.Parsed(); len(parsed.All()) > 0 {
		return parsed.AppendJSON(dst)
	}
	dst = append(dst, `{"message":`...)
	if len(e.JSON) > 0 {
		dst = append(dst, body...)
	} else {
		dst = hec.AppendString(dst, e.Text)
	}
	return append(dst, '}')
}

// withoutEnd is a text without the line feeds and carriage returns at its end.
func withoutEnd(text []byte) []byte {
	end := len(text)
	for end > 0 && (text[end-1] == '\n' || text[end-1] == '\r') {
		end--
	}
	return text[:end]
}

package format

import (
	"bytes"

	"github.com/drainline/drainline/services/transform/internal/event"
)

// textField is the number of fields before the text of a frame: its length, priority
// with version, time, host, app, process and message id.
const textField = 7

// appendSplunkRaw appends what Splunk shows of a Logplex body that is posted to HEC's raw
// endpoint: it breaks events at line ends (props.conf: LINE_BREAKER), so each is a frame
// with its length in front and without the line end. The length stays what was sent
// where rules changed the text. STRUCTURED-DATA stays too, but "-" stands for it where
// secrets were redacted: it may have the same ones.
func appendSplunkRaw(dst []byte, e *event.Event) []byte {
	before, fields := header(e)
	if e.Redacted && len(before) > len(fields) {
		dst = append(dst, fields...)
		dst = append(dst, "- "...)
	} else {
		dst = append(dst, before...)
	}
	return append(dst, withoutEnd(e.Text)...)
}

// header is the frame up to its text, and its first fields, which are all of it but
// STRUCTURED-DATA. The text of the event is not looked for: rules may have changed it, and
// what they took out must not come back.
func header(e *event.Event) (before, fields []byte) {
	frame := withoutEnd(e.Frame)
	end := 0
	for range textField {
		n := bytes.IndexByte(frame[end:], ' ')
		if n < 0 {
			end = len(frame)
			break
		}
		end += n + 1
	}
	fields = frame[:end]
	before, ok := bytes.CutSuffix(frame, withoutEnd(e.Line.Text))
	if !ok { // the text of joined lines is not the frame's
		return fields, fields
	}
	return before, fields
}

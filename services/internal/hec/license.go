package hec

import (
	"unicode/utf8"

	"github.com/drainline/drainline/proto/wire"
)

// maxMetricLicense is the most that Splunk meters of a metric event, in bytes.
const maxMetricLicense = 150

// LicenseBytes is how many bytes of Splunk's license an event takes: the length of its
// _raw as it is indexed. That is a text as AppendEvent sends it, without JSON's quotes
// and escapes, the text of a JSON string, and any other JSON as it is. Host, source,
// sourcetype, index and indexed fields are not metered.
//
// A metric event has no _raw. It is metered by its size, here that of its measurements
// and dimensions as they are sent, and with 150 bytes at most. Source: Splunk's Admin
// Manual, "How Splunk Enterprise licensing works".
func LicenseBytes(e *wire.Event) int {
	switch {
	case IsMetric(e):
		return min(maxMetricLicense, fieldsLen(e.Fields))
	case len(e.JSON) == 0:
		return textLen(e.Text)
	case e.JSON[0] == '"' && len(e.JSON) > 1:
		return len(unquote(inside(e.JSON)))
	default:
		return len(e.JSON)
	}
}

// fieldsLen is the length of the fields as a JSON object whose names need no escapes.
func fieldsLen(fields []wire.Field) int {
	n := len("{}")
	for i := range fields {
		n += len(`"":,`) + len(fields[i].Name) + len(fields[i].JSON)
	}
	return max(n-len(","), len("{}"))
}

// textLen is the length of a text as UTF-8, in which a byte that is not UTF-8 is U+FFFD.
// A blank text is sent as one dash.
func textLen(text []byte) int {
	if blank(text) {
		return len("-")
	}
	if utf8.Valid(text) {
		return len(text)
	}
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		n += utf8.RuneLen(r)
		text = text[size:]
	}
	return n
}

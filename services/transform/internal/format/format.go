// Package format makes what Splunk shows as _raw, and metrics, of events.
package format

import (
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// Append appends the body of an event in the format of one of the config.Format words.
// It reports whether that is one JSON value, and false for ok when the event stays as it
// is.
func Append(dst []byte, format string, e *event.Event) (body []byte, isJSON, ok bool) {
	return dst, false, false
}

// Metric makes a multi-metric event (HEC's) of what a line measures. It reports false for
// a line that measures nothing. The event is valid as long as the line's is, and until
// the next call.
type Metric struct{}

// Make makes it.
func (m *Metric) Make(e *event.Event) (*wire.Event, bool) { return nil, false }

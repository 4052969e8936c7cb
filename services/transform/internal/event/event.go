// Package event is one event on its way through transform: what is shipped of it, and
// what rules may ask about it.
package event

import (
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/heroku"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// Event is used again for the next one: see Reset. Its slices alias the block it came in.
type Event struct {
	// Event is what is shipped. Whoever changes its body says so with SetText or SetJSON.
	wire.Event

	// App is whose event it is, empty where nobody says.
	App string
	// Request is what it came in. Its body is not looked at.
	Request *drainlinev1.Request
	// Number is the event's position in its block.
	Number uint32
	// Line is the header of the frame it was made of, the first of joined lines, and Frame
	// that frame with its length as it was sent. Frame is empty for what is no frame.
	Line  logplex.Message
	Frame []byte
	// Meaning is what Heroku's line says of its origin, the zero value for what is no frame.
	Meaning heroku.Line

	// What rules chose beside what is shipped.
	//
	// Format is one of the config.Format words, empty for text.
	Format string
	// Metrics is one of the config.Metrics words, empty for events; MetricsIndex is the
	// index of what becomes a metric, empty for the event's own.
	Metrics, MetricsIndex string
	// Token names the HEC token to send the event with, empty for the destination's own. It
	// is never a secret.
	Token string
	// Named has the destinations that a drain or a rule names, a bit each in the order of
	// their names.
	Named uint64
	// Redacted is that secrets were looked for in what is shipped, whether or not there
	// were any: what stands beside the body in Frame may have the same ones. It is set by
	// whoever redacts.
	Redacted bool

	parser parse.Parser
	list   fields.List
	parsed bool
}

// Reset begins another event, with the memory of the last.
func (e *Event) Reset() {
	list, indexed := e.list, e.Fields[:0]
	list.Reset()
	*e = Event{list: list}
	e.Fields = indexed
}

// SetText replaces the body by a text.
func (e *Event) SetText(text []byte) { e.Text, e.JSON, e.parsed = text, nil, false }

// SetJSON replaces the body by one JSON value.
func (e *Event) SetJSON(value []byte) { e.Text, e.JSON, e.parsed = nil, value, false }

// ParseWith has the fields come from a parser of the operator's choice.
func (e *Event) ParseWith(p parse.Parser) { e.parser, e.parsed = p, false }

// Body is the text or the JSON that is shipped.
func (e *Event) Body() []byte {
	if len(e.JSON) > 0 {
		return e.JSON
	}
	return e.Text
}

// Parsed are the fields of the body, which is parsed when they are first asked for: by
// the operator's choice, or else for what it is where that is certain, which is lines of
// the platform and bodies that are JSON already.
func (e *Event) Parsed() *fields.List {
	if e.parsed {
		return &e.list
	}
	e.parsed = true
	e.list.Reset()
	switch {
	case e.parser != nil:
		e.parser.Parse(&e.list, e.Body())
	case len(e.JSON) > 0:
		parse.JSON.Parse(&e.list, e.JSON)
	case len(e.Frame) > 0:
		heroku.Parse(&e.list, &e.Meaning, e.Text)
	}
	return &e.list
}

// Level is how grave the event is by its own account: debug, info, warning, error or
// critical, empty where it does not say. Syslog's severity is not asked: Heroku gives
// every line of an app the same one.
func (e *Event) Level() string { return heroku.Level(&e.Meaning, e.Parsed()) }

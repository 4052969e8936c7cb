package condition

import (
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// name is one thing that expressions know of an event.
type name struct {
	name string
	// kind is one of the kinds below.
	kind    string
	meaning string
	// words are all that it can be, where they are known.
	words []string
	// text is the value of what is text, number of what is a number.
	text   func(*event.Event) string
	number func(*event.Event) int
}

// The kinds of what an event has.
const (
	isText     = "text"
	isNumber   = "number"
	isTime     = "time"
	isList     = "list of text"
	isMap      = "map"
	isTextMap  = "map of text"
	rootFields = "fields"
	// rootIndexed and rootQuery are the other maps.
	rootIndexed = "indexed"
	rootQuery   = "query"
	listOfMarks = "marks"
	nameOfKind  = "kind"
	nameOfTime  = "time"
)

// environment is everything that expressions know of an event. Text that an event does
// not have is empty.
var environment = []name{
	{
		name: nameOfKind, kind: isText, meaning: "where the event comes from: app, router, api, system or addon; of HEC events app",
		words: kinds, text: kindOf,
	},
	{name: "code", kind: isText, meaning: "Heroku's error code: H12, R14, L10, …", text: func(e *event.Event) string { return e.Code }},
	{
		name: "level", kind: isText, meaning: "how grave it is by its own account: debug, info, warning, error or critical",
		words: []string{"debug", "info", "warning", "error", "critical", ""},
		text:  func(e *event.Event) string { return e.Level() },
	},
	{name: "app", kind: isText, meaning: "the app, by ingest.identity.app_from, which ends with the drain's token; of HEC events what the indexed field heroku_app says, or nothing", text: func(e *event.Event) string { return e.App }},
	{name: "dyno", kind: isText, meaning: "the dyno: web.1", text: func(e *event.Event) string { return e.Dyno }},
	{
		name: "process", kind: isText, meaning: "the process type, or the part of the platform: web, router, heroku-postgres",
		text: func(e *event.Event) string { return e.Process },
	},
	{name: "host", kind: isText, meaning: "Splunk's host", text: func(e *event.Event) string { return e.Host }},
	{name: "source", kind: isText, meaning: "Splunk's source", text: func(e *event.Event) string { return e.Source }},
	{name: "sourcetype", kind: isText, meaning: "Splunk's sourcetype", text: func(e *event.Event) string { return e.Sourcetype }},
	{name: "index", kind: isText, meaning: "Splunk's index", text: func(e *event.Event) string { return e.Index }},
	{
		name: "message", kind: isText, meaning: "the body: its text, or JSON as it was sent",
		text: func(e *event.Event) string { return fields.Alias(e.Body()) },
	},
	{name: "drain", kind: isText, meaning: "the drain token", text: func(e *event.Event) string { return e.Request.GetDrainToken() }},
	{
		name: "credential", kind: isText, meaning: "the credential or HEC token, by its name",
		text: func(e *event.Event) string { return e.Request.GetCredential() },
	},
	{name: "door", kind: isText, meaning: "where the request came in: logplex or hec", words: []string{doorLogplex, doorHEC, ""}, text: door},
	{
		name: "request_id", kind: isText, meaning: "the X-Request-Id of the request that brought the line here; the router's own is fields.request_id",
		text: func(e *event.Event) string { return e.Request.GetRequestId() },
	},
	{name: "facility", kind: isNumber, meaning: "syslog's facility, 0 to 23", number: func(e *event.Event) int { return int(e.Facility) }},
	{
		name: "severity", kind: isNumber, meaning: "syslog's severity, 0 (emergency) to 7 (debug)",
		number: func(e *event.Event) int { return int(e.Severity) },
	},
	{name: nameOfTime, kind: isTime, meaning: "the event's time, in UTC"},
	{name: rootFields, kind: isMap, meaning: "what was parsed out of the body: `fields.status`, `fields.user.id`"},
	{name: rootIndexed, kind: isMap, meaning: "the indexed fields"},
	{name: rootQuery, kind: isTextMap, meaning: "the allowed parameters of the drain's URL"},
	{
		name: listOfMarks, kind: isList, meaning: "what was noted when the request came in: over_rate, unknown_drain, stray_index",
		words: []string{wire.MarkOverRate, wire.MarkUnknownDrain, wire.MarkStrayIndex},
	},
}

func kindOf(e *event.Event) string {
	if e.Kind == "" {
		return string(heroku.KindApp)
	}
	return e.Kind
}

// The words for doors.
const (
	doorLogplex = "logplex"
	doorHEC     = "hec"
)

func door(e *event.Event) string {
	switch e.Request.GetDoor() {
	case drainlinev1.Door_DOOR_LOGPLEX:
		return doorLogplex
	case drainlinev1.Door_DOOR_HEC:
		return doorHEC
	case drainlinev1.Door_DOOR_UNSPECIFIED:
	}
	return ""
}

// nameOf finds a name.
func nameOf(s string) (name, bool) {
	for _, n := range environment {
		if n.name == s {
			return n, true
		}
	}
	return name{}, false
}

// value is what a name stands for where nothing else is asked of it.
func (n name) value(e *event.Event) any {
	switch {
	case n.text != nil:
		return n.text(e)
	case n.number != nil:
		return n.number(e)
	}
	switch n.name {
	case nameOfTime:
		return time.Unix(0, e.TimeNS).UTC()
	case rootFields:
		return nest(e.Parsed().All(), "")
	case rootIndexed:
		return allIndexed(e)
	case rootQuery:
		return e.Request.GetQuery()
	default:
		return e.Request.GetMarks()
	}
}

// example is a value of the type that the type checker is to see.
func (n name) example() any {
	switch n.kind {
	case isText:
		return ""
	case isNumber:
		return 0
	case isTime:
		return time.Time{}
	case isList:
		return []string{}
	case isTextMap:
		return map[string]string{}
	default:
		return map[string]any{}
	}
}

// known are the names of everything an expression may use.
func known() []string {
	list := make([]string, 0, len(environment)+len(functions)+len(predicates))
	for _, n := range environment {
		list = append(list, n.name)
	}
	for _, f := range functions {
		list = append(list, f.name)
	}
	for _, p := range predicates {
		list = append(list, p.name)
	}
	return list
}

// lookup finds what is in a map of the environment.
func (n name) lookup(e *event.Event, member string) fields.Value {
	switch n.name {
	case rootFields:
		return lookupField(e.Parsed(), member)
	case rootIndexed:
		return lookupIndexed(e, member)
	default:
		return lookupQuery(e, member)
	}
}

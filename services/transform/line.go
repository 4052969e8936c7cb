package transform

import (
	"cmp"
	"slices"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// Indexed fields of every event of a Heroku line. There are no others by default:
// what varies by request (ids, paths) would cost license and index space.
const (
	fieldApp     = "heroku_app"
	fieldProcess = "heroku_process"
	fieldDyno    = "heroku_dyno"
	fieldKind    = "heroku_kind"
	fieldCode    = "heroku_code"
)

// lines is what the lines of one request have in common.
type lines struct {
	identity

	// metadata is what the request or its drain say in place of Drainline's choice.
	metadata metadata
	// fields are added to those of a line.
	fields []wire.Field
	// replaces says that one of them has the name of a line's own.
	replaces bool
}

// lines prepares what the events of a request get: of the marks, the request's
// defaults and the drain's entry, the first that says it.
func (t *transformer) lines(r *drainlinev1.Request, d *drain) lines {
	l := lines{identity: t.identify(r, d), metadata: defaultMetadata(r.GetDefaults()).over(d.metadata)}
	if t.settings.unknownIndex != "" && !d.listed && slices.Contains(r.GetMarks(), wire.MarkUnknownDrain) {
		l.metadata.index = t.settings.unknownIndex
	}
	t.fields = appendUnder(t.appendRequestFields(t.fields[:0], r), d.fields)
	l.fields = t.fields
	for _, name := range [...]string{fieldApp, fieldProcess, fieldDyno, fieldKind, fieldCode} {
		l.replaces = l.replaces || hasField(l.fields, name)
	}
	return l
}

// fill makes an event of a line. By default host is the app, source the process
// type and sourcetype heroku:<kind>.
func (l *lines) fill(e *wire.Event, m *logplex.Message, names *names) {
	line := heroku.Classify(m)
	app := l.line(m.Host, names)
	kind := names.kind(line.Kind)
	process, dyno, code := names.word(line.Process), names.word(line.Dyno), names.word(line.Code)
	*e = wire.Event{
		TimeNS: m.Time, Host: cmp.Or(l.metadata.host, app.text), Source: cmp.Or(l.metadata.source, process.text),
		Sourcetype: cmp.Or(l.metadata.sourcetype, kind.sourcetype), Index: l.metadata.index, Text: m.Text,
		Fields: e.Fields[:0], Kind: kind.text, Code: code.text, Dyno: dyno.text, Process: process.text,
		Facility: m.Facility, Severity: m.Severity,
	}
	e.Fields = appendField(e.Fields, fieldApp, app)
	e.Fields = appendField(e.Fields, fieldProcess, process)
	e.Fields = appendField(e.Fields, fieldDyno, dyno)
	e.Fields = appendField(e.Fields, fieldKind, kind.word)
	e.Fields = appendField(e.Fields, fieldCode, code)
	if l.replaces {
		e.Fields = slices.DeleteFunc(e.Fields, func(f wire.Field) bool { return hasField(l.fields, f.Name) })
	}
	e.Fields = append(e.Fields, l.fields...)
}

func appendField(fields []wire.Field, name string, value word) []wire.Field {
	if value.text == "" {
		return fields
	}
	return append(fields, wire.Field{Name: name, JSON: value.json})
}

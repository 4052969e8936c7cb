package transform

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
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
	format   string
	// fields are added to those of a line.
	fields []wire.Field
	// replaces says that one of them has the name of a line's own.
	replaces bool
}

// lines prepares what the events of a request get: of the marks, the request's
// defaults and the drain's entry, the first that says it. Fields are those of
// appendLineFields.
func (t *transformer) lines(r *drainlinev1.Request, d *drain, fields []wire.Field) lines {
	l := lines{
		identity: t.identify(r, d), metadata: defaultMetadata(r.GetDefaults()).over(d.metadata), format: d.format, fields: fields,
	}
	if t.settings.unknownIndex != "" && !d.listed && slices.Contains(r.GetMarks(), wire.MarkUnknownDrain) {
		l.metadata.index = t.settings.unknownIndex
	}
	for _, name := range [...]string{fieldApp, fieldProcess, fieldDyno, fieldKind, fieldCode} {
		l.replaces = l.replaces || hasField(l.fields, name)
	}
	return l
}

// appendLineFields appends the fields that each line of a request gets.
func (t *transformer) appendLineFields(dst []wire.Field, r *drainlinev1.Request, d *drain, sc trace.SpanContext) []wire.Field {
	return appendUnder(t.appendRequestFields(dst, r, sc), d.fields)
}

// fill makes an event of the line that it has been given. By default host is the app,
// source the process type and sourcetype heroku:<kind>.
func (l *lines) fill(e *event.Event, names *names) {
	app, kind := l.line(e.Line.Host, names), names.kind(e.Meaning.Kind)
	process, dyno, code := names.word(e.Meaning.Process), names.word(e.Meaning.Dyno), names.word(e.Meaning.Code)
	e.App, e.Format = app.text, l.format
	e.TimeNS, e.Text = e.Line.Time, e.Line.Text
	e.Host, e.Source = cmp.Or(l.metadata.host, app.text), cmp.Or(l.metadata.source, process.text)
	e.Sourcetype, e.Index = cmp.Or(l.metadata.sourcetype, kind.sourcetype), l.metadata.index
	e.Kind, e.Code, e.Dyno, e.Process = kind.text, code.text, dyno.text, process.text
	e.Facility, e.Severity = e.Line.Facility, e.Line.Severity
	e.Fields = append(e.Fields, names.fields(lineOrigin{app: app, process: process, dyno: dyno, code: code, kind: kind})...)
	if l.replaces {
		e.Fields = slices.DeleteFunc(e.Fields, func(f wire.Field) bool { return hasField(l.fields, f.Name) })
	}
	e.Fields = append(e.Fields, l.fields...)
}

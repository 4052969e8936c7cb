package transform

import (
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// Indexed fields of every event. There are no others by default: what varies by
// request (ids, paths) would cost license and index space.
const (
	fieldApp     = "heroku_app"
	fieldProcess = "heroku_process"
	fieldDyno    = "heroku_dyno"
	fieldKind    = "heroku_kind"
	fieldCode    = "heroku_code"
)

// fill makes an event of a line, with the default metadata for Splunk: host is
// the app, source the process type, sourcetype heroku:<kind>.
func fill(e *wire.Event, m *logplex.Message, app appName, names *names) {
	l := heroku.Classify(m)
	if !app.fixed {
		if host := heroku.HostApp(m.Host); len(host) > 0 {
			app.word = names.word(host)
		} else if app.word.text == "" && heroku.IsDrainToken(m.Host) {
			app.word = names.word(m.Host) // a syslog drain's frame names the drain there
		}
	}
	kind := names.kind(l.Kind)
	process, dyno, code := names.word(l.Process), names.word(l.Dyno), names.word(l.Code)
	*e = wire.Event{
		TimeNS: m.Time, Host: app.word.text, Source: process.text, Sourcetype: kind.sourcetype, Text: m.Text,
		Fields: e.Fields[:0], Kind: kind.text, Code: code.text, Dyno: dyno.text, Process: process.text,
		Facility: m.Facility, Severity: m.Severity,
	}
	e.Fields = appendField(e.Fields, fieldApp, app.word)
	e.Fields = appendField(e.Fields, fieldProcess, process)
	e.Fields = appendField(e.Fields, fieldDyno, dyno)
	e.Fields = appendField(e.Fields, fieldKind, kind.word)
	e.Fields = appendField(e.Fields, fieldCode, code)
}

func appendField(fields []wire.Field, name string, value word) []wire.Field {
	if value.text == "" {
		return fields
	}
	return append(fields, wire.Field{Name: name, JSON: value.json})
}

package heroku

import (
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Parse takes the fields out of the text of a line of the platform, under the names of
// the vocabulary. Lines of apps have none. Durations are in milliseconds and sizes in
// bytes. Empty values are left out, and so is a value that is not of its name's type.
func Parse(dst *fields.List, line *Line, text []byte) {
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	plain := fields.Alias(text)
	switch line.Kind {
	case KindRouter:
		parseRequest(dst, plain)
	case KindAPI:
		parseAPI(dst, plain)
	case KindSystem:
		if len(line.Code) > 0 {
			parseError(dst, fields.Alias(line.Code), plain)
		} else if !parseDyno(dst, plain) {
			parseMeasurements(dst, plain)
		}
	case KindAddon:
		if string(line.Process) != "postgres" || !parsePostgres(dst, plain) {
			parseMeasurements(dst, plain)
		}
	case KindApp:
	}
}

// addText adds a text that is not empty.
func addText(dst *fields.List, name, text string) {
	if text != "" {
		dst.AddText(name, text)
	}
}

// addValue adds a value that was understood.
func addValue(dst *fields.List, name string, value fields.Value, ok bool) {
	if ok {
		dst.Add(fields.Field{Name: name, Value: value})
	}
}

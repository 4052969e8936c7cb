package heroku

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// parsePostgres takes the fields of a line of a Postgres server's own log, which Heroku
// Postgres begins with the database's color and the number and part of the message:
//
//	[YELLOW] [12-1]  sql_error_code = 00000 LOG:  checkpoint starting: time
//	[YELLOW] [13-1]  sql_error_code = 00000 time_ms = "…" pid="7" … LOG:  duration: 2.5 ms  statement: …
//	[YELLOW] [13-2] 	SELECT 1
//
// What follows the session, or is not understood, is the message: all of it, but for the
// tab that the server puts before the lines of a message behind its first. It reports
// whether the line is one.
func parsePostgres(dst *fields.List, text string) bool {
	color, rest, ok := cutBrackets(text)
	if !ok {
		return false
	}
	position, rest, ok := cutBrackets(strings.TrimPrefix(rest, " "))
	number, part, both := strings.Cut(position, "-")
	if !ok || !both {
		return false
	}
	addText(dst, "color", color)
	addWhole(dst, "log_line", number)
	addWhole(dst, "log_part", part)
	message := strings.TrimPrefix(strings.TrimLeft(rest, " "), "\t")
	if session, ok := strings.CutPrefix(message, "sql_error_code = "); ok {
		code, session, _ := strings.Cut(session, " ")
		addText(dst, "sql_error_code", code)
		message = parseSession(dst, session)
		parseStatementDuration(dst, message)
	}
	addText(dst, "message", message)
	return true
}

// cutBrackets cuts "[text]" off the start.
func cutBrackets(text string) (inside, rest string, ok bool) {
	if text, ok = strings.CutPrefix(text, "["); !ok {
		return "", "", false
	}
	return strings.Cut(text, "]")
}

// parseSession takes what the server says of the session, which is key="value", and the
// level behind that. It returns the message: what follows, from where it is not of this
// form.
func parseSession(dst *fields.List, text string) (message string) {
	for {
		text = strings.TrimLeft(text, " ")
		end := strings.IndexAny(text, " :=")
		if end < 0 {
			return text
		}
		word := text[:end]
		if message, ok := strings.CutPrefix(text[end:], ":  "); ok {
			addText(dst, "level", word)
			return message
		}
		value, ok := strings.CutPrefix(strings.TrimLeft(text[end:], " ="), `"`)
		if !ok {
			return text
		}
		value, text, _ = strings.Cut(value, `"`)
		switch word {
		case "pid":
			addWhole(dst, word, value)
		case "database", "user", "application_name", "connection_source":
			addText(dst, word, value)
		}
	}
}

// parseStatementDuration takes "duration: 2688.600 ms  execute <unnamed>: SELECT …".
func parseStatementDuration(dst *fields.List, message string) {
	took, ok := strings.CutPrefix(message, "duration: ")
	if !ok {
		return
	}
	number, unit, _ := strings.Cut(took, " ")
	value, ok := parse.Duration(dst, number)
	addValue(dst, "duration", value, ok && strings.HasPrefix(unit, "ms"))
}

// addWhole adds a number.
func addWhole(dst *fields.List, name, text string) {
	value := parse.Typed(text)
	addValue(dst, name, value, value.Kind == fields.Number)
}

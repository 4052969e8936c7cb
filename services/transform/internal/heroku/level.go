package heroku

import "github.com/drainline/drainline/services/transform/internal/fields"

// The levels there are.
const (
	levelDebug    = "debug"
	levelInfo     = "info"
	levelWarning  = "warning"
	levelError    = "error"
	levelCritical = "critical"
)

// Level is how grave a line is: debug, info, warning, error or critical, or empty. The
// router says so itself (at=…). Of the platform's other codes, R is an error, and L, lines
// that were lost, a warning. Any other line says it in a field with one of the usual
// names, the first that has a level in it: by a word, or by a number as pino and bunyan
// write them, 10 to 60.
func Level(line *Line, parsed *fields.List) string {
	switch {
	case line.Kind == KindRouter:
		at, ok := parsed.Get("at")
		if !ok && len(line.Code) > 0 {
			return levelError
		}
		return levelOf(at)
	case len(line.Code) > 0 && line.Code[0] == 'R':
		return levelError
	case len(line.Code) > 0 && line.Code[0] == 'L':
		return levelWarning
	}
	all := parsed.All()
	for i := range all {
		switch all[i].Name {
		case "level", "severity", "lvl", "levelname", "level_name", "loglevel", "log_level", "log.level", "severity_text", "severityText":
			if level := levelOf(all[i].Value); level != "" {
				return level
			}
		}
	}
	return ""
}

func levelOf(v fields.Value) string {
	switch v.Kind {
	case fields.Text:
		return levelOfWord(v.Text)
	case fields.Number:
		return levelOfNumber(v.Number)
	case fields.Bool, fields.Null, fields.JSON:
	}
	return ""
}

// levelOfWord knows the words of syslog, of the usual libraries and of Postgres, in any
// case.
func levelOfWord(word string) string {
	var lower [len("information")]byte
	if len(word) > len(lower) {
		return ""
	}
	for i := range len(word) {
		lower[i] = word[i]
		if 'A' <= word[i] && word[i] <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	switch string(lower[:len(word)]) {
	case "debug", "trace", "verbose", "fine", "finer", "finest", "debug1", "debug2", "debug3", "debug4", "debug5":
		return levelDebug
	case "info", "information", "notice", "log":
		return levelInfo
	case "warning", "warn":
		return levelWarning
	case "error", "err", "severe":
		return levelError
	case "critical", "crit", "fatal", "panic", "dpanic", "alert", "emerg", "emergency":
		return levelCritical
	default:
		return ""
	}
}

// levelOfNumber knows trace 10, debug 20, info 30, warn 40, error 50 and fatal 60, and
// what is between them.
func levelOfNumber(n float64) string {
	switch {
	case n < 10 || n > 60:
		return ""
	case n < 30:
		return levelDebug
	case n < 40:
		return levelInfo
	case n < 50:
		return levelWarning
	case n < 60:
		return levelError
	default:
		return levelCritical
	}
}

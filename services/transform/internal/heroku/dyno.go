package heroku

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// fieldEvent has the word for what happened.
const fieldEvent = "event"

// parseDyno takes the fields of a line about the life of a dyno, and reports whether it
// is one.
func parseDyno(dst *fields.List, text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "State":
		return parseState(dst, rest)
	case "Starting":
		return parseStarting(dst, rest)
	case "Stopping":
		return parseStopping(dst, rest)
	case "Process":
		return parseProcess(dst, rest)
	case "Awaiting":
		return addEvent(dst, "awaiting_client")
	case "Cycling":
		return addEvent(dst, "cycling")
	case "Idling":
		return addEvent(dst, "idling")
	case "Relocating":
		return addEvent(dst, "relocating")
	case "Restarting":
		return addEvent(dst, "restarting")
	case "Unidling":
		return addEvent(dst, "unidling")
	default:
		return false
	}
}

func addEvent(dst *fields.List, word string) bool {
	dst.AddText(fieldEvent, word)
	return true
}

// parseState takes "changed from starting to up".
func parseState(dst *fields.List, text string) bool {
	states, ok := strings.CutPrefix(text, "changed from ")
	from, to, both := strings.Cut(states, " to ")
	if !ok || !both {
		return false
	}
	addEvent(dst, "state_changed")
	addText(dst, "from", from)
	addText(dst, "to", to)
	return true
}

// parseStarting takes "process with command `bin/web`"; a few have other quotes.
func parseStarting(dst *fields.List, text string) bool {
	command, ok := strings.CutPrefix(text, "process with command ")
	if !ok {
		return false
	}
	addEvent(dst, "starting")
	if n := len(command); n > 1 && (command[0] == '`' || command[0] == '\'') && command[n-1] == command[0] {
		command = command[1 : n-1]
	}
	addText(dst, "command", command)
	return true
}

// parseStopping takes "all processes with SIGTERM", "remaining processes with SIGKILL".
func parseStopping(dst *fields.List, text string) bool {
	_, signal, ok := strings.Cut(text, " with ")
	if !ok {
		return false
	}
	addEvent(dst, "stopping")
	addText(dst, "signal", signal)
	return true
}

// parseProcess takes "exited with status 143" and "running mem=870M(170.1%)".
func parseProcess(dst *fields.List, text string) bool {
	if status, ok := strings.CutPrefix(text, "exited with status "); ok {
		addEvent(dst, "exited")
		status, _, _ = strings.Cut(status, " ")
		value := parse.Typed(status)
		addValue(dst, "exit_status", value, value.Kind == fields.Number)
		return true
	}
	memory, ok := strings.CutPrefix(text, "running mem=")
	if !ok {
		return false
	}
	addEvent(dst, "running")
	used, percent, _ := strings.Cut(memory, "(")
	value, ok := parse.Measurement(dst, used)
	addValue(dst, "memory", value, ok)
	value, ok = parse.Measurement(dst, strings.TrimSuffix(percent, ")"))
	addValue(dst, "memory_percent", value, ok)
	return true
}

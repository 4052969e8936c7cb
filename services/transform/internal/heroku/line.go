package heroku

import (
	"bytes"

	"github.com/drainline/drainline/services/internal/logplex"
)

// Kind is where a line comes from.
type Kind string

// The kinds there are.
const (
	// KindApp is what a process of the app printed.
	KindApp Kind = "app"
	// KindRouter is Heroku's HTTP router: one line a request.
	KindRouter Kind = "router"
	// KindAPI is the platform API: builds, releases, scaling, configuration.
	KindAPI Kind = "api"
	// KindSystem is the platform itself: dyno state, runtime metrics, platform errors,
	// and lines that were lost on the way.
	KindSystem Kind = "system"
	// KindAddon is an add-on.
	KindAddon Kind = "addon"
)

// Line is what a line's header and text say about its origin. The slices alias the
// message's frame; what does not apply is empty.
type Line struct {
	Kind Kind
	// Code is Heroku's error code, a letter and two digits: H12, R14, L10.
	Code []byte
	// Dyno is the dyno the line is about (web.1): the one that printed it, or the one
	// the router sent the request to. At most 128 bytes.
	Dyno []byte
	// Process is the process type (web) or the part of the platform (router, api,
	// logplex, heroku-postgres), without number. Printable ASCII, at most 128 bytes.
	Process []byte
}

// What the platform's senders put into APPNAME, and HOSTNAME in the labs era.
const (
	sourceApp    = "app"
	sourceHeroku = "heroku"
	// sourceToken is log-shuttle's default APPNAME, shuttle its HOSTNAME and PROCID.
	sourceToken = "token"
	shuttle     = "shuttle"
)

// facilityLocal7 is the syslog facility of everything that dynos print.
const facilityLocal7 = 23

// Classify says what a message is. It does not allocate.
func Classify(m *logplex.Message) Line {
	source, proc := sourceAndProc(m)
	process, isDyno := processType(proc)
	line := Line{Kind: kindOf(m, source, proc, process), Process: process}

	switch line.Kind {
	case KindRouter:
		line.Code, line.Dyno = routerCodeAndDyno(m.Text)
	case KindSystem:
		line.Code = errorCode(m.Text)
		if isDyno {
			line.Dyno = proc
		}
	case KindApp:
		if isDyno {
			line.Dyno = proc
		}
	case KindAPI, KindAddon:
	}

	return line
}

// sourceAndProc returns APPNAME and PROCID, or what the labs era of Heroku's drains
// put in HOSTNAME and APPNAME when PROCID was the drain token.
func sourceAndProc(m *logplex.Message) (source, proc []byte) {
	switch string(m.Host) {
	case sourceHeroku, sourceApp:
		if IsDrainToken(m.Proc) {
			return m.Host, m.App
		}
	}

	return m.App, m.Proc
}

func kindOf(m *logplex.Message, source, proc, process []byte) Kind {
	if isShuttleReport(proc, m.Text) {
		return KindSystem
	}

	switch string(source) {
	case sourceHeroku:
		return herokuKind(proc)
	case sourceApp:
		if isServer(process) && m.Facility != facilityLocal7 {
			return KindAddon
		}

		return appKind(proc)
	case "", "-":
		return KindApp
	}

	if string(source) == sourceToken && string(m.Host) == shuttle && string(proc) == shuttle {
		return KindApp
	}

	return KindAddon
}

func herokuKind(proc []byte) Kind {
	switch {
	case string(proc) == "router":
		return KindRouter
	case string(proc) == "api":
		return KindAPI
	case isHerokuAddon(proc):
		return KindAddon
	default:
		return KindSystem
	}
}

func appKind(proc []byte) Kind {
	switch {
	case string(proc) == "api":
		return KindAPI
	case isHerokuAddon(proc):
		return KindAddon
	default:
		return KindApp
	}
}

// isHerokuAddon recognises heroku-postgres, heroku-redis, heroku-kafka and their like.
// A process of that name would have a number.
func isHerokuAddon(proc []byte) bool {
	return bytes.HasPrefix(proc, []byte("heroku-")) && bytes.IndexByte(proc, '.') < 0
}

// isServer recognises the servers of add-ons whose own log Heroku passes on, as
// postgres.<pid>.
func isServer(process []byte) bool {
	switch string(process) {
	case "postgres", "redis", "kafka":
		return true
	default:
		return false
	}
}

// isShuttleReport recognises log-shuttle's account of lines it dropped (L12) or could
// not deliver (L13), which it sends under the APPNAME of the app.
func isShuttleReport(proc, text []byte) bool {
	if string(proc) != "log-shuttle" {
		return false
	}

	switch string(errorCode(text)) {
	case "L12", "L13":
		return true
	default:
		return false
	}
}

package door

import (
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/services/ingest/internal/body"
)

// Settings are what may change while the door is open.
type Settings struct {
	// Paths take logs, each with one more segment, the app's name, if the sender
	// wants to give one.
	Paths []string
	// Credentials let senders in; without any, nobody comes in.
	Credentials []Credential
	// Hold is how long a request may wait to be stored, from the end of its headers.
	// Storing has half a second at least, however long the upload took.
	Hold time.Duration
	// MaxBody bounds a body, in bytes, as sent and inflated.
	MaxBody int64
	// QueryFields are the query parameters that are kept.
	QueryFields []string
}

// rules are Settings as requests need them.
type rules struct {
	Settings

	keys []key
}

const (
	// uploadTime covers headers, and then the body. Logplex waits five seconds for an
	// answer, so whoever is slower is no Logplex.
	uploadTime = 20 * time.Second
	// stalled is how long a body may stand still, so that nobody keeps memory for
	// nothing.
	stalled = 5 * time.Second
)

func (r *rules) limits() body.Limits {
	return body.Limits{Compressed: r.MaxBody, Inflated: r.MaxBody, Upload: uploadTime, Stall: stalled}
}

func (s Settings) rules() *rules {
	r := &rules{Settings: s}
	r.Paths = slices.Clone(s.Paths)
	r.QueryFields = slices.Clone(s.QueryFields)
	for _, c := range s.Credentials {
		r.keys = append(r.keys, newKey(c))
	}
	return r
}

const maxApp = 64

// route finds the log path that p is, and the app that p names below it.
func (r *rules) route(p string) (app string, ok bool) {
	if slices.Contains(r.Paths, p) {
		return "", true
	}
	slash := strings.LastIndexByte(p, '/')
	if slash < 0 || !slices.Contains(r.Paths, p[:slash]) {
		return "", false
	}
	// A drain URL with a slash too many is no reason to drop every batch it sends.
	app = p[slash+1:]
	return app, app == "" || isApp(app)
}

func isApp(s string) bool {
	if len(s) > maxApp || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

package door

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/rate"
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
	// MaxBody bounds a body, in bytes.
	MaxBody int64
	// Limits.Requests are worked on at a time, the others wait for as long as Hold.
	// Limits.Compressed bounds a gzip. Connections and headers are the Server's.
	Limits config.Limits
	// QueryFields are the query parameters that are kept, by name or glob (utm_*).
	QueryFields []string
	// AppFrom is the order in which apps are named: drain, path, query, hostname,
	// credential, token.
	AppFrom []string
	// Drains are those that are listed: token to app, which may be empty.
	Drains map[string]string
	// Joined are the tokens of those whose lines are joined.
	Joined map[string]bool
	// Expected are the tokens of those that must not be silent for long.
	Expected []string
	// UnknownDrains is one of config.AcceptDrains, QuarantineDrains and RejectDrains.
	UnknownDrains string
}

// rules are Settings as requests need them.
type rules struct {
	Settings
	fields

	keys     []key
	rates    rate.Bounds
	slots    chan struct{}
	expected expected
}

// begins is how long a body may wait to begin. Logplex gives up after five seconds.
const begins = 5 * time.Second

// limits are those of one body. Limits.Compressed is for what will be inflated.
func (r *rules) limits(gzipped bool) body.Limits {
	sent := r.MaxBody
	if gzipped {
		sent = int64(r.Limits.Compressed)
	}
	return body.Limits{Compressed: sent, Inflated: r.MaxBody, Upload: r.Limits.Upload, First: begins}
}

// errBusy is no fault of the sender's.
var errBusy = errors.New("more requests are open than ingest.logplex.limits.requests allows")

// enter waits until the request is one of those that are worked on, or ctx ends.
func (r *rules) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-r.slots }
	select {
	case r.slots <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case r.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// next makes the rules for new settings. What requests have used of their bounds
// until now still counts.
func (r *rules) next(s Settings) *rules {
	next := &rules{
		Settings: s, fields: newFields(s.QueryFields), keys: newKeys(s.Credentials), slots: r.slots,
		expected: r.expected.next(s.Expected),
	}
	rates := make(map[string]config.Rate, len(s.Credentials))
	for _, c := range s.Credentials {
		rates[c.Name] = c.Rate
	}
	next.rates = r.rates.Next(rates)
	if cap(r.slots) != s.Limits.Requests {
		next.slots = make(chan struct{}, s.Limits.Requests)
	}
	return next
}

// unknown reports whether a drain is not listed, where that matters. A request
// without a token, from a Private Space or log-shuttle, is of no drain.
func (r *rules) unknown(drainToken string) bool {
	if drainToken == "" || (len(r.Drains) == 0 && r.UnknownDrains == config.AcceptDrains) {
		return false
	}
	_, listed := r.Drains[drainToken]
	return !listed
}

const maxName = 64

// route finds the log path that p is, and the app that p names below it.
func (r *rules) route(p string) (app string, ok bool) {
	// A drain URL with a slash too many is no reason to drop every batch it sends.
	p = strings.TrimSuffix(p, "/")
	if slices.Contains(r.Paths, p) {
		return "", true
	}
	slash := strings.LastIndexByte(p, '/')
	if slash < 0 || !slices.Contains(r.Paths, p[:slash]) {
		return "", false
	}
	app = p[slash+1:]
	return app, isName(app)
}

// routeOf is a log path without the app that it names.
func routeOf(p, app string) string {
	if app == "" {
		return p
	}
	return strings.TrimSuffix(strings.TrimSuffix(p, "/"), app) + "{app}"
}

// isName is what the names of apps are made of.
func isName(s string) bool {
	if s == "" || len(s) > maxName || s == "." || s == ".." {
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

package endpoint

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// State is whether a URL takes events.
type State string

// The states of a URL.
const (
	// Up takes its share of the requests.
	Up State = "up"
	// Ejected has failed several times in a row and is left alone for a while.
	Ejected State = "ejected"
	// Held refuses everything until somebody has put something right: its token, the
	// URL itself, a certificate. It is tried again like one that is ejected.
	Held State = "held"
	// Returning was ejected or held. It takes one request at a time at first, and twice
	// as many with each success.
	Returning State = "returning"
)

// URLState is how one URL of a destination does, for people.
type URLState struct {
	URL      string    `json:"url"` // as configured
	State    State     `json:"state"`
	Since    time.Time `json:"since,omitzero"`  // of State
	InFlight int       `json:"in_flight"`       // requests
	Error    string    `json:"error,omitempty"` // why it takes nothing, empty while it does
}

// target is one URL of a destination.
type target struct {
	base     string // as configured, for messages
	event    *url.URL
	raw      *url.URL
	ack      *url.URL
	health   *url.URL
	watch    watch
	lines    lines
	sessions sessions
	unwell   int // health checks in a row, of the goroutine that checks

	// The balancer's.
	state     State
	epoch     int // counts ejections and holds
	inFlight  int
	failures  int // in a row
	ejections int // since it was up
	share     int // requests in flight at most, while it returns
	since     time.Time
	until     time.Time // left alone until then, while it is ejected or held
}

// newTarget fails when base is no URL.
func newTarget(base string) (*target, error) {
	t := &target{base: base, state: Up}
	for path, u := range map[string]**url.URL{"event": &t.event, "raw": &t.raw, "ack": &t.ack, "health": &t.health} {
		var err error
		if *u, err = url.Parse(base + "/services/collector/" + path); err != nil {
			return nil, fmt.Errorf("urls: %w", err)
		}
	}
	return t, nil
}

// place is where a request goes.
func (t *target) place(r *Request) *url.URL {
	switch {
	case !r.Raw:
		return t.event
	case r.Query == "":
		return t.raw
	}
	u := *t.raw
	u.RawQuery = r.Query
	return &u
}

// takes reports whether one more request fits.
func (t *target) takes() bool {
	return t.state == Up || t.state == Returning && t.inFlight < t.share
}

// before reports whether a request that these URLs have failed goes to t rather than to u.
func (t *target) before(u *target, failed []string) bool {
	mine, its := t.rank(failed), u.rank(failed)
	switch {
	case mine != its:
		return mine < its
	case mine < rankEjected:
		return t.inFlight < u.inFlight
	default:
		return t.since.Before(u.since)
	}
}

const (
	rankFresh   = iota // takes requests
	rankFailed         // takes requests, but has failed this one
	rankFull           // returns, and has its share
	rankEjected        // these are there for when nothing else is
	rankHeld
)

func (t *target) rank(failed []string) int {
	switch {
	case t.state == Held:
		return rankHeld
	case t.state == Ejected:
		return rankEjected
	case !t.takes():
		return rankFull
	case slices.Contains(failed, t.base):
		return rankFailed
	default:
		return rankFresh
	}
}

// become changes the state.
func (t *target) become(s State, now time.Time) {
	t.state, t.since, t.failures = s, now, 0
}

// leave has the target left alone for a while, which doubles each time.
func (t *target) leave(s State, now time.Time) {
	const shortest, longest, doublings = 5 * time.Second, time.Minute, 4
	t.become(s, now)
	t.epoch++
	t.until = now.Add(jitter(min(shortest<<min(t.ejections, doublings), longest)))
	t.ejections++
}

// comeBack lets it take a share.
func (t *target) comeBack(now time.Time) {
	t.become(Returning, now)
	t.share = 1
}

// succeeded takes note of a request that it took, or refused for what is in it.
// Normal is how many in flight are as many as there are.
func (t *target) succeeded(now time.Time, normal int) {
	t.failures = 0
	switch t.state {
	case Up:
		return
	case Ejected, Held:
		t.comeBack(now)
	case Returning:
	}
	if t.share *= 2; t.share > normal {
		t.become(Up, now)
		t.ejections = 0
	}
}

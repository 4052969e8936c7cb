package door

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// ExpectedDrain is a drain that must not be silent for long (drains[].expect_within).
type ExpectedDrain struct {
	Token string `json:"token"`
	// LastSeen is when the last of its requests that was stored here was received; zero
	// when none was since the start, or since it has been expected.
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// expected are the drains that must not be silent, by token, with the time at which each
// was seen last in nanoseconds since 1970.
type expected map[string]*atomic.Int64

// next keeps what is known of those that are still expected.
func (e expected) next(tokens []string) expected {
	next := make(expected, len(tokens))
	for _, token := range tokens {
		next[token] = cmp.Or(e[token], &atomic.Int64{})
	}
	return next
}

// see is told of every request that is stored.
func (e expected) see(q *request) {
	if last, ok := e[q.who.drainToken]; ok {
		last.Store(max(last.Load(), q.received.UnixNano())) // of two at once either will do
	}
}

// all are the drains in the order of their tokens.
func (e expected) all() []ExpectedDrain {
	drains := make([]ExpectedDrain, 0, len(e))
	for token, last := range e {
		d := ExpectedDrain{Token: token}
		if ns := last.Load(); ns != 0 {
			d.LastSeen = time.Unix(0, ns)
		}
		drains = append(drains, d)
	}
	slices.SortFunc(drains, func(a, b ExpectedDrain) int { return cmp.Compare(a.Token, b.Token) })
	return drains
}

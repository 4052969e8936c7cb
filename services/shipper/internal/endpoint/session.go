package endpoint

import (
	"context"
	"errors"
	"sync/atomic"
)

// Session is one channel to one URL, over one connection and with cookies of its
// own, so that a load balancer leads its requests and its questions to one indexer.
// A session outlives the Client that made it: what was sent on it can be asked for
// after a reload.
type Session struct {
	confused atomic.Bool
}

// Channel is the session's GUID.
func (s *Session) Channel() string { return "" }

// URL is where the session leads, as configured.
func (s *Session) URL() string { return "" }

// Confused says that the collector has begun to count this channel's ackIds anew: it
// has started again, or several indexers answer in turn. Nothing that was sent on it
// can be asked for any more.
func (s *Session) Confused() bool { return s.confused.Load() }

// Ask asks which of these ackIds are acknowledged, 1000 at a time at most. Splunk says
// so once. Any error means that nothing is known: a *RetryError, or a *HoldError where
// acknowledgement is refused (code 14).
func (s *Session) Ask(ctx context.Context, ids []int64) (acked []int64, err error) {
	return nil, errors.New("not there yet")
}

// Retire keeps further requests from the session.
func (s *Session) Retire() {}

// Close says that nothing on the session is asked for any more. A retired one lets go
// of its connection.
func (s *Session) Close() {}

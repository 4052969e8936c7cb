package hec

import "fmt"

// Limit is one of Limits.
type Limit string

// The limits by which a body can be refused. An envelope as a whole counts as its
// event.
const (
	LimitEvents Limit = "events"
	LimitEvent  Limit = "event"
	LimitDepth  Limit = "depth"
)

// RefusedError says that a body is refused, and because of which event.
type RefusedError struct {
	Code Code
	// Event is the position of the event, counted from 0; -1 when it is not for an
	// event that the body is refused.
	Event int
	// Reason is what is wrong, for people.
	Reason string
	// Limit is the limit that the body is over, empty when it is none.
	Limit Limit
}

func (e *RefusedError) Error() string {
	switch {
	case e.Event >= 0:
		return fmt.Sprintf("%s: event %d: %s", e.Code.Text(), e.Event, e.Reason)
	case e.Reason != "":
		return fmt.Sprintf("%s: %s", e.Code.Text(), e.Reason)
	default:
		return e.Code.Text()
	}
}

// Answer is what HEC answers to the body. Splunk counts from 1 where an index is
// refused, and from 0 everywhere else.
func (e *RefusedError) Answer() Answer {
	a := NewAnswer(e.Code)
	a.InvalidEvent = e.Event
	if e.Code == IncorrectIndex && e.Event >= 0 {
		a.InvalidEvent++
	}
	return a
}

package bus

import (
	"errors"
	"fmt"
)

// ErrClosed is what a Consumer and a BlockWriter return once they are closed.
var ErrClosed = errors.New("bus: closed")

// errAway is the reason while nats.go reconnects.
var errAway = errors.New("not connected")

// RetryError says that the bus did not confirm a message for a reason that may
// pass: it is unreachable, slow or full. The same id may be published again,
// and must be, since a try without an answer may yet have been stored.
type RetryError struct{ Err error }

func (e *RetryError) Error() string { return "bus does not store: " + e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }

// PermanentError says that a message can never be stored as it is.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return "bus refuses: " + e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// UntoldError says that of what was told before, while the bus took nothing, so many
// routes, batches or reports will never be told: there was no more room for them.
type UntoldError struct{ Count int }

func (e *UntoldError) Error() string {
	return fmt.Sprintf("bus: %d older notes on acknowledgement had to go: the bus has taken none for long", e.Count)
}

func untoldError(count int) error {
	if count == 0 {
		return nil
	}
	return &UntoldError{Count: count}
}

// Untold is how much will never be told, when telling so many routes, batches or
// reports came to this error.
func Untold(err error, told int) int {
	if err == nil {
		return 0
	}
	if older, ok := errors.AsType[*UntoldError](err); ok {
		return older.Count
	}
	return told
}

// ErrNewer is what Delivery.Open returns for a message of a newer schema, which it
// has released.
var ErrNewer = errors.New("bus: message of a newer schema")

// UnsettledError says that the caller's time, or the writer's, was up while its
// requests were on their way: they may be stored, or may be later. Done gives the
// outcome when it is known.
type UnsettledError struct {
	Err     error
	outcome <-chan error
}

func (e *UnsettledError) Error() string { return "bus has not answered yet: " + e.Err.Error() }
func (e *UnsettledError) Unwrap() error { return e.Err }

// Done delivers one value, the outcome: nil when the requests have been stored,
// and a *RetryError when nobody will ever know.
func (e *UnsettledError) Done() <-chan error { return e.outcome }

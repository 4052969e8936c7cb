package endpoint

import (
	"fmt"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

// RetryError says that a try failed for a reason that may pass by itself: the
// network, a timeout, a busy or broken collector, a proxy that answers in its
// stead. The same request is sent again.
type RetryError struct {
	// After is how long the collector asked to be left alone, MaxRetryAfter at
	// most; zero when it did not say.
	After time.Duration
	Err   error
}

func (e *RetryError) Error() string { return e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }

// HoldError says that the collector takes nothing from this destination as it is
// configured: its token, URL or certificate. Nothing is wrong with the events, so
// they wait until somebody has put it right.
type HoldError struct{ Err error }

func (e *HoldError) Error() string { return e.Err.Error() }
func (e *HoldError) Unwrap() error { return e.Err }

// RefusedError says that the collector works and will never take this request:
// an event in it, or its size, is wrong.
type RefusedError struct {
	URL    string
	Status int
	// Answer is HEC's; its Code is NoCode where the body was none of HEC's.
	Answer hec.Answer
}

// NoCode is the code of an answer that has none.
const NoCode hec.Code = -1

func (e *RefusedError) Error() string {
	if e.Answer.Code == NoCode {
		return fmt.Sprintf("%s: HTTP status %d", e.URL, e.Status)
	}
	return fmt.Sprintf("%s: HTTP status %d: %s (code %d)", e.URL, e.Status, bounded(e.Answer.Text), e.Answer.Code)
}

// Reason is the refusal as the reason code of a dead letter: hec_<code>, or
// hec_http_<status> where the status says it all.
func (e *RefusedError) Reason() string {
	if e.Answer.Code.Status() == e.Status && !e.tooLarge() {
		return fmt.Sprintf("hec_%d", e.Answer.Code)
	}
	return fmt.Sprintf("hec_http_%d", e.Status)
}

package endpoint

import (
	"fmt"
	"net/http"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

// Every is the number of events in a request, whatever it is.
const Every = -1

// RetryError says that a try failed for a reason that may pass by itself: the
// network, a timeout, a busy or broken collector, a proxy that answers in its
// stead. The same request is sent again.
type RetryError struct {
	// After is how long the collector asked to be left alone, MaxRetryAfter at
	// most; zero when it did not say.
	After time.Duration
	// Pressure says that less at once might have helped: 429, 503, 504, full queues,
	// a timeout.
	Pressure bool
	// Elsewhere says that another URL takes events and has not failed this request since
	// all had: there is no need to wait.
	Elsewhere bool
	// Taken is how many events of the request, from its first, the collector may have
	// taken even so; Every where it may have taken them all.
	Taken int
	Err   error
}

func (e *RetryError) Error() string { return e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }

// HoldError says that no URL takes anything from this destination as it is
// configured: its token, its URLs or a certificate. Nothing is wrong with the events,
// so they wait until somebody has put it right.
type HoldError struct {
	// Token says that only the request's own token (Request.Token) is refused, by every
	// URL that takes events: requests with other tokens need not wait, and Probe, which
	// uses the destination's, says nothing about it.
	Token bool
	// Taken is how many events of the request the collector may have taken even so, as
	// in RetryError. It is 0 but for a token that does not acknowledge where it has to.
	Taken int
	// Refusal is the answer as a refusal of the request's own events, where it may be one:
	// a status without a code of HEC's, such as a firewall's that dislikes a line. Nil where
	// it is none: tokens, certificates, redirects.
	Refusal *RefusedError
	Err     error
}

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
	if e.Answer.Code.Status() == e.Status && !e.TooLarge() {
		return fmt.Sprintf("hec_%d", e.Answer.Code)
	}
	return fmt.Sprintf("hec_http_%d", e.Status)
}

// TooLarge says that the request has to be smaller (413).
func (e *RefusedError) TooLarge() bool { return e.Status == http.StatusRequestEntityTooLarge }

// Event is the event that was refused, counted from 0; -1 where none is named.
// Splunk counts from 0, but for an incorrect index from 1.
func (e *RefusedError) Event() int {
	if e.TooLarge() {
		return -1
	}
	if e.Answer.Code == hec.IncorrectIndex && e.Answer.InvalidEvent >= 0 {
		return e.Answer.InvalidEvent - 1
	}
	return e.Answer.InvalidEvent
}

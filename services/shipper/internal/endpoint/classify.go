package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

// MaxRetryAfter bounds the wait that a Retry-After can ask for.
const MaxRetryAfter = 10 * time.Minute

// classify turns an answer into policy. Nothing but HTTP 200 with HEC's own
// success in it counts as delivered: a load balancer's page with status 200 has
// cost other shippers their events.
func classify(base string, r *http.Response, body []byte, now time.Time) (hec.Answer, error) {
	status := r.StatusCode
	answer, unreadable := hec.ParseAnswer(body)
	if unreadable != nil {
		answer = hec.Answer{Code: NoCode, InvalidEvent: -1, AckID: -1}
	}
	said := sentence(base, r, answer, unreadable)
	switch {
	case status == http.StatusOK && isSuccess(answer.Code):
		return answer, nil
	case status == http.StatusRequestEntityTooLarge:
		return answer, &RefusedError{URL: base, Status: status, Answer: answer}
	case mayPass(status, answer.Code):
		return answer, &RetryError{After: retryAfter(r.Header, now), Err: said}
	case status == http.StatusBadRequest && isRefusal(answer.Code):
		return answer, &RefusedError{URL: base, Status: status, Answer: answer}
	default:
		// Redirects, 401, 403, 404, 405, 415 and 400 for reasons that are not in the
		// events, or that nobody knows: nothing is dropped for them.
		return answer, &HoldError{Err: said}
	}
}

// SlowDown reports whether an answer, a success, asks for fewer events. Splunk
// sends these codes with backpressureState=warn_at_80.
func SlowDown(a hec.Answer) bool {
	return a.Code == hec.QueueNearlyFull || a.Code == hec.AckNearlyFull
}

func isSuccess(c hec.Code) bool {
	return c == hec.Success || c == hec.QueueNearlyFull || c == hec.AckNearlyFull
}

func mayPass(status int, c hec.Code) bool {
	switch {
	case status < http.StatusMultipleChoices: // success that HEC did not say
		return true
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return true
	}
	switch c {
	case hec.InternalError, hec.ServerBusy, hec.QueuesFull, hec.AckUnavailable, hec.QueuesFullAckUnavailable,
		hec.ShuttingDown, hec.QueueFull, hec.AckFull:
		return true
	}
	return false
}

// isRefusal reports whether a code is about the events of a request.
func isRefusal(c hec.Code) bool {
	switch c {
	case hec.NoData, hec.InvalidDataFormat, hec.IncorrectIndex, hec.EventRequired, hec.EventBlank, hec.InvalidFields:
		return true
	}
	return false
}

// sentence says what was answered and, where that is clear, what to do about it.
func sentence(base string, r *http.Response, a hec.Answer, unreadable error) error {
	var said strings.Builder
	fmt.Fprintf(&said, "%s: HTTP status %d", base, r.StatusCode)
	var answerError *hec.AnswerError
	switch {
	case isRedirect(r.StatusCode):
		fmt.Fprintf(&said, " to %q", bounded(r.Header.Get("Location")))
	case errors.As(unreadable, &answerError):
		fmt.Fprintf(&said, ": %v", answerError)
	default:
		fmt.Fprintf(&said, ": %s (code %d)", bounded(a.Text), a.Code)
	}
	if advice := advice(r.StatusCode, a.Code); advice != "" {
		said.WriteString(": " + advice)
	}
	return errors.New(said.String())
}

func bounded(text string) string {
	const longest = 300
	return strings.ToValidUTF8(text[:min(len(text), longest)], "")
}

func advice(status int, c hec.Code) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		c == hec.HealthInvalidToken, c == hec.HealthTokenDisabled:
		return "check the destination's token"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, isRedirect(status):
		return "check the destination's urls"
	case status == http.StatusUnsupportedMediaType:
		return "set the destination's gzip to false"
	}
	return ""
}

func isRedirect(status int) bool {
	return status >= http.StatusMultipleChoices && status < http.StatusBadRequest
}

// retryAfter reads Retry-After in both its forms (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	after := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		after = time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), MaxRetryAfter)
}

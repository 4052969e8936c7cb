package endpoint

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/drainline/drainline/services/internal/hec"
)

// MaxRetryAfter bounds the wait that a Retry-After can ask for.
const MaxRetryAfter = 10 * time.Minute

// classify turns what became of a request into policy. Nothing but HTTP 200 with HEC's
// own success in it counts as delivered: a load balancer's page with status 200 has cost
// other shippers their events. With acks, it has to name an ackId as well.
func classify(base string, o *outcome, acks bool, now time.Time) (hec.Answer, error) {
	if o.status == 0 {
		return hec.Answer{}, unanswered(base, o)
	}
	answer, unreadable := hec.ParseAnswer(o.body)
	if o.err != nil {
		unreadable = o.err
	}
	if unreadable != nil {
		answer = hec.Answer{Code: NoCode, InvalidEvent: -1, AckID: -1}
	}
	status := o.status
	switch {
	case status == http.StatusOK && isSuccess(answer.Code):
		if acks && answer.AckID < 0 {
			return answer, notAcknowledging(base)
		}
		return answer, nil
	case status == http.StatusRequestEntityTooLarge:
		return answer, &RefusedError{URL: base, Status: status, Answer: answer}
	case mayPass(status, answer.Code), o.err != nil:
		return answer, &RetryError{
			After: retryAfter(o.header, now), Pressure: isPressure(status, answer.Code),
			Taken: taken(status, answer), Err: sentence(base, o, answer, unreadable),
		}
	case status == http.StatusBadRequest && isRefusal(answer.Code):
		return answer, &RefusedError{URL: base, Status: status, Answer: answer}
	default:
		// Redirects, 401, 403, 404, 405, 415 and 400 for reasons that are not in the
		// events, or that nobody knows: nothing is dropped for them.
		hold := &HoldError{Token: isAboutToken(answer.Code), Err: sentence(base, o, answer, unreadable)}
		if mayBeRefusal(status, answer.Code) {
			hold.Refusal = &RefusedError{URL: base, Status: status, Answer: answer}
		}
		return answer, hold
	}
}

// unanswered is the policy for a request without an answer.
func unanswered(base string, o *outcome) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](o.err); ok {
		return &HoldError{Err: fmt.Errorf("%s: %w: check the destination's tls", base, o.err)}
	}
	if refused, ok := errors.AsType[*net.OpError](o.err); ok && refused.Op == "remote error" { // a TLS alert
		return &HoldError{Err: fmt.Errorf("%s: %w: check the destination's tls: what certificate and version it wants", base, o.err)}
	}
	retry := &RetryError{Pressure: o.late, Err: fmt.Errorf("%s: %w", base, o.err)}
	if o.sent {
		retry.Taken = Every
	}
	return retry
}

// notAcknowledging is the policy for a success without an ackId where one has to be.
func notAcknowledging(base string) error {
	return &HoldError{Token: true, Taken: Every, Err: fmt.Errorf("%s: the token does not acknowledge: "+
		"enable indexer acknowledgement for it (inputs.conf: useACK), or set the destination's ack to off or auto", base)}
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
	return c == hec.InternalError || isBusy(c)
}

// isBusy reports whether a code says that HEC takes no events for the time being.
func isBusy(c hec.Code) bool {
	switch c {
	case hec.ServerBusy, hec.QueuesFull, hec.AckUnavailable, hec.QueuesFullAckUnavailable,
		hec.ShuttingDown, hec.QueueFull, hec.AckFull:
		return true
	}
	return false
}

// isPressure reports whether less at once might have helped.
func isPressure(status int, c hec.Code) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return isBusy(c) && c != hec.AckUnavailable && c != hec.ShuttingDown
}

// taken is RetryError.Taken for an answer. Only HEC itself can say that it has taken
// nothing, or nothing from some event on; a proxy answers 429 before it passes anything on.
func taken(status int, a hec.Answer) int {
	switch {
	case a.Code == NoCode && status == http.StatusTooManyRequests:
		return 0
	case a.Code == NoCode || a.Code == hec.InternalError || isSuccess(a.Code):
		return Every
	case isBusy(a.Code) || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return max(a.InvalidEvent, 0)
	default:
		return Every
	}
}

// isAboutToken reports whether another token might do.
func isAboutToken(c hec.Code) bool {
	switch c {
	case hec.TokenDisabled, hec.TokenRequired, hec.InvalidAuthorization, hec.InvalidToken,
		hec.HealthInvalidToken, hec.HealthTokenDisabled:
		return true
	}
	return false
}

// mayBeRefusal reports whether an answer that holds may be about the events after all. It
// is not HEC's then, and its status is not about how the request was made.
func mayBeRefusal(status int, c hec.Code) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusUnsupportedMediaType:
		return false
	}
	return c == NoCode && status >= http.StatusBadRequest
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
func sentence(base string, o *outcome, a hec.Answer, unreadable error) error {
	var said strings.Builder
	fmt.Fprintf(&said, "%s: HTTP status %d", base, o.status)
	switch {
	case isRedirect(o.status):
		fmt.Fprintf(&said, " to %q", bounded(o.header.Get("Location")))
	case unreadable != nil:
		fmt.Fprintf(&said, ": %v", unreadable)
	default:
		fmt.Fprintf(&said, ": %s (code %d)", bounded(a.Text), a.Code)
	}
	if advice := advice(o, a.Code); advice != "" {
		said.WriteString(": " + advice)
	}
	return errors.New(said.String())
}

// bounded is foreign text for logs and terminals: short, and without what commands them.
func bounded(text string) string {
	const longest = 300
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text[:min(len(text), longest)], ""))
}

func advice(o *outcome, c hec.Code) string {
	status := o.status
	switch {
	case isAboutToken(c) && o.foreign:
		return "check the token that the rule has chosen"
	case isAboutToken(c), status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "check the destination's token"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, isRedirect(status):
		return "check the destination's urls"
	case status == http.StatusProxyAuthRequired:
		return "check the destination's proxy: it wants a user and a password"
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

package endpoint

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

const html = `<!doctype html><html><head><title>Welcome</title></head><body>a proxy's page</body></html>`

// code is an answer with a code, as splunkd writes it.
func code(n int) string {
	return string(hec.AppendAnswer(nil, hec.NewAnswer(hec.Code(n))))
}

func TestClassify(t *testing.T) {
	t.Parallel()
	f := func(status int, body, want string) {
		t.Helper()
		_, err := classify("https://splunk:8088", &outcome{status: status, body: []byte(body), sent: true}, false, time.Now())
		if got := policy(err); got != want {
			t.Errorf("%d %.100s: %s, want %s", status, body, got, want)
		}
	}

	// Every code of Splunk's table with the status it comes with.
	f(200, code(0), "delivered")
	f(403, code(1), "hold, token")
	f(401, code(2), "hold, token")
	f(401, code(3), "hold, token")
	f(403, code(4), "hold, token")
	f(400, code(5), "refused: hec_5")
	f(400, code(6), "refused: hec_6")
	f(400, code(7), "refused: hec_7")
	f(500, code(8), "retry, taken: every")
	f(503, code(9), "retry, pressure")
	f(400, code(10), "hold")
	f(400, code(11), "hold")
	f(400, code(12), "refused: hec_12")
	f(400, code(13), "refused: hec_13")
	f(400, code(14), "hold")
	f(400, code(15), "refused: hec_15")
	f(400, code(16), "hold")
	f(200, code(17), "retry, taken: every") // whoever says so was not asked for its health
	f(503, code(18), "retry, pressure")
	f(503, code(19), "retry, pressure")
	f(503, code(20), "retry, pressure")
	f(400, code(21), "hold, token")
	f(400, code(22), "hold, token")
	f(503, code(23), "retry, pressure")
	f(200, code(24), "delivered")
	f(200, code(25), "delivered")
	f(429, code(26), "retry, pressure")
	f(429, code(27), "retry, pressure")
	f(404, code(404), "hold")
	f(405, code(404), "hold")
	f(503, code(28), "retry, pressure") // of a newer Splunk
	f(400, code(28), "hold")
	f(200, code(28), "retry, taken: every")

	// Codes with a status that is not theirs.
	f(500, code(0), "retry, taken: every")
	f(503, code(0), "retry, taken: every, pressure")
	f(400, code(0), "hold")
	f(201, code(0), "retry, taken: every")
	f(206, code(0), "retry, taken: every")
	f(302, code(0), "hold")
	f(200, code(6), "retry, taken: every")
	f(403, code(6), "hold")
	f(500, code(6), "retry, taken: every")
	f(503, code(6), "retry, pressure")
	f(503, code(8), "retry, taken: every, pressure")
	f(400, code(8), "retry, taken: every")
	f(200, code(9), "retry, pressure")
	f(400, code(9), "retry, pressure")
	f(500, code(9), "retry, pressure")
	f(502, code(18), "retry, pressure")
	f(502, code(19), "retry")
	f(404, code(23), "retry") // shutting down, whatever the status
	f(400, code(24), "hold")
	f(503, code(27), "retry, pressure")

	// Answers seen in the wild that are not in the table.
	f(200, `{"text":"Success","code":0,"ackId":7}`, "delivered")
	f(200, " {\"code\":0}\r\n", "delivered")
	f(400, `{"text":"Invalid data format","code":6,"invalid-event-number":75}`, "refused: hec_6 of event 75")
	f(400, `{"text":"Incorrect index","code":7,"invalid-event-number":2}`, "refused: hec_7 of event 1")
	f(400, `{"text":"Incorrect index","code":7,"invalid-event-number":0}`, "refused: hec_7")
	f(503, `{"text":"Server is busy","code":9,"invalid-event-number":0}`, "retry, pressure")
	f(503, `{"text":"Server is busy","code":9,"invalid-event-number":12}`, "retry, taken: 12, pressure")
	f(429, `{"code":26,"invalid-event-number":3}`, "retry, taken: 3, pressure")
	f(500, `{"code":8,"invalid-event-number":3}`, "retry, taken: every")
	f(413, html, "refused: hec_http_413") // splunkd's own is HTML
	f(413, code(413), "refused: hec_http_413")
	f(413, code(9), "refused: hec_http_413")
	f(413, ``, "refused: hec_http_413")
	f(400, `<!doctype html><title>400 Bad Request</title>Unparsable gzip header in request data`, "hold")
	f(400, `"Failed to unmarshal message body"`, "hold") // the OpenTelemetry receiver
	f(415, html, "hold")

	// What stands between us and Splunk.
	f(200, html, "retry, taken: every")
	f(200, ``, "retry, taken: every")
	f(200, `{}`, "retry, taken: every")
	f(200, `{"text":"Success","co`, "retry, taken: every")
	f(200, `{"text":"Success"}`, "retry, taken: every")
	f(200, `{"code":-1}`, "retry, taken: every")
	f(200, `"ok"`, "retry, taken: every")
	f(200, strings.Repeat(" ", hec.MaxAnswer)+code(0), "retry, taken: every")
	f(202, ``, "retry, taken: every")
	f(204, ``, "retry, taken: every")
	f(301, html, "hold")
	f(302, html, "hold")
	f(307, ``, "hold")
	f(400, ``, "hold")
	f(400, `{"message":"Bad Request"}`, "hold")
	f(400, strings.Repeat("x", hec.MaxAnswer+1), "hold")
	f(401, html, "hold")
	f(403, html, "hold")
	f(404, html, "hold")
	f(405, html, "hold")
	f(407, ``, "hold")
	f(408, ``, "retry, taken: every")
	f(411, ``, "hold")
	f(418, ``, "hold")
	f(429, html, "retry, pressure")
	f(500, html, "retry, taken: every")
	f(501, ``, "retry, taken: every")
	f(502, html, "retry, taken: every")
	f(503, ``, "retry, taken: every, pressure")
	f(503, strings.Repeat("x", hec.MaxAnswer+1), "retry, taken: every, pressure")
	f(504, html, "retry, taken: every, pressure")
	f(599, ``, "retry, taken: every")
}

// An answer that breaks off says no more than its status.
func TestClassifyBrokenOff(t *testing.T) {
	t.Parallel()
	f := func(status int, body, want string) {
		t.Helper()
		o := &outcome{status: status, body: []byte(body), sent: true, err: errors.New("reset")}
		if _, err := classify("https://splunk:8088", o, false, time.Now()); policy(err) != want {
			t.Errorf("%d %s: %s, want %s", status, body, policy(err), want)
		}
	}
	f(200, code(0), "retry, taken: every")
	f(400, code(6), "retry, taken: every")
	f(403, code(4), "retry, taken: every")
	f(413, html, "refused: hec_http_413")
	f(429, code(26), "retry, pressure")
	f(503, code(9), "retry, taken: every, pressure")
}

func TestClassifyWithoutAnswer(t *testing.T) {
	t.Parallel()
	f := func(o outcome, want string) {
		t.Helper()
		if _, err := classify("https://splunk:8088", &o, false, time.Now()); policy(err) != want {
			t.Errorf("%+v: %s, want %s", o, policy(err), want)
		}
	}
	network := errors.New("network")
	f(outcome{err: network}, "retry")
	f(outcome{err: network, sent: true}, "retry, taken: every")
	f(outcome{err: network, late: true}, "retry, pressure")
	f(outcome{err: network, late: true, sent: true}, "retry, taken: every, pressure")
	f(outcome{err: &tls.CertificateVerificationError{Err: network}}, "hold")
}

// With ack: on, a success has to name an ackId.
func TestClassifyForAck(t *testing.T) {
	t.Parallel()
	f := func(status int, body, want string) {
		t.Helper()
		_, err := classify("https://splunk:8088", &outcome{status: status, body: []byte(body), sent: true}, true, time.Now())
		if got := policy(err); got != want {
			t.Errorf("%d %s: %s, want %s", status, body, got, want)
		}
	}
	f(200, `{"text":"Success","code":0,"ackId":0}`, "delivered")
	f(200, `{"text":"slower","code":24,"ackId":7}`, "delivered")
	f(200, code(0), "hold, token, taken: every")
	f(200, code(25), "hold, token, taken: every")
	f(200, `{"text":"Success","code":0,"ackId":-1}`, "hold, token, taken: every")
	f(503, code(9), "retry, pressure")
	f(400, code(6), "refused: hec_6")
}

func policy(err error) string {
	var (
		retry   *RetryError
		hold    *HoldError
		refused *RefusedError
	)
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &retry):
		return "retry" + takenIs(retry.Taken) + when(", pressure", retry.Pressure) + when(", elsewhere", retry.Elsewhere)
	case errors.As(err, &hold):
		return "hold" + when(", token", hold.Token) + takenIs(hold.Taken)
	case errors.As(err, &refused):
		return "refused: " + refused.Reason() + when(fmt.Sprintf(" of event %d", refused.Event()), refused.Event() >= 0)
	default:
		return fmt.Sprintf("%T", err)
	}
}

func when(word string, so bool) string {
	if so {
		return word
	}
	return ""
}

func takenIs(n int) string {
	return when(", taken: every", n == Every) + when(fmt.Sprintf(", taken: %d", n), n > 0)
}

func TestClassifySays(t *testing.T) {
	t.Parallel()
	f := func(o outcome, want string) {
		t.Helper()
		_, err := classify("https://splunk:8088", &o, true, time.Now())
		if err == nil || err.Error() != want {
			t.Errorf("%d %s:\n got %v\nwant %s", o.status, o.body, err, want)
		}
	}
	said := func(status int, body string) outcome { return outcome{status: status, body: []byte(body)} }
	f(said(403, code(4)), `https://splunk:8088: HTTP status 403: Invalid token (code 4): check the destination's token`)
	f(outcome{status: 403, body: []byte(code(4)), foreign: true},
		`https://splunk:8088: HTTP status 403: Invalid token (code 4): check the token that the rule has chosen`)
	f(said(404, code(404)), `https://splunk:8088: HTTP status 404: The requested URL was not found on this server. (code 404): `+
		`check the destination's urls`)
	f(said(415, ``), `https://splunk:8088: HTTP status 415: not an answer of HEC: the body is empty: set the destination's gzip to false`)
	f(outcome{status: 302, header: http.Header{"Location": {"https://login/"}}},
		`https://splunk:8088: HTTP status 302 to "https://login/": check the destination's urls`)
	f(said(503, code(9)), `https://splunk:8088: HTTP status 503: Server is busy (code 9)`)
	f(said(400, code(7)), `https://splunk:8088: HTTP status 400: Incorrect index (code 7)`)
	f(said(413, ``), `https://splunk:8088: HTTP status 413`)
	f(said(200, code(0)), `https://splunk:8088: the token does not acknowledge: enable indexer acknowledgement for it `+
		`(inputs.conf: useACK), or set the destination's ack to off or auto`)
	f(outcome{err: errors.New("no route")}, `https://splunk:8088: no route`)
	f(outcome{status: 503, err: errors.New("answer 503 broke off: EOF")}, `https://splunk:8088: HTTP status 503: answer 503 broke off: EOF`)
}

func TestClassifySaysLittle(t *testing.T) {
	t.Parallel()
	long := `{"code":4,"text":"` + strings.Repeat("é", 20_000) + `"}`
	for _, status := range []int{200, 302, 400, 403, 413, 503} {
		o := &outcome{status: status, header: http.Header{"Location": {long}}, body: []byte(long)}
		_, err := classify("u", o, false, time.Now())
		if n := len(err.Error()); n > 1000 {
			t.Errorf("%d: a sentence of %d bytes", status, n)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := func(header string, want time.Duration) {
		t.Helper()
		o := &outcome{status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {header}}, body: []byte(code(9))}
		_, err := classify("u", o, false, now)
		var retry *RetryError
		if !errors.As(err, &retry) || retry.After != want {
			t.Errorf("%q: %v, want %v", header, retry.After, want)
		}
	}
	f("", 0)
	f("0", 0)
	f("7", 7*time.Second)
	f("600", 10*time.Minute)
	f("601", 10*time.Minute)
	f("18446744073709551615", 10*time.Minute)
	f("99999999999999999999999", 0)
	f("-1", 0)
	f("1.5", 0)
	f("soon", 0)
	f("Mon, 23 Nov 2026 12:00:30 GMT", 30*time.Second)
	f("Mon, 23 Nov 2026 11:00:00 GMT", 0)
	f("Mon, 23 Nov 2026 23:00:00 GMT", 10*time.Minute)
}

func TestSlowDown(t *testing.T) {
	t.Parallel()
	for c, want := range map[hec.Code]bool{hec.Success: false, hec.QueueNearlyFull: true, hec.AckNearlyFull: true} {
		if got := SlowDown(hec.NewAnswer(c)); got != want {
			t.Errorf("code %d: %v, want %v", c, got, want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for n := range 28 {
		f.Add(hec.Code(n).Status(), code(n), "")
	}
	f.Add(200, html, "5")
	f.Add(200, `{"code":0}`, "Mon, 23 Nov 2026 12:00:30 GMT")
	f.Add(413, "", "x")
	f.Add(302, "", "")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		if status < 100 || status > 999 {
			return // net/http lets no other through
		}
		o := &outcome{status: status, header: http.Header{"Retry-After": {after}}, body: []byte(body), sent: true}
		answer, err := classify("u", o, false, time.Now())
		if err == nil {
			said, parseErr := hec.ParseAnswer([]byte(body))
			if status != 200 || parseErr != nil || said.Code != answer.Code || !isSuccess(said.Code) {
				t.Fatalf("%d %q counts as delivered", status, body)
			}
			return
		}
		var refused *RefusedError
		if errors.As(err, &refused) && status != 400 && status != 413 {
			t.Fatalf("%d %q counts as refused", status, body)
		}
		var retry *RetryError
		if errors.As(err, &retry) && (retry.After < 0 || retry.After > MaxRetryAfter || retry.Taken < Every) {
			t.Fatalf("Retry-After %q gives %v, %d taken", after, retry.After, retry.Taken)
		}
	})
}

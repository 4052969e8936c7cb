package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

const html = `<!doctype html><html><head><title>Welcome</title></head><body>a proxy's page</body></html>`

func code(n int) string {
	return string(hec.AppendAnswer(nil, hec.NewAnswer(hec.Code(n))))
}

func TestClassify(t *testing.T) {
	t.Parallel()
	const (
		delivered = "delivered"
		retry     = "retry"
		hold      = "hold"
	)
	f := func(status int, body, want string) {
		t.Helper()
		_, err := classify("https://splunk:8088", &http.Response{StatusCode: status, Header: http.Header{}}, []byte(body), time.Now())
		if got := policy(err); got != want {
			t.Errorf("%d %s: %s, want %s", status, body, got, want)
		}
	}

	// Every code of Splunk's table with the status it comes with.
	f(200, code(0), delivered)
	f(403, code(1), hold)
	f(401, code(2), hold)
	f(401, code(3), hold)
	f(403, code(4), hold)
	f(400, code(5), "refused: hec_5")
	f(400, code(6), "refused: hec_6")
	f(400, code(7), "refused: hec_7")
	f(500, code(8), retry)
	f(503, code(9), retry)
	f(400, code(10), hold)
	f(400, code(11), hold)
	f(400, code(12), "refused: hec_12")
	f(400, code(13), "refused: hec_13")
	f(400, code(14), hold)
	f(400, code(15), "refused: hec_15")
	f(400, code(16), hold)
	f(200, code(17), retry)
	f(503, code(18), retry)
	f(503, code(19), retry)
	f(503, code(20), retry)
	f(400, code(21), hold)
	f(400, code(22), hold)
	f(503, code(23), retry)
	f(200, code(24), delivered)
	f(200, code(25), delivered)
	f(429, code(26), retry)
	f(429, code(27), retry)
	f(404, code(404), hold)
	f(405, code(404), hold)

	// Answers seen in the wild that are not in the table.
	f(200, `{"text":"Success","code":0,"ackId":7}`, delivered)
	f(400, `{"text":"Invalid data format","code":6,"invalid-event-number":75}`, "refused: hec_6")
	f(503, `{"text":"Server is busy","code":9,"invalid-event-number":0}`, retry)
	f(413, html, "refused: hec_http_413") // splunkd's own is HTML
	f(413, code(413), "refused: hec_http_413")
	f(413, ``, "refused: hec_http_413")
	f(400, `<!doctype html><title>400 Bad Request</title>Unparsable gzip header in request data`, hold)
	f(415, html, hold)

	// What stands between us and Splunk.
	f(200, html, retry)
	f(200, ``, retry)
	f(200, `{}`, retry)
	f(200, `{"text":"Success"}`, retry)
	f(200, `"ok"`, retry)
	f(200, code(6), retry)
	f(201, code(0), retry)
	f(202, ``, retry)
	f(204, ``, retry)
	f(206, code(0), retry)
	f(301, html, hold)
	f(302, code(0), hold)
	f(307, ``, hold)
	f(400, ``, hold)
	f(400, `{"message":"Bad Request"}`, hold)
	f(400, code(9), retry)
	f(401, html, hold)
	f(403, html, hold)
	f(403, code(6), hold)
	f(404, html, hold)
	f(404, code(23), retry) // shutting down, whatever the status
	f(407, ``, hold)
	f(408, ``, retry)
	f(411, ``, hold)
	f(418, ``, hold)
	f(429, html, retry)
	f(500, html, retry)
	f(500, code(6), retry)
	f(501, ``, retry)
	f(502, html, retry)
	f(503, ``, retry)
	f(504, html, retry)
	f(599, ``, retry)
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
		return "retry"
	case errors.As(err, &hold):
		return "hold"
	case errors.As(err, &refused):
		return "refused: " + refused.Reason()
	default:
		return fmt.Sprintf("%T", err)
	}
}

func TestClassifySays(t *testing.T) {
	t.Parallel()
	f := func(status int, header http.Header, body, want string) {
		t.Helper()
		_, err := classify("https://splunk:8088", &http.Response{StatusCode: status, Header: header}, []byte(body), time.Now())
		if err == nil || err.Error() != want {
			t.Errorf("%d %s:\n got %v\nwant %s", status, body, err, want)
		}
	}
	none := http.Header{}
	f(403, none, code(4), `https://splunk:8088: HTTP status 403: Invalid token (code 4): check the destination's token`)
	f(404, none, code(404), `https://splunk:8088: HTTP status 404: The requested URL was not found on this server. (code 404): check the destination's urls`)
	f(415, none, ``, `https://splunk:8088: HTTP status 415: not an answer of HEC: the body is empty: set the destination's gzip to false`)
	f(302, http.Header{"Location": {"https://login/"}}, ``,
		`https://splunk:8088: HTTP status 302 to "https://login/": check the destination's urls`)
	f(503, none, code(9), `https://splunk:8088: HTTP status 503: Server is busy (code 9)`)
	f(400, none, code(7), `https://splunk:8088: HTTP status 400: Incorrect index (code 7)`)
	f(413, none, ``, `https://splunk:8088: HTTP status 413`)
}

func TestClassifySaysLittle(t *testing.T) {
	t.Parallel()
	long := `{"code":4,"text":"` + strings.Repeat("é", 20_000) + `"}`
	for _, status := range []int{200, 302, 400, 403, 413, 503} {
		_, err := classify("u", &http.Response{StatusCode: status, Header: http.Header{"Location": {long}}}, []byte(long), time.Now())
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
		_, err := classify("u", &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {header}}}, []byte(code(9)), now)
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
		answer, err := classify("u", &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}, []byte(body), time.Now())
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
		if errors.As(err, &retry) && (retry.After < 0 || retry.After > MaxRetryAfter) {
			t.Fatalf("Retry-After %q gives %v", after, retry.After)
		}
	})
}

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
)

// drainToken is sent unless a test sends another.
const drainToken = "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a"

// post makes one request as Logplex does and returns the status. Headers are
// pairs of names and values over Logplex's own; an empty value leaves one out.
func post(t *testing.T, url string, body []byte, headers ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Content-Type": {"application/logplex-1"}, "Logplex-Msg-Count": {"1"}, "User-Agent": {"Logplex/v73"},
		"Logplex-Frame-Id": {"adc10463-d0e2-45d8-8a48-572c607b7a66"}, "Logplex-Drain-Token": {drainToken},
	}
	for ; len(headers) > 0; headers = headers[2:] {
		if r.Header.Del(headers[0]); headers[1] != "" {
			r.Header.Set(headers[0], headers[1])
		}
	}
	user := r.URL.User
	password, _ := user.Password()
	r.SetBasicAuth(user.Username(), password)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer) > 0 {
		t.Logf("answered %d %s", response.StatusCode, answer)
	}
	return response.StatusCode
}

// mustPost makes a request that has to be accepted.
func mustPost(t *testing.T, url string, body []byte, headers ...string) {
	t.Helper()
	if status := post(t, url, body, headers...); status != http.StatusNoContent {
		t.Fatalf("answered %d, want 204", status)
	}
}

// frame is one line of an app, framed.
func frame(text string) []byte {
	line := "<190>1 2024-05-01T12:00:00.123456+00:00 host app web.1 - " + text
	return []byte(strconv.Itoa(len(line)) + " " + line)
}

// l10 is Logplex's report of n lost messages, framed.
func l10(n int) []byte {
	line := fmt.Sprintf("<172>1 2024-05-01T12:00:05+00:00 host heroku logplex - "+
		"Error L10 (output buffer overflow): %d messages dropped since 2024-05-01T11:59:02+00:00.", n)
	return []byte(strconv.Itoa(len(line)) + " " + line)
}

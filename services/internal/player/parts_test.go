package player

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	basic := func(encoded string) string { return "Authorization: Basic " + encoded + "\r\n" }
	for _, c := range []struct {
		url, address, line, host, authorization string
	}{
		{"http://example.com", "example.com:80", "POST / HTTP/1.1", "example.com", ""},
		{"https://example.com/logs", "example.com:443", "POST /logs HTTP/1.1", "example.com", ""},
		{"https://example.com:8443/a%20b?x=1&y=/#z", "example.com:8443", "POST /a%20b?x=1&y=/ HTTP/1.1", "example.com:8443", ""},
		{"http://[::1]:80", "[::1]:80", "POST / HTTP/1.1", "[::1]:80", ""},
		{"http://user:pass@h/logs", "h:80", "POST /logs HTTP/1.1", "h", basic("dXNlcjpwYXNz")}, // user:pass
		{"http://user@h", "h:80", "POST / HTTP/1.1", "h", basic("dXNlcjo=")},                   // user:
		{"http://:pass@h", "h:80", "POST / HTTP/1.1", "h", basic("cGFzczo=")},                  // pass:
	} {
		t.Run(c.url, func(t *testing.T) {
			t.Parallel()
			got, err := parseTarget(c.url)
			if err != nil {
				t.Fatal(err)
			}
			head := c.line + "\r\nHost: " + c.host + "\r\n" + c.authorization + "Content-Type: application/logplex-1\r\nLogplex-Msg-Count: "
			if got.address != c.address || got.head != head || (got.tls != nil) != strings.HasPrefix(c.url, "https") {
				t.Errorf("got %q and\n%s", got.address, got.head)
			}
		})
	}
}

// TestLargestHead checks that the room kept for a head is enough.
func TestLargestHead(t *testing.T) {
	t.Parallel()
	to := &target{head: "POST / HTTP/1.1\r\nLogplex-Msg-Count: "}
	b := newBatch(to)
	b.begin(time.Now())
	b.frames = math.MaxInt
	b.seal(to, make([]byte, uuidLength), "d."+strings.Repeat("0", uuidLength))
	if len(b.head) < len(to.head)+100 || len(b.head)+len("9223372036854775807") > b.room {
		t.Errorf("head of %d bytes in a room of %d", len(b.head), b.room)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	lowest := func(int) int { return 0 }
	highest := func(n int) int { return n - 1 }
	for _, c := range []struct {
		failures int
		random   func(int) int
		want     time.Duration
	}{
		{1, highest, 0},
		{2, highest, 10 * time.Millisecond},
		{3, highest, 30 * time.Millisecond},
		{9, highest, 2550 * time.Millisecond},
		{10, highest, 5110 * time.Millisecond},
		{1000, highest, 5110 * time.Millisecond},
		{1000, lowest, 0},
	} {
		if got := backoff(c.failures, c.random); got != c.want {
			t.Errorf("after %d failures got %v, want %v", c.failures, got, c.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	const hour = float64(time.Hour)
	ago := func(hours float64) time.Time { return time.Now().Add(-time.Duration(hours * hour)) }
	for _, c := range []struct {
		name     string
		schedule schedule
		ended    bool
		want     int // of at most 5
	}{
		{"flat out", schedule{left: -1}, false, 5},
		{"flat out, two left", schedule{left: 2}, false, 2},
		{"none left", schedule{left: 0}, false, 0},
		{"ended", schedule{left: -1}, true, 0},
		{"ended while waiting", schedule{left: -1, start: ago(0.5), interval: hour, taken: 1}, true, 0},
		{"the first is due at once", schedule{left: -1, start: ago(0.5), interval: hour}, false, 1},
		{"three due", schedule{left: -1, start: ago(2.5), interval: hour}, false, 3},
		{"three due, one taken", schedule{left: -1, start: ago(2.5), interval: hour, taken: 1}, false, 2},
		{"more due than fit", schedule{left: -1, start: ago(9.5), interval: hour}, false, 5},
		{"more due than are left", schedule{left: 3, start: ago(9.5), interval: hour}, false, 3},
		{"soon", schedule{left: -1, start: ago(0.5), interval: hour / 2 * 1.000001, taken: 1}, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if c.ended {
				ctx = ended
			}
			if got := c.schedule.wait(ctx, 5); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	p := &Player{options: Options{Drains: 4, Count: 10, Rate: 2}}
	var total int64
	for i := range 4 {
		s := p.schedule(i)
		total += s.left
		if s.left < 2 || s.left > 3 || s.interval != float64(2*time.Second) {
			t.Errorf("share %d is %+v", i, s)
		}
	}
	if total != 10 {
		t.Errorf("shares come to %d", total)
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	weights := 0
	for _, c := range templates {
		weights += c.weight
	}
	if weights != 100 {
		t.Errorf("weights come to %d", weights)
	}
	samples := makeSamples()
	size := 0
	different := map[message]bool{}
	for _, m := range samples {
		size += len(m.before) + len(stampLayout) + len(m.after)
		different[m] = true
		if strings.ContainsAny(m.after, "\n\r") || strings.Contains(m.after, "${") {
			t.Errorf("bad sample %q", m.after)
		}
	}
	if mean := size / len(samples); mean < 180 || mean > 220 {
		t.Errorf("a frame has %d bytes on average", mean)
	}
	if len(different) < len(samples)*9/10 {
		t.Errorf("only %d of %d samples differ", len(different), len(samples))
	}
}

// FuzzLines compares the reader of lines with splitting the whole text.
func FuzzLines(f *testing.F) {
	for _, text := range []string{"", "a\nb", "a\n\nb\n", strings.Repeat("x", maxLine) + "\ny", strings.Repeat("y", 2*maxLine+5)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\r", "")
		l := newLines()
		go l.read(t.Context(), strings.NewReader(text))
		var got []string
		for m := range l.messages {
			_, part, _ := strings.Cut(m.after, " - ")
			if m.newline {
				part += "\n"
			}
			got = append(got, part)
		}
		if want := plainLines(text); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func plainLines(text string) []string {
	var parts []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		for len(line) > maxLine {
			parts = append(parts, line[:maxLine])
			line = line[maxLine:]
		}
		if len(line) == maxLine { // cut before it is known whether the line ends there
			parts = append(parts, line)
			continue
		}
		parts = append(parts, line+"\n")
	}
	return parts
}

// FuzzParseHead compares the strict parser with net/http's: what it takes, net/http takes to be the same.
func FuzzParseHead(f *testing.F) {
	for _, head := range []string{
		"HTTP/1.1 204 No Content",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close",
		"HTTP/1.0 503 \r\ncontent-length:0",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
		"HTTP/1.1 204",
		"HTTP/1.1 +20 x",
		"HTTP/1.1 200 OK\r\nno colon",
	} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		got, err := parseHead(head)
		if err != nil {
			if _, ok := errors.AsType[violationError](err); !ok {
				t.Errorf("%v is no violation", err)
			}
			return
		}
		whole := append(bytes.Clone(head), "\r\n\r\n"...)
		response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(whole)), &http.Request{Method: http.MethodPost, URL: new(url.URL)})
		if err != nil {
			return
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != got.status {
			t.Errorf("status is %d, not %d", response.StatusCode, got.status)
		}
	})
}

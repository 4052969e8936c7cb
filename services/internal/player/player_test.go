package player_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/drainline/drainline/services/internal/player"
)

var update = flag.Bool("update", false, "write testdata/requests.golden anew")

const (
	noContent   = "HTTP/1.1 204 No Content\r\n\r\n"
	unavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
)

func play(t *testing.T, options player.Options) player.Result {
	t.Helper()
	p, err := player.New(options)
	if err != nil {
		t.Fatal(err)
	}
	result, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestPlay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		drains, count int
		frames        int
		start         func(*httptest.Server)
	}{
		{"one by one", 1, 50, 1, (*httptest.Server).Start},
		{"batches and drains", 4, 1003, 7, (*httptest.Server).Start},
		{"TLS nobody could verify", 2, 30, 5, (*httptest.Server).StartTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := polite(t, c.start, nil)
			var ledger book
			result := play(t, player.Options{
				URL: receiver.url, Drains: c.drains, Count: int64(c.count), FramesPerRequest: c.frames, Numbered: true, Ledger: &ledger,
			})
			requests := receiver.got(t)
			ids := idsOf(requests)
			accepted := ledger.ids()
			slices.Sort(accepted)
			slices.Sort(ids)
			if !slices.Equal(ids, accepted) || len(slices.Compact(ids)) != c.count {
				t.Errorf("received %d ids, %d in the ledger, want %d", len(ids), len(accepted), c.count)
			}
			want := player.Result{Sent: int64(c.count), Accepted: int64(c.count), Requests: int64(len(requests))}
			if counts(result) != counts(want) {
				t.Errorf("got %+v", result)
			}
			if receiver.connected() != c.drains {
				t.Errorf("%d connections, want one a drain", receiver.connected())
			}
			l := result.Latency
			if l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.Max || result.Elapsed <= 0 || result.Bytes <= 0 {
				t.Errorf("got %+v", result)
			}
		})
	}
}

// counts is the countable part of a result.
func counts(r player.Result) string {
	return fmt.Sprintf("sent %d accepted %d dropped %d abandoned %d requests %d retried %d connect failures %d violations %d",
		r.Sent, r.Accepted, r.Dropped, r.Abandoned, r.Requests, r.Retried, r.ConnectFailures, r.Violations)
}

func idsOf(requests []request) []string {
	var ids []string
	for _, r := range requests {
		for _, text := range r.texts() {
			if _, after, found := strings.Cut(text, " id="); found { // an L10 frame has none
				id, _, _ := strings.Cut(after, " t=")
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// TestRequestBytes holds requests to the byte: a batch dropped after three tries, and the next one with its L10 frame.
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	receiver := hostile(t, func(n int) string {
		if n < 3 {
			return unavailable
		}
		return noContent
	})
	clock := time.Date(2024, 5, 1, 12, 0, 0, 123_400_000, time.UTC)
	options := player.Options{
		URL:      strings.Replace(receiver.url, "http://", "http://user:secret@", 1) + "/shop?env=prod#fragment",
		Lines:    strings.NewReader("hello\ncaf\xc3\xa9 \xff\n\nbye\n"),
		Numbered: true,
	}
	p, err := player.NewDetermined(options, func() time.Time { return clock }, &counter{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests := receiver.got(t)
	if len(requests) != 6 || requests[0].raw != requests[1].raw || requests[0].raw != requests[2].raw {
		t.Fatalf("got %d requests, want 6, of which the first three are the same", len(requests))
	}
	var got strings.Builder
	for _, r := range requests[2:] {
		got.WriteString(r.raw)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(receiver.url, "http://"), "/logs")
	golden(t, filepath.Join("testdata", "requests.golden"), strings.ReplaceAll(got.String(), host, "receiver:8080"))
}

// counter is a source of ids that counts bytes.
type counter struct{ next byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		const private = 0o600
		if err := os.WriteFile(path, []byte(got), private); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAnswers plays two messages, one a request, to a receiver that follows a script.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const (
		chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
		interim = "HTTP/1.1 100 Continue\r\n\r\n"
		created = "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nab" + pause + "cde"
		hangUp  = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	)
	status := func(code int) string { return fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n", code) }
	type counts struct{ accepted, dropped, retried, violations, connections int }
	for _, c := range []struct {
		name   string
		script []string // then 204 for ever
		want   counts
	}{
		{"204", nil, counts{accepted: 2, connections: 1}},
		{"200", []string{status(200), status(299)}, counts{accepted: 2, connections: 1}},
		{"201 with a body in pieces", []string{created}, counts{accepted: 2, connections: 1}},
		{"head in pieces", []string{"HTTP/1.1 20" + pause + "4 \r\nA: b\r\n\r" + pause + "\n"}, counts{accepted: 2, connections: 1}},
		{"no reason", []string{"HTTP/1.1 200 \r\n\r\n"}, counts{accepted: 2, connections: 1}},
		{"hangs up", []string{hangUp}, counts{accepted: 2, connections: 2}},
		{"HTTP/1.0", []string{"HTTP/1.0 200 OK\r\n\r\n"}, counts{accepted: 2, connections: 2}},
		{"503 twice", []string{unavailable, unavailable}, counts{accepted: 2, retried: 2, connections: 3}},
		{"503 three times", []string{unavailable, unavailable, unavailable}, counts{1, 1, 2, 0, 4}},
		{"429", []string{status(429)}, counts{accepted: 2, retried: 1, connections: 2}},
		{"302", []string{status(302)}, counts{accepted: 2, retried: 1, connections: 2}},
		{"500, reset and silence", []string{status(500), reset, silent}, counts{1, 1, 2, 0, 4}},
		{"reset", []string{reset}, counts{accepted: 2, retried: 1, connections: 2}},
		{"silence", []string{silent}, counts{accepted: 2, retried: 1, connections: 2}},
		{"half an answer", []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}, counts{accepted: 2, retried: 1, connections: 2}},
		{"401", []string{status(401)}, counts{accepted: 1, dropped: 1, connections: 1}},
		{"413 and 404", []string{status(413), status(404)}, counts{dropped: 2, connections: 1}},
		{"interim", []string{interim + noContent}, counts{2, 0, 1, 1, 2}},
		{"chunked spoils the next answer", []string{chunked}, counts{2, 0, 1, 2, 2}},
		{"no space after the code", []string{"HTTP/1.1 204\r\n\r\n"}, counts{2, 0, 1, 1, 2}},
		{"no HTTP", []string{"220 mail.example.com ESMTP\r\n\r\n"}, counts{2, 0, 1, 1, 2}},
		{"no colon", []string{"HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n"}, counts{2, 0, 1, 1, 2}},
		{"negative length", []string{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}, counts{2, 0, 1, 1, 2}},
		{"endless head", []string{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 20<<10)}, counts{2, 0, 1, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := hostile(t, func(n int) string {
				if n < len(c.script) {
					return c.script[n]
				}
				return noContent
			})
			p, err := player.NewDetermined(player.Options{URL: receiver.url, Count: 2}, time.Now, rand.Reader, 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := counts{int(r.Accepted), int(r.Dropped), int(r.Retried), int(r.Violations), receiver.connected()}
			if got != c.want || r.Requests != r.Retried+2 || r.Sent != 2 {
				t.Errorf("got %+v, want %+v; all of it %+v", got, c.want, r)
			}
			if (r.LastFailure == nil) != (c.want.retried+c.want.dropped+c.want.violations == 0) {
				t.Errorf("last failure is %v", r.LastFailure)
			}
			checkFrameIDs(t, receiver.got(t))
		})
	}
}

// checkFrameIDs checks that two batches, tried as often as need be, have an id each.
func checkFrameIDs(t *testing.T, requests []request) {
	t.Helper()
	var ids []string
	for _, r := range requests {
		ids = append(ids, r.frameID())
	}
	if batches := slices.Compact(slices.Clone(ids)); len(batches) != 2 {
		t.Errorf("frame ids are %v", ids)
	}
}

func TestLossReport(t *testing.T) {
	t.Parallel()
	const badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	report := func(n int) string {
		return fmt.Sprintf("Error L10 (output buffer overflow): %d messages dropped since ", n)
	}
	for _, c := range []struct {
		name    string
		script  []string
		without bool
		want    [][]string // how the texts of each request begin
	}{
		{"none lost", []string{noContent, noContent, noContent}, false, [][]string{{"1"}, {"2"}, {"3"}}},
		{"one batch", []string{badRequest, noContent, noContent}, false, [][]string{{"1"}, {report(1), "2"}, {"3"}}},
		{"two in a row", []string{badRequest, badRequest, noContent}, false, [][]string{{"1"}, {report(1), "2"}, {report(2), "3"}}},
		{"two apart", []string{badRequest, noContent, badRequest}, false, [][]string{{"1"}, {report(1), "2"}, {"3"}}},
		{"without reports", []string{badRequest, noContent, noContent}, true, [][]string{{"1"}, {"2"}, {"3"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := hostile(t, func(n int) string { return c.script[n] })
			play(t, player.Options{URL: receiver.url, Lines: strings.NewReader("1\n2\n3\n"), NoLossReports: c.without})
			requests := receiver.got(t)
			same := slices.EqualFunc(requests, c.want, func(r request, want []string) bool {
				return slices.EqualFunc(r.texts(), want, strings.HasPrefix)
			})
			if !same {
				t.Errorf("got %v, want %v", requests, c.want)
			}
		})
	}
}

// TestLedgerFollowsAnswers checks that an id is written after its 2xx, and only then.
func TestLedgerFollowsAnswers(t *testing.T) {
	t.Parallel()
	var ledger book
	early := make(chan int, 3)
	receiver := hostile(t, func(n int) string {
		early <- len(ledger.ids())
		return []string{"HTTP/1.1 401 x\r\n\r\n", noContent, noContent}[n]
	})
	play(t, player.Options{URL: receiver.url, Count: 3, Numbered: true, Ledger: &ledger})
	if first, second, third := <-early, <-early, <-early; first != 0 || second != 0 || third != 1 {
		t.Errorf("before its answer the ledger had %d, %d and %d ids", first, second, third)
	}
	if ids, sent := ledger.ids(), idsOf(receiver.got(t)); !slices.Equal(ids, sent[1:]) {
		t.Errorf("ledger has %v, sent were %v", ids, sent)
	}
}

func TestBrokenLedgerEndsTheRun(t *testing.T) {
	t.Parallel()
	receiver := polite(t, (*httptest.Server).Start, nil)
	p, err := player.New(player.Options{URL: receiver.url, Drains: 3, Numbered: true, Ledger: brokenBook{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
}

// TestRefusedConnections checks that a receiver that is away costs no try.
func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	listener := listen(t, "127.0.0.1:0")
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := player.New(player.Options{URL: "http://" + address, Count: 5})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan player.Result, 1)
	go func() {
		result, err := p.Run(t.Context())
		if err != nil {
			t.Error(err)
		}
		results <- result
	}()
	const moreThanTries = 4
	waitUntil(t, "refusing", func() bool { return p.Snapshot().ConnectFailures >= moreThanTries })
	receiver := serveHostile(t, listen(t, address), func(int) string { return noContent })
	result := <-results
	if result.Accepted != 5 || result.Retried != 0 || result.Dropped != 0 || len(receiver.got(t)) != 5 {
		t.Errorf("got %+v", result)
	}
}

func TestContextEndsBetweenRequests(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	receiver := polite(t, (*httptest.Server).Start, func(n int, _ request) {
		if n == 40 {
			cancel() // while this request and others are in flight
		}
	})
	var ledger book
	p, err := player.New(player.Options{URL: receiver.url, Drains: 8, FramesPerRequest: 10, Numbered: true, Ledger: &ledger})
	if err != nil {
		t.Fatal(err)
	}
	result, err := p.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	received, accepted := idsOf(receiver.got(t)), ledger.ids()
	slices.Sort(received)
	slices.Sort(accepted)
	if !slices.Equal(received, accepted) || result.Accepted != int64(len(received)) || result.Sent != result.Accepted {
		t.Errorf("received %d, in the ledger %d, %+v", len(received), len(accepted), result)
	}
	if _, err := p.Run(t.Context()); err == nil {
		t.Error("a second run was possible")
	}
}

func TestContextEndsARetry(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	receiver := hostile(t, func(int) string {
		cancel()
		return unavailable
	})
	p, err := player.New(player.Options{URL: receiver.url})
	if err != nil {
		t.Fatal(err)
	}
	result, err := p.Run(ctx)
	if want := (player.Result{Sent: 1, Abandoned: 1, Requests: 1}); err != nil || counts(result) != counts(want) {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestContextEndsConnecting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listener := listen(t, "127.0.0.1:0")
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := player.New(player.Options{URL: "http://" + listener.Addr().String(), Drains: 3})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if result, err := p.Run(ctx); err != nil || result.Sent != 0 || result.LastFailure == nil {
			t.Errorf("got %+v, %v", result, err)
		}
	}()
	waitUntil(t, "refusing", func() bool { return p.Snapshot().ConnectFailures >= 3 })
	cancel()
	<-ended
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		name, in string
		want     []string // texts
	}{
		{"nothing", "", nil},
		{"two", "one\ntwo\n", []string{"one\n", "two\n"}},
		{"no newline at the end", "one\ntwo", []string{"one\n", "two\n"}},
		{"carriage returns", "one\r\ntwo\r\n", []string{"one\n", "two\n"}},
		{"empty line", "one\n\ntwo\n", []string{"one\n", "\n", "two\n"}},
		{"any bytes", "\xff\x00 <190>1 - -\n", []string{"\xff\x00 <190>1 - -\n"}},
		{"as long as a message can be", long + "\nx", []string{long, "x\n"}},
		{"too long", long + long + "tail\nx", []string{long, long, "tail\n", "x\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := polite(t, (*httptest.Server).Start, nil)
			play(t, player.Options{URL: receiver.url, Lines: strings.NewReader(c.in)})
			var got []string
			for _, r := range receiver.got(t) {
				got = append(got, r.texts()...)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %.200q, want %.200q", got, c.want)
			}
		})
	}
}

func TestLinesAreSharedByDrains(t *testing.T) {
	t.Parallel()
	receiver := polite(t, (*httptest.Server).Start, nil)
	result := play(t, player.Options{URL: receiver.url, Lines: strings.NewReader(strings.Repeat("x\n", 500)), Drains: 5, FramesPerRequest: 20})
	if result.Accepted != 500 || receiver.connected() > 5 {
		t.Errorf("got %+v", result)
	}
}

func TestLinesFail(t *testing.T) {
	t.Parallel()
	receiver := polite(t, (*httptest.Server).Start, nil)
	lines := io.MultiReader(strings.NewReader("one\n"), iotest.ErrReader(errDisk))
	p, err := player.New(player.Options{URL: receiver.url, Lines: lines})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := p.Run(t.Context()); !errors.Is(err, errDisk) || result.Accepted != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
}

// TestBatchesStayBelowTheTarget checks the 102400 bytes at which Logplex closes a batch.
func TestBatchesStayBelowTheTarget(t *testing.T) {
	t.Parallel()
	receiver := polite(t, (*httptest.Server).Start, nil)
	result := play(t, player.Options{URL: receiver.url, Count: 3000, FramesPerRequest: 1024, Numbered: true})
	requests := receiver.got(t)
	for i, r := range requests {
		size := len(strings.Join(r.frames, ""))
		if size >= 102_400 || i < len(requests)-1 && size < 100_000 {
			t.Errorf("request %d has %d bytes of frames", i, size)
		}
	}
	if result.Accepted != 3000 || len(slices.Compact(slices.Sorted(slices.Values(idsOf(requests))))) != 3000 {
		t.Errorf("got %+v", result)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	receiver := polite(t, (*httptest.Server).Start, nil)
	result := play(t, player.Options{URL: receiver.url, Drains: 3, Rate: 2000, Count: 100, FramesPerRequest: 50})
	if last := 99 * time.Second / 2000; result.Accepted != 100 || result.Elapsed < last { // when the last message is due
		t.Errorf("got %+v", result)
	}
}

// The first drains play under the tokens that are given.
func TestTokens(t *testing.T) {
	t.Parallel()
	const first, second = "d.01234567-89ab-4def-8123-456789abcdef", "d.76543210-89ab-4def-8123-456789abcdef"
	for drains, want := range map[int]int{0: 2, 1: 2, 3: 3} {
		receiver := polite(t, (*httptest.Server).Start, nil)
		play(t, player.Options{URL: receiver.url, Drains: drains, Tokens: []string{first, second}, Count: 12})
		messages := map[string]int{}
		for _, r := range receiver.got(t) {
			messages[r.head.Get("Logplex-Drain-Token")] += len(r.frames)
		}
		if len(messages) != want || messages[first] != 12/want || messages[second] != 12/want {
			t.Errorf("%d drains: %v", drains, messages)
		}
	}
}

// A token may be as long as one that is listed.
func TestLongToken(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("x", 128)
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Logplex-Drain-Token")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	play(t, player.Options{URL: server.URL, Tokens: []string{token}, Count: 1})
	if got := <-seen; got != token {
		t.Errorf("the token is %q", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	const url = "http://127.0.0.1/logs"
	for _, c := range []struct {
		name    string
		options player.Options
		want    string
	}{
		{"no URL", player.Options{}, `url: scheme is "", must be http or https`},
		{"syslog", player.Options{URL: "syslog://example.com"}, `url: scheme is "syslog"`},
		{"no host", player.Options{URL: "http:///logs"}, "url: no host"},
		{"no URL at all", player.Options{URL: "http://u:secret@a b"}, "url: malformed"},
		{"colon in password", player.Options{URL: "http://u:secret:b@example.com"}, "the password has a colon"},
		{"drains", player.Options{URL: url, Drains: -1}, "drains: -1 is not between 1 and 10000"},
		{"token", player.Options{URL: url, Tokens: []string{"d.1", "d 2"}}, `token: "d 2" is not 1 to 128 visible ASCII characters`},
		{"empty token", player.Options{URL: url, Tokens: []string{""}}, `token: "" is not`},
		{"long token", player.Options{URL: url, Tokens: []string{strings.Repeat("x", 129)}}, "is not 1 to 128"},
		{"frames", player.Options{URL: url, FramesPerRequest: 1025}, "frames per request: 1025 is not between 1 and 1024"},
		{"rate", player.Options{URL: url, Rate: -0.5}, "rate: -0.5 is below one message a day"},
		{"count", player.Options{URL: url, Count: -1}, "count: -1 is negative"},
		{"ledger", player.Options{URL: url, Ledger: io.Discard}, "ledger: only numbered messages have ids"},
		{"two at once", player.Options{URL: url, Rate: -1, Count: -1}, "rate: -1 is below one message a day\ncount: -1 is negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := player.New(c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

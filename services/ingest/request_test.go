package ingest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

func gzipped(tb testing.TB, body []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// The request vectors R1 and R5 to R17, and what else is decided by one request alone.
func TestRequests(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	n1, n3, n4, x7 := logplextest.Body(t, "N1"), logplextest.Body(t, "N3"), logplextest.Body(t, "N4"), logplextest.Body(t, "X7")
	long := line(strings.Repeat("x", 10_000))
	batch := logplextest.Body(t, "N5") // an L10 and 1,024 frames of 100 bytes
	for range 1024 {
		batch = append(batch, line(strings.Repeat("x", 39))...)
	}
	type parts []string
	whole := func(b []byte) parts { return parts{string(b)} }
	for n, c := range []struct {
		name   string
		h      http.Header
		body   []byte
		status int
		stored parts
	}{
		{"R1 all headers", headers(), n1, 204, whole(n1)},
		{"R5 no credential", headers("Authorization", "-"), n1, 401, nil},
		{"R5 wrong credential", headers("Authorization", basic("shop:wrong")), n1, 401, nil},
		{"R5 user but no secret", headers("Authorization", basic("shop:")), n1, 401, nil},
		{"R5 nothing", headers("Authorization", basic(":")), n1, 401, nil},
		{"R5 another scheme", headers("Authorization", "Digest "+secret), n1, 401, nil},
		{"R5 no base64", headers("Authorization", "Basic "+secret), n1, 401, nil},
		{"R5 endless credential", headers("Authorization", basic(strings.Repeat("x", 8<<10))), n1, 401, nil},
		{"R6 secret as user", headers("Authorization", basic(secret+":")), n1, 204, whole(n1)},
		{"R6 secret as password", headers("Authorization", basic(":"+secret)), n1, 204, whole(n1)},
		{"R6 another user", headers("Authorization", basic("x:"+secret)), n1, 204, whole(n1)},
		{"R6 no colon", headers("Authorization", basic(secret)), n1, 204, whole(n1)},
		{"R6 as a bearer's", headers("Authorization", "Bearer "+secret), n1, 204, whole(n1)},
		{"R6 scheme in lower case", headers("Authorization", "b"+basic(":" + secret)[1:]), n1, 204, whole(n1)},
		{"R7 count too high", headers("Logplex-Msg-Count", "2"), n1, 204, whole(n1)},
		{"R7 count is no number", headers("Logplex-Msg-Count", "abc"), n1, 204, whole(n1)},
		{"R7 count is negative", headers("Logplex-Msg-Count", "-1"), n1, 204, whole(n1)},
		{"R7 no count", headers("Logplex-Msg-Count", "-"), n1, 204, whole(n1)},
		{"R9 gzip", headers("Content-Encoding", "gzip"), gzipped(t, n3), 204, whole(n3)},
		{"R9 gzip of nothing", headers("Content-Encoding", "gzip"), gzipped(t, nil), 204, nil},
		{"R9 identity", headers("Content-Encoding", "identity"), n3, 204, whole(n3)},
		{"R9 another encoding", headers("Content-Encoding", "br"), n3, 415, nil},
		{"R10 gzip bomb", headers("Content-Encoding", "gzip"), gzipped(t, make([]byte, 9<<20)), 413, nil},
		{"R10 cut gzip", headers("Content-Encoding", "gzip"), gzipped(t, n3)[:20], 400, nil},
		{"R10 no gzip", headers("Content-Encoding", "gzip"), n3, 400, nil},
		{"R11 no type", headers("Content-Type", "-"), n1, 204, whole(n1)},
		{"R11 type of Logplex's own input", headers("Content-Type", "application/x-logplex-1"), n1, 204, whole(n1)},
		{"R11 type with parameters", headers("Content-Type", "Application/Logplex-1 ; charset=utf-8"), n1, 204, whole(n1)},
		{"R11 another type", headers("Content-Type", "text/plain"), n1, 415, nil},
		{"R12 empty body", headers("Logplex-Msg-Count", "0"), nil, 204, nil},
		{"R13 long line", headers(), long, 204, whole(long)},
		{"R14 full batch", headers("Logplex-Msg-Count", "1025"), batch, 204, parts{string(logplextest.Body(t, "N5")), string(batch[len(logplextest.Body(t, "N5")):])}},
		{"R17 two good, one truncated", headers(), append(slices.Clip(n3), x7...), 204, parts{string(n3), string(x7)}},
		{"N4 notice of loss", headers(), n4, 204, parts{string(n4[:146]), string(n4[146:])}},
		{"N5 nothing but a notice", headers(), logplextest.Body(t, "N5"), 204, whole(logplextest.Body(t, "N5"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			drain := fmt.Sprintf("d.%d", n)
			if c.h["Logplex-Drain-Token"] != nil {
				c.h["Logplex-Drain-Token"] = []string{drain}
			}
			status, text, h, err := i.do(http.MethodPost, "/logs", c.h, bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if status != c.status {
				t.Errorf("answered %d %q", status, text)
			}
			if (h.Get("WWW-Authenticate") == `Basic realm="drainline"`) != (c.status == 401) {
				t.Errorf("WWW-Authenticate: %q", h.Get("WWW-Authenticate"))
			}
			if (text == "") != (c.status == 204) || strings.ContainsAny(text, "\n") {
				t.Errorf("sentence %q", text)
			}
			if got := storedOf(t, conn, drain); fmt.Sprint(got) != fmt.Sprint([]string(c.stored)) {
				t.Errorf("stored %q", got)
			}
		})
	}
	if got := i.Counts().Mismatches.Load(); got < 3 {
		t.Errorf("%d mismatches of the count", got)
	}
	if got := i.Counts().Unauthorized.Load(); got != 7 {
		t.Errorf("%d refused credentials", got)
	}
}

// R16 and R4's neighbours: whole bodies that are no frames or odd ones.
func TestOddBodies(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	const frames, unframed = drainlinev1.Encoding_ENCODING_FRAMES, drainlinev1.Encoding_ENCODING_UNFRAMED
	for _, c := range []struct {
		vector string
		status int
		stored []drainlinev1.Encoding
	}{
		{"X1", 400, nil},
		{"X2", 400, nil},
		{"X3", 400, nil},
		{"X4", 204, []drainlinev1.Encoding{frames}},
		{"X5", 400, nil},
		{"X6", 400, nil},
		{"X7", 204, []drainlinev1.Encoding{unframed}},
		{"X8", 204, []drainlinev1.Encoding{unframed}},
		{"X9", 400, nil},
		{"X10", 400, nil},
		{"X11", 204, []drainlinev1.Encoding{frames}},
		{"X12", 400, nil},
		{"X13", 204, []drainlinev1.Encoding{frames}},
		{"X14", 204, []drainlinev1.Encoding{frames}},
		{"X15", 204, []drainlinev1.Encoding{frames}},
		{"X16", 204, []drainlinev1.Encoding{frames}},
		{"X17", 204, []drainlinev1.Encoding{frames}},
		{"X18", 204, []drainlinev1.Encoding{frames}},
		{"X19", 204, []drainlinev1.Encoding{frames}},
		{"X20", 204, []drainlinev1.Encoding{frames}},
		{"X21", 204, []drainlinev1.Encoding{frames}},
		{"X22", 204, []drainlinev1.Encoding{frames}},
		{"N3 X1", 204, []drainlinev1.Encoding{frames, unframed}},
		{"N3 X12", 204, []drainlinev1.Encoding{frames, unframed}},
		{"N1 X12", 204, []drainlinev1.Encoding{unframed}}, // what follows the only frame shows that its length lied
		{"N1 X10", 204, []drainlinev1.Encoding{unframed}}, // a stray space
	} {
		t.Run(c.vector, func(t *testing.T) {
			var body []byte
			for id := range strings.FieldsSeq(c.vector) {
				body = append(body, logplextest.Body(t, id)...)
			}
			status, text, _, err := i.do(http.MethodPost, "/logs", headers("Logplex-Drain-Token", "d."+c.vector), bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if status != c.status {
				t.Errorf("answered %d %q", status, text)
			}
			var encodings []drainlinev1.Encoding
			joined := ""
			for _, r := range stored(t, conn) {
				if r.GetDrainToken() == "d."+c.vector {
					encodings = append(encodings, r.GetEncoding())
					joined += string(r.GetBody())
				}
			}
			if fmt.Sprint(encodings) != fmt.Sprint(c.stored) {
				t.Errorf("stored %v", encodings)
			}
			if c.status == 204 && joined != string(body) {
				t.Errorf("stored %q of %q", joined, body)
			}
		})
	}
}

// X6 claims ten gigabytes, R10 one.
func TestClaimedLengthsTakeNoMemory(t *testing.T) {
	i, _ := start(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if got := i.post(headers(), logplextest.Body(t, "X6")); got != 400 {
		t.Errorf("a frame of ten gigabytes: answered %d", got)
	}
	for range 100 {
		if got := i.raw("POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: " + basic(":"+secret) + "\r\nContent-Length: 1073741824\r\n\r\n"); got != 413 {
			t.Fatalf("a body of one gigabyte: answered %d", got)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 64 {
		t.Errorf("%d MiB were allocated", got)
	}
}

// R8 and R15: log-shuttle sends chunks and names nothing but a request id.
func TestShuttle(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	h := headers("Logplex-Frame-Id", "-", "Logplex-Drain-Token", "-", "User-Agent", "log-shuttle/x (go1.22; linux; amd64; gc)", "X-Request-Id", "r1")
	large := bytes.Repeat(line(strings.Repeat("x", 10_000)), 500)
	for _, c := range []struct {
		name string
		body []byte
		h    http.Header
	}{
		{"N23", logplextest.Body(t, "N23"), h},
		{"the same again", logplextest.Body(t, "N23"), h},
		{"another body", logplextest.Body(t, "N24"), h},
		{"5 MB", large, headers("X-Request-Id", "r2", "Logplex-Frame-Id", "-", "Logplex-Drain-Token", "-")},
		{"5 MB again", large, headers("X-Request-Id", "r2", "Logplex-Frame-Id", "-", "Logplex-Drain-Token", "-")},
		{"gzip", gzipped(t, large), headers("X-Request-Id", "r3", "Logplex-Frame-Id", "-", "Logplex-Drain-Token", "-", "Content-Encoding", "gzip")},
	} {
		// A reader of unknown kind makes net/http send chunks.
		status, text, _, err := i.do(http.MethodPost, "/logs", c.h, io.NopCloser(bytes.NewReader(c.body)))
		if err != nil || status != 204 {
			t.Fatalf("%s: answered %d %q %v", c.name, status, text, err)
		}
	}
	var joined []byte
	for n, r := range stored(t, conn) {
		joined = append(joined, r.GetBody()...)
		if len(r.GetBody()) > 512<<10 {
			t.Errorf("part %d has %d bytes", n, len(r.GetBody()))
		}
	}
	want := bytes.Join([][]byte{logplextest.Body(t, "N23"), logplextest.Body(t, "N24"), large, large}, nil)
	if !bytes.Equal(joined, want) {
		t.Errorf("stored %d bytes of %d", len(joined), len(want))
	}
	if got := i.Counts().Frames.Load(); got != 1002 {
		t.Errorf("counted %d frames", got)
	}
	if got := i.Counts().Bytes.Load(); got != int64(len(want)) {
		t.Errorf("counted %d bytes of %d", got, len(want))
	}
}

func TestFactsAreKept(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	h := headers("X-Request-Id", "r1", "Traceparent", parent, "Tracestate", "vendor=1", "User-Agent", strings.Repeat("a", 300)+"\xff")
	before := time.Now().UnixNano()
	status, _, _, err := i.do(http.MethodPost, "/heroku/api/v1/drain/shop-1.eu?app=a\xff&env=x&env=y&other=z", h, bytes.NewReader(logplextest.Body(t, "N1")))
	if err != nil || status != 204 {
		t.Fatal(status, err)
	}
	r := stored(t, conn)[0]
	if got := r.GetReceivedNs(); got < before || got > time.Now().UnixNano() {
		t.Errorf("received at %d", got)
	}
	for _, c := range []struct{ what, got, want string }{
		{"door", r.GetDoor().String(), "DOOR_LOGPLEX"},
		{"credential", r.GetCredential(), "team_a"},
		{"drain token", r.GetDrainToken(), "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a"},
		{"frame id", r.GetFrameId(), "adc10463-d0e2-45d8-8a48-572c607b7a66"},
		{"request id", r.GetRequestId(), "r1"},
		{"app", r.GetFacts().GetPathApp(), "shop-1.eu"},
		{"user agent", r.GetFacts().GetUserAgent(), strings.Repeat("a", 256)},
		{"address", r.GetFacts().GetRemoteAddr(), "127.0.0.1"},
		{"count", r.GetFacts().GetMsgCount(), "1"},
		{"query", fmt.Sprint(r.GetQuery()), "map[env:x]"},
		{"traceparent", r.GetTrace().GetTraceparent(), parent},
		{"tracestate", r.GetTrace().GetTracestate(), "vendor=1"},
		{"body", string(r.GetBody()), string(logplextest.Body(t, "N1"))},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
}

// R21: what cannot be an identity is none, and a retry is not recognised.
func TestStrangeFrameIDs(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	for n, ids := range [][]string{
		{"a", "b"},
		{"a", "a"},
		{strings.Repeat("a", 8<<10)},
		{strings.Repeat("a", 129)},
		{"a\tb"},
		{"caf\xe9"},
		{""},
	} {
		drain := fmt.Sprintf("d.%d", n)
		for range 2 {
			h := headers("Logplex-Drain-Token", drain)
			h["Logplex-Frame-Id"] = ids
			if got := i.post(h, logplextest.Body(t, "N1")); got != 204 {
				t.Errorf("%.20q: answered %d", ids, got)
			}
		}
		if got := storedOf(t, conn, drain); len(got) != 2 {
			t.Errorf("%.20q: stored %d times", ids, len(got))
		}
	}
	for _, r := range stored(t, conn) {
		if r.GetFrameId() != "" {
			t.Errorf("kept frame id %q", r.GetFrameId())
		}
	}
}

// R20: drains of one app use several connections.
func TestParallelConnectionsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	const connections, batches = 5, 40
	var senders sync.WaitGroup
	for c := range connections {
		senders.Go(func() {
			for n := range batches {
				id := fmt.Sprintf("%d-%d", c, n)
				status, _, _, err := i.do(http.MethodPost, "/logs", headers("Logplex-Frame-Id", id), bytes.NewReader(line(id)))
				if err != nil || status != 204 {
					t.Errorf("%s: answered %d %v", id, status, err)
				}
			}
		})
	}
	senders.Wait()
	next := map[string]int{}
	for _, r := range stored(t, conn) {
		c, n, _ := strings.Cut(r.GetFrameId(), "-")
		if n != fmt.Sprint(next[c]) {
			t.Fatalf("connection %s: batch %s came, %d was due", c, n, next[c])
		}
		next[c]++
	}
	for c := range connections {
		if got := next[fmt.Sprint(c)]; got != batches {
			t.Errorf("connection %d: %d batches of %d", c, got, batches)
		}
	}
}

// R10: a body that ends before its declared length.
func TestShortBody(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	c, err := net.Dial("tcp", i.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := logplextest.Body(t, "N1")
	fmt.Fprintf(c, "POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", basic(":"+secret), len(body)+1, body)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || len(answer) > 0 {
		t.Errorf("answered %q %v", answer, err)
	}
	if cut, malformed := i.Counts().Cut.Load(), i.Counts().Malformed.Load(); cut != 1 || malformed != 0 {
		t.Errorf("counted %d cut, %d malformed", cut, malformed)
	}
	if got := stored(t, conn); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

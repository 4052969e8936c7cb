package ingest_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// hog begins a body of that length, of which sent bytes come.
func hog(t *testing.T, addr string, length, sent int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
		basic(":"+secret), length, strings.Repeat("x", sent))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// Large bodies share half of the memory: who finds no room is held, and taken
// when there is some. Small ones need not care.
func TestBodiesShareTheirMemory(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Logplex.MaxBody = 64 << 20
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	first := hog(t, i.addr, 64<<20, 1<<20)
	large := bytes.Repeat(logplextest.Body(t, "N1"), 5000)
	h := headers("Logplex-Frame-Id", "-")
	eventually(t, "there is no room for a second", func() bool { return i.post(h, large) == 503 })
	if got := i.post(h, logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("a small one: answered %d", got)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room again", func() bool { return i.post(h, large) == 204 })
}

// What is announced and does not come takes no room.
func TestAnnouncedBodiesHinderNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ announced, sent int }{{256 << 10, 0}, {256 << 10, 10}, {8 << 20, 0}, {8 << 20, 10}} {
		t.Run(fmt.Sprintf("%d of %d bytes", c.sent, c.announced), func(t *testing.T) {
			t.Parallel()
			i, _ := start(t)
			const hogs = 100
			for range hogs {
				hog(t, i.addr, c.announced, c.sent)
			}
			eventually(t, "all have come", func() bool { return i.Counts().Requests.Load() == hogs })
			for _, frames := range []int{1, 1000, 50_000} {
				if got := i.post(headers("Logplex-Frame-Id", "-"), bytes.Repeat(logplextest.Body(t, "N1"), frames)); got != 204 {
					t.Errorf("%d frames: answered %d", frames, got)
				}
			}
		})
	}
}

// Chunked bodies do not say how long they are, gzipped ones not how long they get.
func TestLargeBodiesOfUnknownLength(t *testing.T) {
	t.Parallel()
	line := line(strings.Repeat("x", 10_000))
	for _, c := range []struct {
		name    string
		maxBody config.Bytes
		frames  int
		senders int
		gzip    bool
	}{
		{"16 chunked of 5 MB at once", 8 << 20, 500, 16, false},
		{"16 gzipped of 5 MB at once", 8 << 20, 500, 16, true},
		{"one chunked of 20 MB", 64 << 20, 2000, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := settings()
			s.Ingest.Hold = 4 * time.Second
			s.Ingest.Logplex.MaxBody = c.maxBody
			i := run(t, open(t, ingest.Options{Config: s, Bus: connect(t, nats(t, t.TempDir(), -1), s)}))
			body, h := bytes.Repeat(line, c.frames), headers("Logplex-Frame-Id", "-")
			if c.gzip {
				body, h = gzipped(t, body), headers("Logplex-Frame-Id", "-", "Content-Encoding", "gzip")
			}
			var senders sync.WaitGroup
			for range c.senders {
				senders.Go(func() {
					status, text, _, err := i.do(http.MethodPost, "/logs", h, io.NopCloser(bytes.NewReader(body)))
					if err != nil || status != 204 {
						t.Errorf("answered %d %q %v", status, text, err)
					}
				})
			}
			senders.Wait()
		})
	}
}

// Bombs of 8 KiB that would be 8 MiB and more: no number of them takes more memory
// than bodies may.
func TestGzipBombs(t *testing.T) {
	i, _ := start(t)
	bomb, h := gzipped(t, make([]byte, 9<<20)), headers("Content-Encoding", "gzip")
	const most = 256 << 20
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var highest uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.Sys-m.HeapReleased)
			select {
			case <-done:
				peak <- highest
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var senders sync.WaitGroup
	for range 64 {
		senders.Go(func() {
			status, text, _, err := i.do(http.MethodPost, "/logs", h, bytes.NewReader(bomb))
			if err != nil || (status != 413 && status != 503) { // some find no room in time
				t.Errorf("answered %d %q %v", status, text, err)
			}
		})
	}
	senders.Wait()
	close(done)
	highest := <-peak
	if got := highest - min(highest, before.Sys-before.HeapReleased); got > most {
		t.Errorf("%d MiB were taken", got>>20)
	}
}

package inspector_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/inspector"
)

// stream is an open stream of server-sent events.
type stream struct {
	*testing.T

	lines  *bufio.Scanner
	cancel context.CancelFunc
}

// message is one of its messages.
type message struct{ event, id, data string }

func (f *fixture) stream(path string, header ...string) *stream {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	f.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+path, http.NoBody)
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := f.client.Transport.RoundTrip(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		f.Fatalf("%s: %s", path, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	return &stream{T: f.T, lines: lines, cancel: cancel}
}

// next is the next message of a kind.
func (s *stream) next(event string) message {
	s.Helper()
	var m message
	for s.lines.Scan() {
		switch name, value, _ := strings.Cut(s.lines.Text(), ": "); name {
		case "event":
			m.event = value
		case "id":
			m.id = value
		case "data":
			m.data = value
		case "":
			if m.event == event {
				return m
			}
			m = message{}
		default:
			s.Fatalf("line %q", s.lines.Text())
		}
	}
	s.Fatalf("the stream ends: %v", s.lines.Err())
	return m
}

// batch is the rows of a message.
type batch struct {
	HTML    string `json:"html"`
	Rows    int    `json:"rows"`
	Skipped int    `json:"skipped"`
}

func (s *stream) rows() (batch, string) {
	s.Helper()
	m := s.next("rows")
	var b batch
	if err := json.Unmarshal([]byte(m.data), &b); err != nil {
		s.Fatal(err)
	}
	if n := strings.Count(b.HTML, "<li "); n != b.Rows {
		s.Errorf("%d rows are said to be %d", n, b.Rows)
	}
	return b, m.id
}

func TestLive(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	f.post(`{"event":"before"}`)
	s := f.stream("/live?app=shop")
	if stats := s.next("stats").data; !strings.Contains(stats, `"received":"1"`) {
		t.Errorf("stats are %s", stats)
	}
	f.post(`{"event":"elsewhere","host":"bill"}{"event":"mine","host":"shop"}`)
	b, id := s.rows()
	if b.Rows != 1 || b.Skipped != 0 || id != "3" || !strings.Contains(b.HTML, "mine") || strings.Contains(b.HTML, "elsewhere") {
		t.Errorf("id %s: %+v", id, b)
	}
	f.post(`{"event":"more","host":"shop"}`)
	if b, id = s.rows(); b.Rows != 1 || id != "4" || !strings.Contains(b.HTML, "more") {
		t.Errorf("id %s: %+v", id, b)
	}
	for !strings.Contains(s.next("stats").data, `"received":"4"`) {
		continue
	}
}

func TestLiveStartsWhereTheBrowserIs(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	f.post(`{"event":"e1"}{"event":"e2"}{"event":"e3"}`)
	for _, c := range []struct {
		name, query, lastEventID string
		rows                     int
	}{
		{"from the page", "?after=1", "", 2},
		{"from the start", "?after=0", "", 3},
		{"reconnecting", "?after=0", "2", 1},
		{"no number", "?after=0", "x", 3},
		{"from before a restart", "?after=99", "", 3},
	} {
		b, id := f.stream("/live"+c.query, "Last-Event-ID", c.lastEventID).rows()
		if b.Rows != c.rows || id != "3" || b.Skipped != 0 {
			t.Errorf("%s: id %s, %d rows, %d skipped; want %d rows", c.name, id, b.Rows, b.Skipped, c.rows)
		}
		if first, last := strings.Index(b.HTML, "e3"), strings.LastIndex(b.HTML, "e3"); first > strings.Index(b.HTML+"e2", "e2") || last < 0 {
			t.Errorf("%s: the newest is not first", c.name)
		}
	}
}

// A browser that cannot keep up loses lines and is told how many.
func TestLiveIsBounded(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{MaxEvents: 200})
	f.post(strings.Repeat(`{"event":"flood","host":"shop"}`, 1000))
	b, id := f.stream("/live?after=0").rows()
	if b.Rows != 50 || b.Skipped != 950 || id != "1000" {
		t.Errorf("id %s, %d rows, %d skipped", id, b.Rows, b.Skipped)
	}
	b, _ = f.stream("/live?after=0&app=shop").rows()
	if b.Rows != 50 || b.Skipped != 150 {
		t.Errorf("filtered: %d rows, %d skipped of the 200 that are kept", b.Rows, b.Skipped)
	}
}

func TestLiveViewersAreBounded(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	var first *stream
	for range 32 {
		if s := f.stream("/live"); first == nil {
			first = s
		}
	}
	if r := f.get("/live"); r.status != http.StatusServiceUnavailable {
		t.Errorf("one page more: %d", r.status)
	}
	first.cancel()
	f.eventually("a place is free", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/live", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := f.client.Transport.RoundTrip(r)
		if err != nil {
			return false
		}
		cancel()
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// Open pages do not keep the inspector from stopping.
func TestLiveEndsWithTheInspector(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	s := f.stream("/live")
	s.next("stats")
	if err := f.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	for s.lines.Scan() {
		continue
	}
}

package inspector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// The stream to a browser is bounded, however busy the pipeline: so many rows,
	// so often. What does not fit is counted.
	liveRows     = 50
	liveInterval = 100 * time.Millisecond
	// statsInterval is also how soon a browser that is gone is noticed.
	statsInterval = time.Second
	// writePatience is for a browser that reads slowly.
	writePatience = 10 * time.Second

	maxViewers = 32
)

// live is the stream of server-sent events behind the page. It polls the sink
// instead of being told: a slow browser misses lines and holds up nobody.
func (i *Inspector) live(w http.ResponseWriter, r *http.Request) {
	defer i.viewers.Add(-1)
	if i.viewers.Add(1) > maxViewers {
		http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
		return
	}
	v := &viewer{sink: i.sink, filter: newFilter(r.URL.Query()), out: w, control: http.NewResponseController(w)}
	v.last = startAfter(r.Header.Get("Last-Event-ID"), r.URL.Query(), i.sink)
	w.Header().Set("Content-Type", "text/event-stream")
	if err := v.control.SetReadDeadline(time.Time{}); err != nil { // the request is read; its deadline would end the stream
		i.log.Warn("inspector: live updates end early", "error", err)
	}
	refresh := time.NewTicker(liveInterval)
	defer refresh.Stop()
	recount := time.NewTicker(statsInterval)
	defer recount.Stop()
	for err := v.sendStats(); err == nil; {
		select {
		case <-r.Context().Done():
			return
		case <-refresh.C:
			err = v.sendRows()
		case <-recount.C:
			err = v.sendStats()
		}
	}
}

// startAfter is the number of the last event a browser has: it says so itself
// when it reconnects, or its page does. A number from before a restart is none.
func startAfter(lastEventID string, query url.Values, s *sink) int64 {
	_, newest := s.since(0)
	for _, text := range []string{lastEventID, query.Get("after")} {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
			if n > newest {
				return 0
			}
			return n
		}
	}
	return newest
}

// viewer is one browser that is looking.
type viewer struct {
	sink    *sink
	filter  filter
	last    int64 // number of the last event that was sent or passed over
	out     http.ResponseWriter
	control *http.ResponseController
}

// rowsMessage is new rows, newest first, and how many more there would be.
type rowsMessage struct {
	HTML    string `json:"html"`
	Rows    int    `json:"rows"`
	Skipped int64  `json:"skipped"`
}

func (v *viewer) sendRows() error {
	entries, newest := v.sink.since(v.last)
	if newest == v.last {
		return nil
	}
	shown, more := v.filter.latest(entries, liveRows)
	skipped := int64(more)
	if v.filter.Empty() {
		skipped = newest - v.last - int64(len(shown)) // with those that came and went in between
	}
	v.last = newest
	if len(shown) == 0 {
		return nil
	}
	var html strings.Builder
	if err := templates.ExecuteTemplate(&html, "rows", rowsOf(shown)); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	return v.send("rows", rowsMessage{HTML: html.String(), Rows: len(shown), Skipped: skipped})
}

func (v *viewer) sendStats() error { return v.send("stats", summarise(v.sink.stats(time.Now()))) }

// send writes one message. JSON keeps its data in one line, as the format wants.
func (v *viewer) send(event string, data any) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\nid: %d\ndata: ", event, v.last)
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(data); err != nil {
		return fmt.Errorf("%s: %w", event, err)
	}
	b.WriteByte('\n')
	if err := v.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return fmt.Errorf("deadline: %w", err)
	}
	if _, err := v.out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := v.control.Flush(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

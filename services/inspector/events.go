package inspector

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// listing is an event as scripts read it.
type listing struct {
	Number   int64           `json:"number"`
	Arrived  time.Time       `json:"arrived"`
	App      string          `json:"app,omitempty"`
	Kind     string          `json:"kind,omitempty"`
	Text     string          `json:"text"`
	Envelope json.RawMessage `json:"envelope"`
}

// events is the latest events as JSON, newest first, with the page's filter and
// a limit: {"received":2,"events":[{"number":2,…},…]}.
func (i *Inspector) events(w http.ResponseWriter, r *http.Request) {
	const defaultLimit = 100
	limit := defaultLimit
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			http.Error(w, "limit is a number of events, 1 or more", http.StatusBadRequest)
			return
		}
	}
	kept, received := i.sink.since(0)
	entries, _ := newFilter(r.URL.Query()).latest(kept, limit)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := writeEvents(w, entries, received); err != nil {
		i.log.Debug("a listing was not read to its end", "error", err)
	}
}

// writeEvents writes one event at a time: all at once would be in memory twice.
func writeEvents(w io.Writer, entries []*entry, received int64) error {
	if _, err := fmt.Fprintf(w, `{"received":%d,"events":[`, received); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	separator := ""
	for _, e := range slices.Backward(entries) {
		if _, err := io.WriteString(w, separator); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		separator = ","
		l := listing{Number: e.Number, Arrived: e.Arrived.UTC(), App: e.App, Kind: e.Kind, Text: e.Text, Envelope: e.Envelope}
		if err := out.Encode(l); err != nil {
			return fmt.Errorf("event %d: %w", e.Number, err)
		}
	}
	if _, err := io.WriteString(w, "]}\n"); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// event is one envelope, byte by byte as it was sent to the event endpoint.
func (i *Inspector) event(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	e := i.sink.numbered(number)
	if e == nil {
		http.Error(w, "The event is not kept any more.", http.StatusNotFound)
		return
	}
	write(w, "application/json; charset=utf-8", string(e.Envelope))
}

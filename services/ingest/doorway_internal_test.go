package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
)

// Requests are measured by their answer, and what load balancers ask is none.
func TestAnswersAreMeasured(t *testing.T) {
	t.Parallel()
	m, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	reader := body.NewReader(1 << 20)
	d := &doorway{name: "hec", answers: m.Histograms("drainline_ingest_request_duration")}
	d.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := reader.Read(r.Context(), w, r, body.Limits{Compressed: 1000, Inflated: 1000, First: time.Minute, Upload: time.Minute}, false)
		switch {
		case errors.Is(err, body.ErrTooLarge):
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case err != nil:
			t.Error(err)
		case r.URL.Path == "/abort":
			panic(http.ErrAbortHandler)
		default:
			b.Release()
			w.WriteHeader(http.StatusOK)
		}
	})
	server := httptest.NewServer(d)
	defer server.Close()
	send := func(method, path string, size int) (status int, closed bool) {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, io.NopCloser(bytes.NewReader(make([]byte, size))))
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			return 0, true
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		return response.StatusCode, response.Close
	}
	send(http.MethodPost, "/", 10)
	send(http.MethodPost, "/", 10)
	send(http.MethodGet, "/healthz", 0)
	if status, _ := send(http.MethodPost, "/abort", 10); status != 0 {
		t.Errorf("answered %d", status)
	}
	// A body that is too large is not read to its end: the connection is closed.
	if status, closed := send(http.MethodPost, "/", 100_000); status != http.StatusRequestEntityTooLarge || !closed {
		t.Errorf("a body that is too large: answered %d, closed: %v", status, closed)
	}
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, m),
		`drainline_ingest_request_duration_seconds_count{door="hec",status="200"} 2`,
		`drainline_ingest_request_duration_seconds_count{door="hec",status="413"} 1`,
		`drainline_ingest_request_duration_seconds_count{door="hec",status="aborted"} 1`,
	)
}

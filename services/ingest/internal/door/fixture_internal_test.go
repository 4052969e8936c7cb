package door

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/telemetry"
)

//nolint:gochecknoglobals // a constant
var limits = config.Limits{Connections: 1000, Requests: 100, Header: 32 << 10, Compressed: 8 << 20, Upload: 20 * time.Second}

// open are settings that let in whoever says sesame.
func open() Settings {
	return Settings{
		Paths: []string{"/logs"}, Credentials: []Credential{{Name: "a", Secrets: []string{"sesame"}}},
		Hold: 4 * time.Second, MaxBody: 8 << 20, Limits: limits,
		QueryFields: []string{"app"}, AppFrom: []string{"drain", "path", "query", "hostname", "credential", "token"},
		UnknownDrains: config.AcceptDrains,
	}
}

// shelf is a store in memory.
type shelf struct {
	mu       sync.Mutex
	requests []*drainlinev1.Request
}

func (s *shelf) Store(_ context.Context, p *parcel.Parcel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range p.Parts {
		part.Request.Body = bytes.Clone(part.Request.GetBody())
		s.requests = append(s.requests, part.Request)
	}
	return nil
}

// take empties the shelf.
func (s *shelf) take() []*drainlinev1.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.requests
	s.requests = nil
	return taken
}

// nothing is wrong.
func nothing() error { return nil }

func newDoor(tb testing.TB, s Settings, store parcel.Store) *Door {
	tb.Helper()
	metrics, err := telemetry.New()
	if err != nil {
		tb.Fatal(err)
	}
	return New(Options{
		Store: store, Healthy: nothing, Stopping: nothing, Counts: NewCounts(metrics), Log: slog.New(slog.DiscardHandler),
	}, s)
}

// drainPost is what a drain sends; headers are pairs of names and values.
func drainPost(path, secret string, body io.Reader, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(":"+secret)))
	for ; len(headers) > 0; headers = headers[2:] {
		r.Header.Set(headers[0], headers[1])
	}
	return r
}

func (d *Door) answer(r *http.Request) int {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code
}

// frame is one line of an app.
func frame(text string) []byte {
	at := time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC)
	return logplex.AppendFrame(nil, 190, at, "host", "app", "web.1", text)
}

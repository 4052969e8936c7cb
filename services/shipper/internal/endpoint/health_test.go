package endpoint

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// indexer is a collector with a health of its own.
type indexer struct {
	url    string
	health atomic.Int64 // HTTP status; 0 hangs up
	events atomic.Int64 // code
}

func newIndexer(t *testing.T) *indexer {
	t.Helper()
	x := &indexer{}
	x.health.Store(http.StatusOK)
	x.url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case r.URL.Path == "/services/collector/health" && r.Method == http.MethodGet && r.Header.Get("Authorization") == "":
			if x.health.Load() == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(int(x.health.Load()))
		case x.events.Load() == int64(hec.Success) && r.ContentLength == 0:
			answer(w, hec.NoData)
		default:
			answer(w, hec.Code(x.events.Load()))
		}
	})
	return x
}

func TestHealthChecks(t *testing.T) {
	t.Parallel()
	a, b := newIndexer(t), newIndexer(t)
	c := client(t, nil, a.url, b.url)
	f := func(health int64, want State) {
		t.Helper()
		a.health.Store(health)
		c.checkHealth(t.Context())
		if got := c.URLs()[0].State; got != want {
			t.Errorf("health %d: %s, want %s", health, got, want)
		}
		if got := c.URLs()[1].State; got != Up {
			t.Errorf("the other one is %s", got)
		}
	}
	f(200, Up)
	f(503, Up)
	f(200, Up)
	f(503, Up)
	f(404, Up) // a proxy without this endpoint
	f(503, Up)
	f(503, Ejected) // in a row
	f(404, Ejected)
	f(200, Returning) // before its time
	f(0, Returning)
	f(0, Ejected) // no answer
	f(0, Ejected)
	f(200, Returning)

	for range ejectAfter {
		c.balancer.fail(c.balancer.targets[0], errToken)
	}
	a.events.Store(int64(hec.InvalidToken))
	f(200, Held) // it may be well, but has still the wrong token
	a.events.Store(int64(hec.Success))
	f(404, Returning) // it takes events, whatever its health
	if err := c.URLs()[0].Error; !strings.Contains(err, "health endpoint") {
		t.Errorf("why it was ejected: %q", err)
	}
	for range 8 {
		if _, err := c.Send(t.Context(), events()); err != nil {
			t.Error(err)
		}
	}
	if u := c.URLs()[0]; u.State != Up || u.Error != "" {
		t.Errorf("%+v", u)
	}
}

func TestStartChecksHealth(t *testing.T) {
	t.Parallel()
	a, b := newIndexer(t), newIndexer(t)
	a.health.Store(http.StatusServiceUnavailable)
	var log bytes.Buffer
	c := clientWithLog(t, slog.New(slog.NewTextHandler(&log, nil)),
		func(d *config.Destination) { d.Health.Interval = time.Millisecond }, a.url, b.url)
	c.Start()
	c.Start()
	poll(t, "the one that is unwell is ejected", func() bool { return c.URLs()[0].State == Ejected })
	a.health.Store(http.StatusOK)
	poll(t, "it returns", func() bool { return c.URLs()[0].State == Returning })
	c.Close()
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "HTTP status 503 of its health endpoint") {
		t.Errorf("log: %s", said)
	}
}

func TestStartLeavesSingleURLAlone(t *testing.T) {
	t.Parallel()
	x := newIndexer(t)
	x.health.Store(http.StatusServiceUnavailable)
	c := client(t, func(d *config.Destination) { d.Health.Interval = time.Millisecond }, x.url)
	c.Start()
	if c.end != nil {
		t.Error("it is checked")
	}
	for range 3 {
		c.checkHealth(t.Context())
	}
	if got := c.URLs()[0].State; got != Up {
		t.Error(got)
	}
}

func TestStartChecksNothingForDiscard(t *testing.T) {
	t.Parallel()
	c := client(t, func(d *config.Destination) { d.Type, d.Health.Interval = config.TypeDiscard, time.Millisecond })
	c.Start()
	if c.end != nil {
		t.Error("no URL is checked")
	}
}

// poll waits until something holds.
func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not so: %s", what)
		}
	}
}

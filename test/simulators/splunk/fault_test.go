package splunk_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	const busy = `{"text":"Server is busy","code":9}`
	for _, c := range []struct {
		name   string
		fault  splunk.Response
		status int // 0 for a broken connection
		answer string
		retry  string
		events int64
	}{
		{"refuses", splunk.Response{Status: 503, Body: busy, RetryAfter: 7 * time.Second}, 503, busy, "7", 0},
		{"accepts and denies it", splunk.Response{Status: 503, Body: busy, Accept: true}, 503, busy, "", 1},
		{"late", splunk.Response{Delay: time.Millisecond}, 200, success, "", 1},
		{"cut", splunk.Response{Cut: true}, 0, "", "", 0},
		{"accepts and cuts", splunk.Response{Cut: true, Accept: true}, 0, "", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := splunk.New(options())
			sim.SetFault(splunk.Sequence(c.fault))
			server := httptest.NewServer(sim)
			defer server.Close()
			if got := post(t.Context(), server.URL); got.status != c.status || got.body != c.answer || got.retryAfter != c.retry {
				t.Errorf("got %+v, want %d %s and Retry-After %q", got, c.status, c.answer, c.retry)
			}
			if got := sim.Count(); got != c.events {
				t.Errorf("indexed %d events, want %d", got, c.events)
			}
			if got := post(t.Context(), server.URL); got.status != http.StatusOK || got.body != success {
				t.Errorf("after the fault got %+v", got)
			}
		})
	}
}

// A result is an answer, or the error in place of one.
type result struct {
	status           int
	body, retryAfter string
	err              error
}

func post(ctx context.Context, url string) result {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/services/collector", strings.NewReader(`{"event":"a"}`))
	if err != nil {
		return result{err: err}
	}
	r.Header.Set("Authorization", "Splunk "+good)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return result{response.StatusCode, string(body), response.Header.Get("Retry-After"), err}
}

func TestDelayEndsWithTheClient(t *testing.T) {
	t.Parallel()
	sim := splunk.New(options())
	arrived := make(chan struct{})
	sim.SetFault(func(*http.Request) *splunk.Response {
		close(arrived)
		return &splunk.Response{Status: http.StatusServiceUnavailable, Delay: time.Hour}
	})
	server := httptest.NewServer(sim)
	defer server.Close() // waits for the handler
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if got := post(ctx, server.URL); !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %+v", got)
	}
}

func TestFaultEnds(t *testing.T) {
	t.Parallel()
	sim := splunk.New(options())
	sim.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Status: http.StatusTeapot} })
	if status, _ := do(t, sim, `{"event":"a"}`); status != http.StatusTeapot {
		t.Errorf("got %d", status)
	}
	sim.SetFault(nil)
	if status, answer := do(t, sim, `{"event":"a"}`); status != http.StatusOK {
		t.Errorf("got %d %s", status, answer)
	}
}

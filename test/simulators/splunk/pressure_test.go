package splunk_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestPressure(t *testing.T) {
	t.Parallel()
	const (
		good    = `200 {"text":"Success","code":0,"ackId":%d}`
		warning = `200 {"text":"HEC queue is approaching its capacity limit","code":24,"ackId":%d}`
		busy    = `503 {"text":"Server is busy","code":9,"invalid-event-number":0}`
		full    = `429 {"text":"HEC queue is at capacity and cannot process any more requests","code":26}`
	)
	for _, c := range []struct {
		name         string
		backpressure bool
		want         []string // of requests that come while those before are in progress
	}{
		{"classic", false, []string{good, good, good, good, good, busy, busy}},
		{"backpressure", true, []string{good, good, good, good, warning, full, full}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := withAcks(splunk.AckOptions{})
				o.Capacity, o.Work, o.Backpressure = 5, time.Second, c.backpressure
				sim := splunk.New(o)
				answers := make([]chan string, len(c.want))
				for i := range answers {
					answers[i] = make(chan string, 1)
					go func() {
						time.Sleep(time.Duration(i) * time.Millisecond) // one after another
						answers[i] <- serve(t, sim, "event", channel, `{"event":"a"}`)
					}()
				}
				time.Sleep(500 * time.Millisecond)
				if got := health(t, sim); got != `503 {"text":"HEC is unhealthy, queues are full","code":18}` {
					t.Errorf("health is %s", got)
				}
				for i, want := range c.want {
					if i < o.Capacity {
						want = fmt.Sprintf(want, i)
					}
					if got := <-answers[i]; got != want {
						t.Errorf("request %d: got %s, want %s", i, got, want)
					}
				}
				if got := health(t, sim); got != `200 {"text":"HEC is healthy","code":17}` || sim.Count() != 5 {
					t.Errorf("in the end health is %s, with %d events", got, sim.Count())
				}
			})
		})
	}
}

// health asks without a network.
func health(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/services/collector/health", http.NoBody))
	return fmt.Sprint(w.Code, " ", w.Body)
}

package splunk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	const (
		busy  = `{"text":"Server is busy","code":9}`
		named = `{"text":"Invalid data format","code":6,"invalid-event-number":1}`
		page  = `<!doctype html><html><head><meta http-equiv="content-type" content="text/html; charset=UTF-8">` +
			"<title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1><p>Bad Gateway.</p></body></html>\r\n"
		json, html = "application/json; charset=UTF-8", "text/html; charset=UTF-8"
	)
	moved := http.Header{"Location": {"/there"}, "Set-Cookie": {"a=b"}, "Retry-After": {"Wed, 21 Oct 2015 07:28:00 GMT"}}
	for _, c := range []struct {
		name   string
		fault  splunk.Response
		status int // 0 for a broken connection
		answer string
		kind   string
		retry  string
		events int64 // indexed, of three
		denied int64 // of those, without the client being told
	}{
		{"refuses", splunk.Response{Status: 503, Body: busy, RetryAfter: 7 * time.Second}, 503, busy, json, "7", 0, 0},
		{"accepts and denies it", splunk.Response{Status: 503, Body: busy, Accept: true}, 503, busy, json, "", 3, 3},
		{"code", splunk.Response{Code: 9, RetryAfter: time.Second}, 503, busy, json, "1", 0, 0},
		{"code with number", splunk.Response{Code: 6, Named: true, InvalidEvent: 1}, 400, named, json, "", 0, 0},
		{"prefix", splunk.Response{Code: 6, Named: true, InvalidEvent: 1, KeepPrefix: 1}, 400, named, json, "", 1, 1},
		{"long prefix", splunk.Response{Status: 503, Body: busy, KeepPrefix: 9}, 503, busy, json, "", 3, 3},
		{"page", splunk.HTML(502), 502, page, html, "", 0, 0},
		{"empty", splunk.Response{Status: 200}, 200, "", json, "", 0, 0},
		{"truncated", splunk.Truncated(), 200, success[:len(success)/2], json, "", 3, 3},
		{"redirect", splunk.Response{Status: 307, Header: moved}, 307, "", json, "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0},
		{"header of the usual answer", splunk.Response{Header: moved}, 200, success, json, "Wed, 21 Oct 2015 07:28:00 GMT", 3, 0},
		{"late", splunk.Response{Delay: time.Millisecond}, 200, success, json, "", 3, 0},
		{"cut before the body", splunk.Response{CutBefore: true}, 0, "", "", "", 0, 0},
		{"cut", splunk.Response{Cut: true}, 0, "", "", "", 0, 0},
		{"prefix and cut", splunk.Response{Cut: true, KeepPrefix: 2}, 0, "", "", "", 2, 2},
		{"accepts and cuts", splunk.Response{Cut: true, Accept: true}, 0, "", "", "", 3, 3},
	} {
		for _, fast := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, fast), func(t *testing.T) {
				t.Parallel()
				o := options()
				o.Fast = fast
				sim := splunk.New(o)
				sim.SetFault(splunk.Sequence(c.fault))
				server := httptest.NewServer(sim)
				defer server.Close()
				got := post(t.Context(), server.URL)
				if got.status != c.status || got.body != c.answer || got.kind != c.kind || got.retryAfter != c.retry {
					t.Errorf("got %+v, want %d %s %s and Retry-After %q", got, c.status, c.kind, c.answer, c.retry)
				}
				if got := sim.Stats(); got.Events != c.events || got.Unconfirmed != c.denied {
					t.Errorf("indexed %d events, %d without telling, want %d and %d", got.Events, got.Unconfirmed, c.events, c.denied)
				}
				if got := post(t.Context(), server.URL); got.status != http.StatusOK || got.body != success {
					t.Errorf("after the fault got %+v", got)
				}
			})
		}
	}
}

// TestCodes holds the whole table against Splunk's, as published.
func TestCodes(t *testing.T) {
	t.Parallel()
	for code, want := range []string{
		"200 Success",
		"403 Token disabled",
		"401 Token is required",
		"401 Invalid authorization",
		"403 Invalid token",
		"400 No data",
		"400 Invalid data format",
		"400 Incorrect index",
		"500 Internal server error",
		"503 Server is busy",
		"400 Data channel is missing",
		"400 Invalid data channel",
		"400 Event field is required",
		"400 Event field cannot be blank",
		"400 ACK is disabled",
		"400 Error in handling indexed fields",
		"400 Query string authorization is not enabled",
		"200 HEC is healthy",
		"503 HEC is unhealthy, queues are full",
		"503 HEC is unhealthy, ack service unavailable",
		"503 HEC is unhealthy, queues are full, ack service unavailable",
		"400 Invalid token",
		"400 Token disabled",
		"503 Server is shutting down",
		"200 HEC queue is approaching its capacity limit",
		"200 HEC ACK is approaching its capacity limit",
		"429 HEC queue is at capacity and cannot process any more requests",
		"429 HEC ACK channel is at capacity and cannot process any more requests",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			sim := splunk.New(options())
			sim.SetFault(splunk.First(1, splunk.Response{Code: code}))
			status, answer := do(t, sim, `{"event":"a"}`)
			wantStatus, text, _ := strings.Cut(want, " ")
			if fmt.Sprint(status) != wantStatus || answer != fmt.Sprintf(`{"text":%q,"code":%d}`, text, code) {
				t.Errorf("got %d %s", status, answer)
			}
			if taken := code == 0 || code == 24 || code == 25; taken != (sim.Count() == 1) || sim.Stats().Unconfirmed != 0 {
				t.Errorf("indexed %d events", sim.Count())
			}
		})
	}
}

func TestWarningsKeepTheAnswer(t *testing.T) {
	t.Parallel()
	sim := splunk.New(withAcks(splunk.AckOptions{}))
	sim.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Code: 25} })
	const want = `200 {"text":"HEC ACK is approaching its capacity limit","code":25,"ackId":0}`
	if got := serve(t, sim, "event", channel, `{"event":"a"}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := serve(t, sim, "event", channel, ``); got != `400 {"text":"No data","code":5}` {
		t.Errorf("of nothing got %s", got)
	}
}

// The answer that tells of acknowledgement is lost, so nobody knows.
func TestAckAnswerIsLost(t *testing.T) {
	t.Parallel()
	sim := splunk.New(withAcks(splunk.AckOptions{}))
	serve(t, sim, "event", channel, `{"event":"a"}{"event":"b"}`)
	sim.SetFault(splunk.Sequence(splunk.Response{Status: 502, Accept: true}))
	serve(t, sim, "ack", channel, `{"acks":[0]}`)
	if got := serve(t, sim, "ack", channel, `{"acks":[0]}`); got != `200 {"acks":{"0":false}}` || sim.Stats().Unconfirmed != 2 {
		t.Errorf("got %s and %+v", got, sim.Stats())
	}
}

// played tells for each of n POSTs whether it gets the fault.
func played(t *testing.T, f func(*http.Request) *splunk.Response, n int) string {
	t.Helper()
	var got strings.Builder
	for range n {
		if f(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)) != nil {
			t.Error("a GET gets the fault")
		}
		if f(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)) != nil {
			got.WriteByte('x')
		} else {
			got.WriteByte('.')
		}
	}
	return got.String()
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	var r splunk.Response
	for _, c := range []struct {
		name string
		f    func(*http.Request) *splunk.Response
		want string
	}{
		{"sequence", splunk.Sequence(r, r), "xx........"},
		{"first", splunk.First(3, r), "xxx......."},
		{"none", splunk.First(0, r), ".........."},
		{"no share", splunk.Share(0, 0, r), ".........."},
		{"share", splunk.Share(30, 0, r), "x.x..x...."},
		{"the same share", splunk.Share(30, 0, r), "x.x..x...."},
		{"from elsewhere", splunk.Share(30, 1, r), ".x..x....x"},
		{"all", splunk.Share(100, 7, r), "xxxxxxxxxx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := played(t, c.f, 10); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, percent := range []int{1, 10, 50, 99} {
		got := strings.Count(played(t, splunk.Share(percent, 42, r), 1000), "x")
		if got < percent*10-10 || got > percent*10+10 {
			t.Errorf("%d of 1000, want %d %%", got, percent)
		}
	}
}

func TestFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := splunk.For(time.Minute, splunk.Response{})
		time.Sleep(time.Hour)
		for _, want := range []string{"x", "x", "."} {
			if got := played(t, f, 1); got != want {
				t.Errorf("at %v got %s, want %s", time.Now(), got, want)
			}
			time.Sleep(30 * time.Second)
		}
	})
}

// A result is an answer, or the error in place of one.
type result struct {
	status                 int
	body, kind, retryAfter string
	err                    error
}

func post(ctx context.Context, url string) result {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/services/collector", strings.NewReader(`{"event":"a"}{"event":"b"}{"event":"c"}`))
	if err != nil {
		return result{err: err}
	}
	r.Header.Set("Authorization", "Splunk "+good)
	response, err := http.DefaultTransport.RoundTrip(r) // which follows no redirects
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return result{response.StatusCode, string(body), response.Header.Get("Content-Type"), response.Header.Get("Retry-After"), err}
}

func TestAnswerEndsWithTheClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  splunk.Response
		events int64
	}{
		{"late", splunk.Response{Status: 503, Delay: time.Hour}, 0},
		{"late after it was taken", splunk.Response{Delay: time.Hour}, 3},
		{"stalls", splunk.Response{Stall: true}, 0},
		{"stalls after it was taken", splunk.Response{Stall: true, Accept: true}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := splunk.New(options())
			arrived := make(chan struct{})
			sim.SetFault(func(*http.Request) *splunk.Response {
				close(arrived)
				return &c.fault
			})
			server := httptest.NewServer(sim)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			go func() {
				for <-arrived; sim.Count() < c.events && ctx.Err() == nil; {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			if got := post(ctx, server.URL); !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %+v", got)
			}
			server.Close() // waits for the handler
			if got := sim.Stats(); got.Events != c.events || got.Unconfirmed != c.events {
				t.Errorf("got %+v", got)
			}
		})
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

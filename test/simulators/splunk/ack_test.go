package splunk_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	acked   = "44444444-4444-4444-4444-444444444444"
	channel = "FE0ECFAD-13D5-401B-847D-77833BD77131"
	other   = "00000000-0000-0000-0000-000000000001"
)

// serve answers a request without a network, for tests with a false clock.
func serve(t *testing.T, h http.Handler, endpoint, channel, body string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/services/collector/"+endpoint, strings.NewReader(body))
	r.Header.Set("Authorization", "Splunk "+acked)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Splunk-Request-Channel", channel)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprint(w.Code, " ", w.Body)
}

func withAcks(acks splunk.AckOptions) splunk.Options {
	o := options()
	o.Tokens[acked] = splunk.Token{UseACK: true}
	o.Acks = acks
	return o
}

func issued(id int) string {
	return fmt.Sprintf(`200 {"text":"Success","code":0,"ackId":%d}`, id)
}

func TestAckRequests(t *testing.T) {
	t.Parallel()
	const (
		ack, event = "/services/collector/ack", "/services/collector/event"
		missing    = `{"text":"Data channel is missing","code":10}`
		invalid    = `{"text":"Invalid data channel","code":11}`
		off        = `{"text":"ACK is disabled","code":14}`
		format     = `{"text":"Invalid data format","code":6}`
		first      = `{"text":"Success","code":0,"ackId":0}`
		ok, zero   = `{"event":"a"}`, `{"acks":[0]}`
		no         = `{"acks":{"0":false}}`
	)
	type edits = []func(*http.Request)
	token := header("Authorization", "Splunk "+acked)
	on := header("X-Splunk-Request-Channel", channel)
	for _, c := range []struct {
		name, path, body string
		edits            edits
		status           int
		answer           string
	}{
		{"V37 no channel", event, ok, edits{token}, 400, missing},
		{"V37 raw, no channel", "/services/collector/raw", "x", edits{token}, 400, missing},
		{"empty channel", event, ok, edits{token, query("channel")}, 400, missing},
		{"V38 channel", event, ok, edits{token, header("X-Splunk-Request-Channel", "abc")}, 400, invalid},
		{"channel comes before the body", event, "", edits{token}, 400, missing},
		{"channel by header", event, ok, edits{token, on}, 200, first},
		{"channel by query", event, ok, edits{token, query("channel=" + channel)}, 200, first},
		{"raw", "/services/collector/raw", "x", edits{token, on}, 200, first},
		{"V40 token without, no channel", ack, zero, nil, 400, off},
		{"no token", ack, zero, edits{header("Authorization", "")}, 401, `{"text":"Token is required","code":2}`},
		{"no channel to ask", ack, zero, edits{token}, 400, missing},
		{"bad channel to ask", ack, zero, edits{token, query("channel=abc")}, 400, invalid},
		{"V41 another channel", ack, zero, edits{token, on}, 200, no},
		{"versioned path", ack + "/1.0", zero, edits{token, query("channel=" + channel)}, 200, no},
		{"gzip", ack, zip(t, zero), edits{token, on, header("Content-Encoding", "gzip")}, 200, no},
		{"twice the same", ack, `{"acks":[0,0]}`, edits{token, on}, 200, no},
		{"V42 empty", ack, ``, edits{token, on}, 400, format},
		{"V42 no list", ack, `{}`, edits{token, on}, 400, format},
		{"V42 empty list", ack, `{"acks":[]}`, edits{token, on}, 400, format},
		{"V42 string", ack, `{"acks":["0"]}`, edits{token, on}, 400, format},
		{"V42 negative", ack, `{"acks":[-1]}`, edits{token, on}, 400, format},
		{"not gzip", ack, zero, edits{token, on, header("Content-Encoding", "gzip")}, 400, "<!doctype html>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, answer := do(t, splunk.New(withAcks(splunk.AckOptions{})), c.body, append(edits{path(c.path)}, c.edits...)...)
			if status != c.status || answer != c.answer && (c.answer[0] != '<' || !strings.HasPrefix(answer, c.answer)) {
				t.Errorf("got %d %s, want %d %s", status, answer, c.status, c.answer)
			}
		})
	}
}

func TestAcks(t *testing.T) {
	t.Parallel()
	sim := splunk.New(withAcks(splunk.AckOptions{}))
	f := func(endpoint, channel, body, want string) {
		t.Helper()
		if got := serve(t, sim, endpoint, channel, body); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for id := range 3 {
		f("event", channel, `{"event":"id=a"}{"event":"id=b"}`, issued(id))
	}
	f("event", other, `{"event":"a"}`, issued(0))
	if got := sim.Stats(); got.Unconfirmed != 7 || got.AckChannels != 2 {
		t.Errorf("before it was asked: %+v", got)
	}
	f("event", channel, `{"event":""}`, `400 {"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`)
	f("ack", channel, `{"acks":[0,2,3,2]}`, `200 {"acks":{"0":true,"2":true,"3":false}}`)
	f("ack", strings.ToLower(channel), `{"acks":[0,1,2,3]}`, `200 {"acks":{"0":false,"1":true,"2":false,"3":false}}`)
	f("event", channel, `{"event":"a"}`, issued(3))
	if got := sim.Stats(); got.Acked != 3 || got.AckQueries != 2 || got.Unconfirmed != 2 || got.Events != 8 || got.AckChannels != 2 {
		t.Errorf("got %+v", got)
	}
	sim.Restart()
	f("ack", channel, `{"acks":[3]}`, `200 {"acks":{"3":false}}`)
	f("event", channel, `{"event":"a"}`, issued(0))
	if got := sim.Stats(); got.AckChannels != 1 || got.Unconfirmed != 3 {
		t.Errorf("after the restart: %+v", got)
	}
}

func TestAckTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := splunk.New(withAcks(splunk.AckOptions{Delay: 3 * time.Second}))
		f := func(endpoint, body, want string) {
			t.Helper()
			if got := serve(t, sim, endpoint, channel, body); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		f("event", `{"event":"a"}`, issued(0))
		time.Sleep(2 * time.Second)
		f("ack", `{"acks":[0]}`, `200 {"acks":{"0":false}}`)
		time.Sleep(time.Second)
		f("ack", `{"acks":[0]}`, `200 {"acks":{"0":true}}`)

		f("event", `{"event":"a"}`, issued(1))
		time.Sleep(599 * time.Second)
		f("ack", `{"acks":[9]}`, `200 {"acks":{"9":false}}`) // a query keeps the channel too
		time.Sleep(599 * time.Second)
		f("ack", `{"acks":[1]}`, `200 {"acks":{"1":true}}`)
		f("event", `{"event":"a"}`, issued(2))
		time.Sleep(660 * time.Second)
		f("ack", `{"acks":[2]}`, `200 {"acks":{"2":false}}`)
		f("event", `{"event":"a"}`, issued(0))
	})
}

func TestAckShares(t *testing.T) {
	t.Parallel()
	const requests = 200
	sim := splunk.New(withAcks(splunk.AckOptions{NeverShare: 10, LoseShare: 5}))
	ids := make([]string, requests)
	for i := range requests {
		if got := serve(t, sim, "event", channel, fmt.Sprintf(`{"event":"id=%d"}`, i)); got != issued(i) {
			t.Fatal(got)
		}
		ids[i] = fmt.Sprint(i)
	}
	answer := serve(t, sim, "ack", channel, `{"acks":[`+strings.Join(ids, ",")+`]}`)
	lost, unknown := len(sim.Ledger().Missing(ids)), strings.Count(answer, "false")
	if lost < 9 || lost > 11 || unknown < 28 || unknown > 32 || sim.Stats().Unconfirmed != int64(unknown-lost) {
		t.Errorf("%d lost, %d not acknowledged, %+v", lost, unknown, sim.Stats())
	}
}

func TestAckLimits(t *testing.T) {
	t.Parallel()
	const warning = `200 {"text":"HEC ACK is approaching its capacity limit","code":25,"ackId":4}`
	for _, c := range []struct {
		backpressure bool
		last, full   string
	}{
		{false, issued(4), `503 {"text":"Server is busy","code":9}`},
		{true, warning, `429 {"text":"HEC ACK channel is at capacity and cannot process any more requests","code":27}`},
	} {
		o := withAcks(splunk.AckOptions{MaxPending: 5})
		o.Backpressure = c.backpressure
		sim := splunk.New(o)
		for id, want := range []string{issued(0), issued(1), issued(2), issued(3), c.last, c.full} {
			if got := serve(t, sim, "event", channel, `{"event":"a"}`); got != want {
				t.Errorf("id %d: got %s, want %s", id, got, want)
			}
		}
		if sim.Count() != 5 {
			t.Errorf("indexed %d events", sim.Count())
		}
		serve(t, sim, "ack", channel, `{"acks":[0]}`)
		if got := serve(t, sim, "event", channel, `{"event":"a"}`); !strings.HasPrefix(got, "200 ") {
			t.Errorf("after an acknowledgement got %s", got)
		}
	}
}

func TestAckFast(t *testing.T) {
	t.Parallel()
	o := withAcks(splunk.AckOptions{LoseShare: 100})
	var ids bytes.Buffer
	o.Fast, o.Ledger = true, &ids
	sim := splunk.New(o)
	if got := serve(t, sim, "event", channel, `{"event":"id=a"}`); got != issued(0) || sim.Count() != 0 || ids.Len() > 0 {
		t.Errorf("got %s, %d events and ids %q", got, sim.Count(), &ids)
	}
}

package inspector_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/inspector"
)

func TestCollector(t *testing.T) {
	t.Parallel()
	const (
		success  = `{"text":"Success","code":0}`
		notFound = `{"text":"The requested URL was not found on this server.","code":404}`
		healthy  = `{"text":"HEC is healthy","code":17}`
		one      = `{"event":"hello"}`
	)
	f := start(t, inspector.Options{})
	twoMembers := zip(t, `{"event":"a"}`) + zip(t, `{"event":"b"}`)
	for _, c := range []struct {
		name, method, path, encoding, body string
		status                             int
		answer                             string
		events                             int64
	}{
		{"event", "POST", "/services/collector/event", "", one, 200, success, 1},
		{"event/1.0", "POST", "/services/collector/event/1.0", "", `{"event":"a"}{"event":"b"}`, 200, success, 2},
		{"collector", "POST", "/services/collector", "", `[{"event":"a"},{"event":"b"}]`, 200, success, 2},
		{"1.0", "POST", "/services/collector/1.0", "", one, 200, success, 1},
		{"gzip", "POST", "/services/collector", "gzip", zip(t, one), 200, success, 1},
		{"gzip in capitals", "POST", "/services/collector", "GZIP", zip(t, one), 200, success, 1},
		{"gzip in two members", "POST", "/services/collector", "gzip", twoMembers, 200, success, 2},
		{"identity", "POST", "/services/collector", "identity", one, 200, success, 1},
		{"not gzip", "POST", "/services/collector", "gzip", "not gzip", 400, `{"text":"Invalid data format","code":6}`, 0},
		{"half of gzip", "POST", "/services/collector", "gzip", zip(t, one)[:20], 400, `{"text":"Invalid data format","code":6}`, 0},
		{"brotli", "POST", "/services/collector", "br", one, 415, `{"text":"The content encoding is not supported.","code":415}`, 0},
		{
			"bomb", "POST", "/services/collector", "gzip", strings.Repeat(zip(t, strings.Repeat(" ", 1<<20)), 65), 413,
			`{"text":"The request your client sent was too large.","code":413}`, 0,
		},
		{"empty", "POST", "/services/collector", "", "", 400, `{"text":"No data","code":5}`, 0},
		{
			"nothing of a bad request", "POST", "/services/collector", "", `{"event":"ok"}{"event":""}`, 400,
			`{"text":"Event field cannot be blank","code":13,"invalid-event-number":1}`, 0,
		},
		{
			"broken", "POST", "/services/collector", "", `{not json`, 400,
			`{"text":"Invalid data format","code":6,"invalid-event-number":0}`, 0,
		},
		{"OPTIONS", "OPTIONS", "/services/collector/event/1.0", "", "", 200, "", 0},
		{"GET", "GET", "/services/collector", "", "", 405, notFound, 0},
		{"PUT", "PUT", "/services/collector/event", "", one, 405, notFound, 0},
		{"health", "GET", "/services/collector/health", "", "", 200, healthy, 0},
		{"health/1.0", "GET", "/services/collector/health/1.0", "", "", 200, healthy, 0},
		{"POST of health", "POST", "/services/collector/health", "", "", 405, notFound, 0},
		{"raw", "POST", "/services/collector/raw", "", "one\r\ntwo\n\n  \nthree", 200, success, 3},
		{"raw/1.0", "POST", "/services/collector/raw/1.0", "", "{not json\n", 200, success, 1},
		{"raw with gzip", "POST", "/services/collector/raw", "gzip", zip(t, "one\ntwo\n"), 200, success, 2},
		{"raw without lines", "POST", "/services/collector/raw", "", "\n\r\n", 400, `{"text":"No data","code":5}`, 0},
		{"raw of a bad time", "POST", "/services/collector/raw?time=noon", "", "x", 400, `{"text":"Invalid data format","code":6}`, 0},
		{"raw with OPTIONS", "OPTIONS", "/services/collector/raw/1.0", "", "", 200, "", 0},
		{"raw with GET", "GET", "/services/collector/raw", "", "", 405, notFound, 0},
		{"elsewhere", "POST", "/services/collector/nope", "", one, 404, notFound, 0},
		{"probe", "GET", "/healthz", "", "", 200, "ok\n", 0},
	} {
		before := f.events(nil).Received
		r := f.do(c.method, c.path, c.body, "Content-Encoding", c.encoding, "Authorization", "Splunk any")
		if r.status != c.status || r.body != c.answer {
			t.Errorf("%s: %d %s, want %d %s", c.name, r.status, r.body, c.status, c.answer)
		}
		if strings.HasPrefix(c.answer, "{") && r.header.Get("Content-Type") != "application/json; charset=UTF-8" {
			t.Errorf("%s: answered as %s", c.name, r.header.Get("Content-Type"))
		}
		if got := f.events(nil).Received - before; got != c.events {
			t.Errorf("%s: %d events, want %d", c.name, got, c.events)
		}
	}
}

func TestCollectorRefusesADeclaredLength(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/services/collector", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 999_999_999
	r.Header.Set("Expect", "100-continue") // else the client fails first, on a body that is shorter
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %s", response.Status)
	}
}

func TestOldEventsGo(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{MaxEvents: 3})
	f.post(`{"event":1}{"event":2}`)
	f.post(`{"event":3}{"event":4}`)
	if l := f.events(nil); l.texts() != "4 3 2" || l.Received != 4 || l.Events[0].Number != 4 {
		t.Errorf("kept %+v", l)
	}
	var many strings.Builder
	for i := range 10 {
		fmt.Fprintf(&many, `{"event":"%d"}`, i)
	}
	f.post(many.String())
	if l := f.events(nil); l.texts() != "9 8 7" || l.Received != 14 || l.Events[2].Number != 12 {
		t.Errorf("kept %+v", l)
	}
}

func TestAppAndKind(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	for _, c := range []struct{ envelope, app, kind string }{
		{`{"event":"x"}`, "", ""},
		{`{"event":"x","host":"shop","sourcetype":"heroku:router"}`, "shop", "router"},
		{`{"event":"x","host":"shop","sourcetype":"nginx"}`, "shop", ""},
		{`{"event":"x","host":"d.1","sourcetype":"nginx","fields":{"heroku_app":"shop","heroku_kind":"api"}}`, "shop", "api"},
		{`{"event":"x","fields":{"heroku_app":7}}`, "7", ""},
	} {
		f.post(c.envelope)
		if e := f.events(nil).Events[0]; e.App != c.app || e.Kind != c.kind {
			t.Errorf("%s: app %q, kind %q; want %q, %q", c.envelope, e.App, e.Kind, c.app, c.kind)
		}
	}
}

func TestRawLines(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	f.do(http.MethodPost, "/services/collector/raw?host=shop&source=web&sourcetype=heroku:app&index=main&time=1714564800.5",
		"{\"event\":\"forged\"}\nhe said \"\xff\"\r\n")
	f.do(http.MethodPost, "/services/collector/raw", "alone")
	const shop = `{"time":1714564800.500000,"host":"shop","source":"web","sourcetype":"heroku:app","index":"main","event":`
	for i, want := range []struct{ text, app, kind, envelope string }{
		{"alone", "", "", `{"event":"alone"}`},
		{"he said \"\uFFFD\"", "shop", "app", shop + `"he said \"` + "\uFFFD" + `\""}`},
		{`{"event":"forged"}`, "shop", "app", shop + `"{\"event\":\"forged\"}"}`},
	} {
		e := f.events(nil).Events[i]
		if e.Text != want.text || e.App != want.app || e.Kind != want.kind || string(e.Envelope) != want.envelope {
			t.Errorf("listed %+v with %s, want %+v", e, e.Envelope, want)
		}
		if r := f.get("/events/" + strconv.FormatInt(e.Number, 10)); r.body != want.envelope {
			t.Errorf("%s, want %s", r.body, want.envelope)
		}
	}
}

func TestEnvelopeIsKeptAsItWasSent(t *testing.T) {
	t.Parallel()
	const envelope = `{ "event": {"a": "<b>&\u0041"},  "color":"blue" }`
	f := start(t, inspector.Options{})
	f.post(" \n" + envelope + " ")
	number := f.events(nil).Events[0].Number
	if r := f.get("/events/" + strconv.FormatInt(number, 10)); r.status != http.StatusOK || r.body != envelope {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, path := range []string{"/events/0", "/events/2", "/events/-1", "/events/x", "/events/99999999999999999999"} {
		if r := f.get(path); r.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

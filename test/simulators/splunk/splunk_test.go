package splunk_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	good     = "11111111-1111-1111-1111-111111111111"
	limited  = "22222222-2222-2222-2222-222222222222"
	disabled = "33333333-3333-3333-3333-333333333333"

	success = `{"text":"Success","code":0}`
)

func options() splunk.Options {
	return splunk.Options{
		Tokens: map[string]splunk.Token{
			good:     {},
			limited:  {Indexes: []string{"main"}},
			disabled: {Disabled: true},
		},
		KeepEvents: 1000,
	}
}

// do sends a request to the handler as a careful client would, changed by edit.
func do(t *testing.T, sim http.Handler, body string, edit ...func(*http.Request)) (status int, answer string) {
	t.Helper()
	server := httptest.NewServer(sim)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/services/collector/event", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Splunk "+limited)
	r.Header.Set("Content-Type", "application/json")
	for _, f := range edit {
		f(r)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(got)
}

func path(p string) func(*http.Request) {
	return func(r *http.Request) { r.URL.Path = p }
}

func method(m string) func(*http.Request) {
	return func(r *http.Request) { r.Method = m }
}

func query(q string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = q }
}

// header sets a header, or removes it.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
}

func zip(t *testing.T, body string) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	invalid := func(text string, code, at int) string {
		return fmt.Sprintf(`{"text":%q,"code":%d,"invalid-event-number":%d}`, text, code, at)
	}
	const all = `{"time":"1433188255.500","host":"h","source":"s","sourcetype":"st","index":"main","event":42,` +
		`"fields":{"a":"b","n":1,"t":true,"z":null,"m":["x","y"]}}`
	huge := `{"event":"` + strings.Repeat("x", 5<<20+1) + `"}`
	for _, c := range []struct {
		name, body string
		status     int
		answer     string
		events     int64
	}{
		{"V1 one", `{"event":"hello"}`, 200, success, 1},
		{"V2 two", `{"event":"a"}{"event":"b"}`, 200, success, 2},
		{"V3 white space", " \r\n{\"event\":\"a\"}\n\t {\"event\":{\"k\":[1,null]}} \n", 200, success, 2},
		{"V4 array", `[{"event":"a"},{"event":"b"}]`, 200, success, 2},
		{"V5 every key", all, 200, success, 1},
		{"V6 seconds", `{"time":1795311639.253,"event":"f"}`, 200, success, 1},
		{"V6 milliseconds", `{"time":1795311639253,"event":"ms"}`, 200, success, 1},
		{"V8 empty", ``, 400, `{"text":"No data","code":5}`, 0},
		{"V9 blank", "   \n", 400, `{"text":"No data","code":5}`, 0},
		{"V10 no event", `{"sourcetype":"x"}`, 400, invalid("Event field is required", 12, 0), 0},
		{"null event", `{"event":null}`, 400, invalid("Event field is required", 12, 0), 0},
		{"V11 blank event", `{"event":""}`, 400, invalid("Event field cannot be blank", 13, 0), 0},
		{"white event", `{"event":" \n"}`, 400, invalid("Event field cannot be blank", 13, 0), 0},
		{"V12 second blank", `{"event":"ok"}{"event":""}`, 400, invalid("Event field cannot be blank", 13, 1), 1},
		{"V13 no JSON", `{not json`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V14 rest", `{"event":"ok"}xyz`, 400, invalid("Invalid data format", 6, 1), 1},
		{"V14 open object", `{"event":"unterminated"`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V14 open string", `{"event":"unterminated}`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V15 streaming order", `{"event":""}{not json`, 400, invalid("Event field cannot be blank", 13, 0), 0},
		{"V16 index, from one", `{"event":"ok"}{"event":"p","index":"no_such_index"}`, 400, invalid("Incorrect index", 7, 2), 1},
		{"V17 no time", `{"event":"p","time":"yesterday"}`, 400, invalid("Error in handling indexed fields", 15, 0), 0},
		{"huge exponent", `{"event":"p","time":1e999999999}`, 400, invalid("Error in handling indexed fields", 15, 0), 0},
		{"V18 nested field", `{"event":"x","fields":{"n":{"x":1}}}`, 400, invalid("Error in handling indexed fields", 15, 0), 0},
		{"nested array", `{"event":"x","fields":{"n":[["x"]]}}`, 400, invalid("Error in handling indexed fields", 15, 0), 0},
		{"V19 fields array", `{"event":"x","fields":["no"]}`, 400, invalid("Invalid data format", 6, 0), 0},
		{"host number", `{"event":"x","host":1}`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V20 string", `"str"`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V20 number", `123`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V20 null", `null`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V20 empty array", `[]`, 400, invalid("Invalid data format", 6, 0), 0},
		{"V20 array in array", `[[{"event":"a"}]]`, 400, invalid("Invalid data format", 6, 0), 0},
		{"rest after array", `[{"event":"a"}]{"event":"b"}`, 400, invalid("Invalid data format", 6, 1), 1},
		{"broken array", `[{"event":"a"},{"ev`, 400, invalid("Invalid data format", 6, 1), 1},
		{"V21 metric", `{"event":"metric","time":1,"host":"h","fields":{"metric_name:cpu.usr":11.12,"r":"us"}}`, 200, success, 1},
		{"V22 no UTF-8", "{\"event\":\"A non UTF8 \xE4\"}", 200, success, 1},
		{"V23 deep", `{"event":` + strings.Repeat("[", 20_000), 400, invalid("Invalid data format", 6, 0), 0},
		{"V24 twice", `{"event":"a","event":"b"}`, 200, success, 1},
		{"V25 huge", strings.Repeat(`{"event":"x"}`, 75) + huge, 400, invalid("Invalid data format", 6, 75), 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := splunk.New(options())
			status, answer := do(t, sim, c.body)
			if status != c.status || answer != c.answer || sim.Count() != c.events {
				t.Errorf("got %d %s and %d events, want %d %s and %d", status, answer, sim.Count(), c.status, c.answer, c.events)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	const (
		ok       = `{"event":"hello"}`
		notFound = `{"text":"The requested URL was not found on this server.","code":404}`
		healthy  = `{"text":"HEC is healthy","code":17}`
		inQuery  = `{"text":"Query string authorization is not enabled","code":16}`
	)
	auth := func(value string) func(*http.Request) { return header("Authorization", value) }
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+good))
	zipped := header("Content-Encoding", "gzip")
	type edits = []func(*http.Request)
	for _, c := range []struct {
		name, body string
		edits      edits
		status     int
		answer     string // exact for JSON, a part of it for HTML
	}{
		{"V2 versioned path", ok, edits{path("/services/collector/event/1.0")}, 200, success},
		{"short path", ok, edits{path("/services/collector")}, 200, success},
		{"short versioned path", ok, edits{path("/services/collector/1.0")}, 200, success},
		{"V7 form content type", `{"event":"a=b&c=%zz"}`, edits{header("Content-Type", "application/x-www-form-urlencoded")}, 200, success},
		{"V26 no credentials", "not json", edits{auth("")}, 401, `{"text":"Token is required","code":2}`},
		{"blank credentials", ok, edits{auth("  ")}, 401, `{"text":"Token is required","code":2}`},
		{"V27 bearer", ok, edits{auth("Bearer " + good)}, 401, `{"text":"Invalid authorization","code":3}`},
		{"no token", ok, edits{auth("Splunk")}, 401, `{"text":"Invalid authorization","code":3}`},
		{"broken basic", ok, edits{auth("Basic !")}, 401, `{"text":"Invalid authorization","code":3}`},
		{"scheme in any case", ok, edits{auth("splunk   " + good)}, 200, success},
		{"V28 unknown token", ok, edits{auth("Splunk 00000000-0000-0000-0000-000000000000")}, 403, `{"text":"Invalid token","code":4}`},
		{"V29 basic", ok, edits{auth(basic)}, 200, success},
		{"V30 token in query", ok, edits{auth(""), query("token=" + good)}, 400, inQuery},
		{"V30 unknown token in query", ok, edits{auth(""), query("token=bad")}, 403, `{"text":"Invalid token","code":4}`},
		{"V30 token in both", ok, edits{query("token=" + good)}, 400, inQuery},
		{"V31 disabled", ok, edits{auth("Splunk " + disabled)}, 403, `{"text":"Token disabled","code":1}`},
		{"any index without a list", `{"event":"x","index":"zzz"}`, edits{auth("Splunk " + good)}, 200, success},
		{"mint is unknown", ok, edits{path("/services/collector/mint")}, 404, notFound},
		{"s2s is unknown", ok, edits{path("/services/collector/s2s")}, 404, notFound},
		{"time in the query is none", ok, edits{query("time=yesterday")}, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		{"V43 health", "", edits{method("GET"), path("/services/collector/health"), auth("")}, 200, healthy},
		{"V43 health, versioned", "", edits{method("GET"), path("/services/collector/health/1.0")}, 200, healthy},
		{
			"V43 health, bad token", "",
			edits{method("GET"), path("/services/collector/health"), auth("Splunk bad")},
			400, `{"text":"Invalid token","code":21}`,
		},
		{
			"health, disabled token", "",
			edits{method("GET"), path("/services/collector/health"), auth("Splunk " + disabled)},
			400, `{"text":"Token disabled","code":22}`,
		},
		{"health is only read", "", edits{path("/services/collector/health")}, 405, notFound},
		{"V44 options", "", edits{method("OPTIONS"), auth("")}, 200, ""},
		{"V45 get", "", edits{method("GET"), path("/services/collector")}, 405, notFound},
		{"V46 unknown path", ok, edits{path("/services/collector/nope")}, 404, notFound},
		{"slash at the end", ok, edits{path("/services/collector/event/")}, 404, notFound},
		{"V47 gzip", zip(t, ok), edits{zipped}, 200, success},
		{"V48 no gzip", "not gzip", edits{zipped}, 400, "<h1>Bad Request</h1><p>Unparsable gzip header in request data</p>"},
		{"V48 gzip cut short", zip(t, ok)[:30], edits{zipped}, 400, "Unparsable gzip"},
		{"gzip with a wrong checksum", corrupt(zip(t, ok)), edits{zipped}, 400, "Unparsable gzip"},
		{"V48 two gzip members", zip(t, ok) + zip(t, ok), edits{zipped}, 200, success},
		{"V49 brotli", ok, edits{header("Content-Encoding", "br")}, 415, "<title>415 Unsupported Media Type</title>"},
		{"V50 gzip bomb", zip(t, strings.Repeat(" ", 2<<20)), edits{zipped}, 413, "<title>413 Payload Too Large</title>"},
		{"V51 too long as declared", strings.Repeat(" ", 1<<20+1), nil, 413, "<p>The request your client sent was too large.</p>"},
		{"V52 chunked", ok, edits{func(r *http.Request) { r.ContentLength = -1 }}, 200, success},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options()
			o.MaxContentLength = 1 << 20
			status, answer := do(t, splunk.New(o), c.body, c.edits...)
			matches := answer == c.answer || strings.HasPrefix(answer, "<!doctype html>") && strings.Contains(answer, c.answer)
			if status != c.status || !matches {
				t.Errorf("got %d %s, want %d %s", status, answer, c.status, c.answer)
			}
		})
	}
}

// corrupt changes the checksum that ends a gzip stream.
func corrupt(zipped string) string {
	b := []byte(zipped)
	b[len(b)-8] ^= 1
	return string(b)
}

func TestAnswerHeader(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/services/collector", http.NoBody)
	splunk.New(options()).ServeHTTP(recorder, r)
	want := http.Header{
		"Content-Type":           {"application/json; charset=UTF-8"},
		"Content-Length":         {"37"},
		"Server":                 {"Splunkd"},
		"Vary":                   {"Authorization"},
		"X-Content-Type-Options": {"nosniff"},
		"X-Frame-Options":        {"SAMEORIGIN"},
	}
	if got := recorder.Header(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestViolations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		edit       func(*http.Request)
		want       string // "" for none
	}{
		{"careful", `{"time":1795311639.253123,"host":"h","event":"a","fields":{"a":"b","c":["d",1]}}`, nil, ""},
		{"whole seconds", `{"time":0,"event":"a"}`, nil, ""},
		{"channel", `{"event":"a"}`, header("X-Splunk-Request-Channel", "FE0ECFAD-13D5-401B-847D-77833BD77131"), ""},
		{"charset", `{"event":"a"}`, header("Content-Type", "application/json; charset=utf-8"), ""},
		{"unknown key", `{"event":"a"}{"event":"b","color":"blue"}`, nil, `request 1, event 1: unknown key "color"`},
		{"key twice", `{"event":"a","host":"h","host":"i"}`, nil, `request 1, event 0: the envelope has key "host" twice`},
		{"escaped key twice", `{"event":"a","host":"h","h\u006fst":"i"}`, nil, `request 1, event 0: the envelope has key "host" twice`},
		{"field twice", `{"event":"a","fields":{"x":1,"x":2}}`, nil, `request 1, event 0: fields has key "x" twice`},
		{"no UTF-8", "{\"event\":\"\xff\"}", nil, "request 1: body is not UTF-8"},
		{"time is text", `{"time":"1","event":"a"}`, nil, `time is "1", not a number`},
		{"time is negative", `{"time":-1,"event":"a"}`, nil, `time is -1, not a number`},
		{"time has seven decimals", `{"time":1.1234567,"event":"a"}`, nil, `time is 1.1234567, not a number`},
		{"time has an exponent", `{"time":1e9,"event":"a"}`, nil, `time is 1e9, not a number`},
		{"array", `[{"event":"a"}]`, nil, `request 1, event 0: the body is an array`},
		{"no content type", `{"event":"a"}`, header("Content-Type", ""), `request 1: Content-Type is ""`},
		{"channel is no GUID", `{"event":"a"}`, header("X-Splunk-Request-Channel", "abc"), `request 1: channel "abc" is not a GUID`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := splunk.New(options())
			if c.edit == nil {
				c.edit = func(*http.Request) {}
			}
			if status, answer := do(t, sim, c.body, c.edit); status != http.StatusOK {
				t.Fatalf("got %d %s", status, answer)
			}
			got := sim.Violations()
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	sim := splunk.New(options())
	do(t, sim, strings.Repeat(`{"event":"a","color":"blue"}`, 250))
	if got, stats := len(sim.Violations()), sim.Stats(); got != 100 || stats.Violations != 250 {
		t.Errorf("kept %d of %d violations", got, stats.Violations)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	o := options()
	o.KeepEvents = 3
	var told []string
	o.OnEvent = func(e splunk.Event) { told = append(told, e.Text()) }
	sim := splunk.New(o)
	do(t, sim, `{"time":1795311639.253123,"host":"h","source":"s","sourcetype":"st","index":"main","event":"a\n","fields":{"n":1.50}}`)
	do(t, sim, `{"event":{"k":1}}{"event":"c","host":"own"}{"event":"d"}`, query("host=default&index=main"))

	want := []splunk.Event{
		{
			Request: 1, Time: time.Unix(1795311639, 253123000).UTC(), Host: "h", Source: "s", Sourcetype: "st", Index: "main",
			Event: []byte(`"a\n"`), Fields: map[string]any{"n": "1.50"},
		},
		{Request: 2, Host: "default", Index: "main", Event: []byte(`{"k":1}`)},
		{Request: 2, Host: "own", Index: "main", Event: []byte(`"c"`)},
	}
	if got := sim.Events(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := strings.Join(told, "|"); got != "a\n|{\"k\":1}|c|d" {
		t.Errorf("OnEvent was told %q", got)
	}
}

func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	o := options()
	o.AllOrNothing = true
	sim := splunk.New(o)
	if status, answer := do(t, sim, `{"event":"ok"}{"event":""}`); status != http.StatusBadRequest || sim.Count() != 0 {
		t.Errorf("got %d %s and %d events", status, answer, sim.Count())
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	sim := splunk.New(options())
	now := time.Now()
	stamp := func(ago time.Duration) int64 { return now.Add(-ago).UnixNano() }
	body := fmt.Sprintf(`{"event":"GET request_id=9 id=a-1 t=%d"}{"event":"id=a-2 t=%d\n"}{"event":{"m":"x id=a-1 t=%d"}}`,
		stamp(time.Hour), stamp(time.Hour), stamp(100*time.Hour))
	do(t, sim, body)
	do(t, sim, `{"event":""}`)
	do(t, sim, "", path("/nope"))
	do(t, sim, "", header("Content-Encoding", "br"))

	got := sim.Stats()
	if got.Requests != 4 || got.Events != 3 || got.Bytes != int64(len(body))+12 || got.DistinctIDs != 2 || got.Duplicates != 1 {
		t.Errorf("got %+v", got)
	}
	if want := map[int]int64{13: 1, 404: 1, 415: 1}; fmt.Sprint(got.Refused) != fmt.Sprint(want) {
		t.Errorf("refused %v, want %v", got.Refused, want)
	}
	hour := float64(time.Hour.Milliseconds())
	if got.LatencyP50 < hour || got.LatencyP50 > 1.04*hour || got.LatencyP99 < 100*hour || got.LatencyP99 > 104*hour {
		t.Errorf("latencies %v and %v ms, want about %v and %v", got.LatencyP50, got.LatencyP99, hour, 100*hour)
	}
	if repeated := sim.Ledger().Repeated(); fmt.Sprint(repeated) != "[a-1]" {
		t.Errorf("repeated %v", repeated)
	}
}

type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLedgerWriter(t *testing.T) {
	t.Parallel()
	const body = `{"event":"one id=a-1"}{"event":"none"}{"event":"two id=a-2\n"}`
	for _, fast := range []bool{false, true} {
		t.Run(fmt.Sprint("fast ", fast), func(t *testing.T) {
			t.Parallel()
			var written strings.Builder
			o := options()
			o.Fast, o.Ledger = fast, &written
			sim := splunk.New(o)
			if status, answer := do(t, sim, body); status != http.StatusOK || written.String() != "a-1\na-2\n" {
				t.Errorf("got %d %s and wrote %q", status, answer, written.String())
			}
			o.Ledger = brokenDisk{}
			sim = splunk.New(o)
			status, answer := do(t, sim, body)
			if status != http.StatusInternalServerError || sim.Count() != 0 || sim.Ledger().Distinct() != 0 {
				t.Errorf("broken disk: got %d %s and %d events", status, answer, sim.Count())
			}
		})
	}
}

func TestFast(t *testing.T) {
	t.Parallel()
	o := options()
	o.Fast = true
	for _, c := range []struct {
		name, body string
		edit       func(*http.Request)
		status     int
		events     int64
	}{
		{"two", `{"event":"a"}` + "\n" + `{"event":"b"}`, path("/services/collector"), 200, 2},
		{"gzip", zip(t, `{"event":"a"}{"event":"b"}`), header("Content-Encoding", "gzip"), 200, 2},
		{"nothing inside is checked", `{"event":""}{"color":1}`, path("/services/collector"), 200, 2},
		{"empty", "", path("/services/collector"), 400, 0},
		{"credentials", `{"event":"a"}`, header("Authorization", ""), 401, 0},
		{"no gzip", "x", header("Content-Encoding", "gzip"), 400, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := splunk.New(o)
			if status, answer := do(t, sim, c.body, c.edit); status != c.status || sim.Count() != c.events {
				t.Errorf("got %d %s and %d events, want %d and %d", status, answer, sim.Count(), c.status, c.events)
			}
		})
	}
}

func TestFastSamplesLatency(t *testing.T) {
	t.Parallel()
	o := options()
	o.Fast = true
	sim := splunk.New(o)
	do(t, sim, fmt.Sprintf(`{"event":"x t=%d"}`, time.Now().Add(-time.Hour).UnixNano()))
	if got := sim.Stats(); got.LatencyP50 < float64(time.Hour.Milliseconds()) {
		t.Errorf("got %+v", got)
	}
}

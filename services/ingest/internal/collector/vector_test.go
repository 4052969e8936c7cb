package collector_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

const (
	eventPath = "/services/collector/event"
	rawPath   = "/services/collector/raw"
	ackPath   = "/services/collector/ack"
)

// Requests to the event endpoint, and what real servers or clients are known to
// make of them (numbers are those of the vectors this door is built by).
func TestEventVectors(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for _, c := range []struct {
		name, body string
		status     int
		answer     string
		stored     string // "" for nothing
		events     int
	}{
		{"V1", `{"event":"hello"}`, 200, success, `{"event":"hello"}`, 1},
		{"V2", `{"event":"a"}{"event":"b"}`, 200, success, `{"event":"a"}{"event":"b"}`, 2},
		{
			"V3", " \r\n{\"event\":\"a\"}\n\t {\"event\":{\"k\":[1,null]}} \n", 200, success,
			"{\"event\":\"a\"}\n\t {\"event\":{\"k\":[1,null]}}", 2,
		},
		{"V4", `[{"event":"a"},{"event":"b"}]`, 200, success, `{"event":"a"} {"event":"b"}`, 2},
		{"V4 with space", "[ {\"event\":\"a\"} ,\n{\"event\":\"b\"}\n] ", 200, success, "{\"event\":\"a\"}   {\"event\":\"b\"}", 2},
		{
			"V5", `{"time":"1433188255.500","host":"h","source":"s","sourcetype":"st","index":"main","event":42,` +
				`"fields":{"a":"b","n":1,"t":true,"z":null,"m":["x","y"]}}`, 200, success,
			`{"time":"1433188255.500","host":"h","source":"s","sourcetype":"st","index":"main","event":42,` +
				`"fields":{"a":"b","n":1,"t":true,"z":null,"m":["x","y"]}}`, 1,
		},
		{"V6 seconds", `{"time":1795311639.253,"event":"f"}`, 200, success, `{"time":1795311639.253,"event":"f"}`, 1},
		{"V6 milliseconds", `{"time":1795311639253,"event":"ms"}`, 200, success, `{"time":1795311639253,"event":"ms"}`, 1},
		{"V7", `{"event":"a=b&c=%zz"}`, 200, success, `{"event":"a=b&c=%zz"}`, 1},
		{"V8", ``, 400, noData, "", 0},
		{"V9", "   \n", 400, noData, "", 0},
		{"V10", `{"sourcetype":"x"}`, 400, `{"text":"Event field is required","code":12,"invalid-event-number":0}`, "", 0},
		{"V11", `{"event":""}`, 400, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`, "", 0},
		{"V12", `{"event":"ok"}{"event":""}`, 400, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":1}`, "", 0},
		{"V13", `{not json`, 400, invalid("0"), "", 0},
		{"V14 rest", `{"event":"ok"}xyz`, 400, invalid("1"), "", 0},
		{"V14 object", `{"event":"unterminated"`, 400, invalid("0"), "", 0},
		{"V14 string", `{"event":"unterminated}`, 400, invalid("0"), "", 0},
		{"V15", `{"event":""}{not json`, 400, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`, "", 0},
		{
			"V16", `{"event":"ok"}{"event":"p","index":"no_such_index"}`, 400,
			`{"text":"Incorrect index","code":7,"invalid-event-number":2}`, "", 0,
		},
		{"V16 in an array", `[{"event":"p","index":"no_such_index"}]`, 400, `{"text":"Incorrect index","code":7,"invalid-event-number":1}`, "", 0},
		{
			"V17", `{"event":"p","time":"yesterday"}`, 400,
			`{"text":"Error in handling indexed fields","code":15,"invalid-event-number":0}`, "", 0,
		},
		{
			"V18", `{"event":"x","fields":{"n":{"x":1}}}`, 400,
			`{"text":"Error in handling indexed fields","code":15,"invalid-event-number":0}`, "", 0,
		},
		{"V19", `{"event":"x","fields":["no"]}`, 400, invalid("0"), "", 0},
		{"V20 string", `"str"`, 400, invalid("0"), "", 0},
		{"V20 number", `123`, 400, invalid("0"), "", 0},
		{"V20 null", `null`, 400, invalid("0"), "", 0},
		{"V20 empty array", `[]`, 400, invalid("0"), "", 0},
		{"V20 array in array", `[[{"event":"a"}]]`, 400, invalid("0"), "", 0},
		{
			"V21", `{"event":"metric","time":1,"host":"h","fields":{"metric_name:cpu.usr":11.12,"region":"us"}}`, 200, success,
			`{"event":"metric","time":1,"host":"h","fields":{"metric_name:cpu.usr":11.12,"region":"us"}}`, 1,
		},
		{"V22", "{\"event\":\"A non UTF8 \xE4\"}", 200, success, "{\"event\":\"A non UTF8 \uFFFD\"}", 1},
		{"V23", `{"event":` + strings.Repeat("[", 20_000), 400, invalid("0"), "", 0},
		{"V24", `{"event":"a","event":"b"}`, 200, success, `{"event":"a","event":"b"}`, 1},
		{"V25", strings.Repeat(`{"event":"a"}`, 75) + `{"event":"` + strings.Repeat("x", 512<<10) + `"}`, 400, invalid("75"), "", 0},
		{"unknown keys", `{"event":"a","color":"blue"}`, 200, success, `{"event":"a","color":"blue"}`, 1},
		{"an allowed index", `{"event":"a","index":"main"}`, 200, success, `{"event":"a","index":"main"}`, 1},
		{"too many events", strings.Repeat(`{"event":1}`, 10_001), 400, invalid("10000"), "", 0},
		{"nothing but an index refused", `{"event":"","index":"no"}`, 400, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`, "", 0},
	} {
		for _, path := range []string{"/services/collector", "/services/collector/1.0", eventPath, eventPath + "/1.0"} {
			f.want(c.name+" on "+path, f.post(path, plainToken, c.body), c.status, c.answer)
			f.wantStored(c.name, c.stored, c.events, drainlinev1.Encoding_ENCODING_HEC_EVENTS)
		}
	}
}

// wantStored fails unless the last request came to one part with that body.
func (f *fixture) wantStored(what, body string, events int, encoding drainlinev1.Encoding) {
	f.t.Helper()
	parcels := f.store.take()
	switch {
	case events == 0 && len(parcels) == 0:
	case events == 0 || len(parcels) != 1 || len(parcels[0].Parts) != 1:
		f.t.Errorf("%s: stored %v", what, parcels)
	default:
		part := parcels[0].Parts[0]
		if got := string(part.Request.GetBody()); got != body || part.Frames != events || part.Request.GetEncoding() != encoding {
			f.t.Errorf("%s: stored %d events %q as %v, want %d %q", what, part.Frames, got, part.Request.GetEncoding(), events, body)
		}
	}
}

func TestRawVectors(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for _, c := range []struct {
		name, query, body string
		status            int
		answer            string
		stored            string
		events            int
	}{
		{"V32", "", `conformance raw event`, 200, success, `conformance raw event`, 1},
		{"V33", "", "one\r\ntwo\n\n  \nthree", 200, success, "one\r\ntwo\n\n  \nthree", 3},
		{"V34", "", "\n\r\n", 400, noData, "", 0},
		{"V34 nothing", "", "", 400, noData, "", 0},
		{"V35", "?index=no_such_index", "x", 400, `{"text":"Incorrect index","code":7,"invalid-event-number":1}`, "", 0},
		{"V35 without data", "?index=no_such_index", " ", 400, noData, "", 0},
		{"V36", "?channel", "x", 200, success, "x", 1},
		{"a channel that is none", "?channel=7", "x", 200, success, "x", 1},
		{"JSON", "", `{"event":""}`, 200, success, `{"event":""}`, 1},
		{"not UTF-8", "", "\xff\x00", 200, success, "\xff\x00", 1},
		{"an allowed index", "?index=main", "x", 200, success, "x", 1},
		{"a time", "?time=1433188255.5", "x", 200, success, "x", 1},
		{"a bad time", "?time=-1", "x", 400, `{"text":"Invalid data format","code":6}`, "", 0},
		{"many lines", "", strings.Repeat("x\n", 10_001), 200, success, strings.Repeat("x\n", 10_001), 10_001},
	} {
		for _, path := range []string{rawPath, rawPath + "/1.0"} {
			f.want(c.name, f.post(path+c.query, plainToken, c.body), c.status, c.answer)
			f.wantStored(c.name, c.stored, c.events, drainlinev1.Encoding_ENCODING_HEC_RAW)
		}
	}
}

// Who is let in, in the order of Splunk's decisions, which come before the body.
func TestTokenVectors(t *testing.T) {
	t.Parallel()
	const (
		required = `{"text":"Token is required","code":2}`
		invalid  = `{"text":"Invalid authorization","code":3}`
		unknown  = `{"text":"Invalid token","code":4}`
		disabled = `{"text":"Token disabled","code":1}`
		noQuery  = `{"text":"Query string authorization is not enabled","code":16}`
		nobody   = "00000000-0000-0000-0000-000000000000"
	)
	f := start(t, settings())
	for _, c := range []struct {
		name, header, query string
		status              int
		answer              string
	}{
		{"V26", "", "", 401, required},
		{"blank", "  ", "", 401, required},
		{"V27", "Bearer " + plainToken, "", 401, invalid},
		{"scheme alone", "Splunk", "", 401, invalid},
		{"token alone", plainToken, "", 401, invalid},
		{"V28", "Splunk " + nobody, "", 403, unknown},
		{"in capitals", "Splunk " + strings.ToUpper(awayToken) + "x", "", 403, unknown},
		{"V1", "Splunk " + plainToken, "", 200, success},
		{"any case, any space", "sPLUNK   " + plainToken + " ", "", 200, success},
		{"V29", basic("x:" + plainToken), "", 200, success},
		{"Basic, any case", strings.Replace(basic("x:"+plainToken), "Basic", "basic", 1), "", 200, success},
		{"Basic, as Logplex sends https://:TOKEN@host", basic(plainToken + ":"), "", 200, success},
		{"Basic without a colon", basic(plainToken), "", 200, success},
		{"Basic, the password first", basic(nobody + ":" + plainToken), "", 200, success},
		{"Basic, both are tokens", basic(plainToken + ":" + offToken), "", 403, disabled},
		{"Basic, unknown", basic("x:" + nobody), "", 403, unknown},
		{"Basic, empty", basic(":"), "", 403, unknown},
		{"Basic, not Base64", "Basic ???", "", 401, invalid},
		{"V30 not enabled", "", "?token=" + plainToken, 400, noQuery},
		{"V30 unknown", "", "?token=bad", 403, unknown},
		{"V30 before the header", "Splunk " + plainToken, "?token=" + plainToken, 400, noQuery},
		{"before the header, unknown", "Splunk " + plainToken, "?token=bad", 403, unknown},
		{"before the header, good", "Bearer x", "?token=" + queryToken, 200, success},
		{"in the query", "", "?token=" + queryToken, 200, success},
		{"empty in the query", "Splunk " + plainToken, "?token=", 200, success},
		{"that of the query by header", "Splunk " + queryToken, "", 200, success},
		{"V31", "Splunk " + offToken, "", 403, disabled},
		{"V31 in the query", "", "?token=" + offToken, 403, disabled},
		{"from elsewhere", "Splunk " + awayToken, "", 403, unknown},
	} {
		headers := []string{"Content-Type", "application/json"}
		if c.header != "" {
			headers = append(headers, "Authorization", c.header)
		}
		got := f.do(http.MethodPost, eventPath+c.query, strings.NewReader(`{"event":"x"}`), headers...)
		f.want(c.name, got, c.status, c.answer)
		if stored := len(f.store.take()); stored != map[bool]int{true: 1}[c.status == 200] {
			t.Errorf("%s: stored %d", c.name, stored)
		}
		if c.status == 200 {
			continue
		}
		for _, target := range []string{eventPath, rawPath, ackPath} { // whatever else is wrong
			for _, content := range []string{"not json", ""} {
				got := f.do(http.MethodPost, target+c.query, strings.NewReader(content), append(headers, "Content-Encoding", "br")...)
				f.want(c.name+" with a bad request", got, c.status, c.answer)
			}
		}
	}
	if f.counts.Token.Load() == 0 {
		t.Error("not counted")
	}
}

func TestChannelVectors(t *testing.T) {
	t.Parallel()
	const (
		missing = `{"text":"Data channel is missing","code":10}`
		invalid = `{"text":"Invalid data channel","code":11}`
	)
	f := start(t, settings())
	for _, c := range []struct {
		name, header, query string
		status              int
		answer              string
	}{
		{"V37", "", "", 400, missing},
		{"empty", "", "?channel=", 400, missing},
		{"V38", "abc", "", 400, invalid},
		{"V38 in the query", "", "?channel=abc", 400, invalid},
		{"one digit off", channel[:35] + "g", "", 400, invalid},
		{"dashes off", strings.ReplaceAll(channel, "-", "0"), "", 400, invalid},
		{"the header first", "abc", "?channel=" + channel, 400, invalid},
	} {
		for _, path := range []string{eventPath, rawPath, ackPath} {
			got := f.post(path+c.query, ackToken, "", "X-Splunk-Request-Channel", c.header)
			f.want(c.name+" on "+path, got, c.status, c.answer)
		}
	}
	if n := f.counts.Channel.Load(); n != 21 {
		t.Errorf("counted %d", n)
	}
	f.want("an empty body comes after the channel", f.post(eventPath+"?channel="+channel, ackToken, ""), 400, noData)
}

// V43 to V46, and all other methods.
func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	const healthy = `{"text":"HEC is healthy","code":17}`
	f := start(t, settings())
	for _, path := range []string{
		"/", "/services", "/services/collector/nope", "/services/collector/mint", "/services/collector/s2s", "/services/collector/event/2.0",
		"/services/collectorevent", "/services/collector/event/1.0/1.0", "/services/collector/", "/healthz/1.0",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
			f.want(method+" "+path, f.do(method, path, nil, "Authorization", "Splunk "+plainToken), 404, lost)
		}
	}
	for _, path := range []string{"", "/1.0", "/event", "/event/1.0", "/raw", "/raw/1.0", "/ack", "/ack/1.0"} {
		path = "/services/collector" + path
		f.want("OPTIONS "+path, f.do(http.MethodOptions, path, nil), 200, "")
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
			got := f.do(method, path, nil, "Authorization", "Splunk "+plainToken)
			f.want(method+" "+path, got, 405, lost)
			if got.header.Get("Allow") != "POST, OPTIONS" {
				t.Errorf("%s %s: allows %q", method, path, got.header.Get("Allow"))
			}
		}
		f.want("HEAD "+path, f.do(http.MethodHead, path, nil), 405, "")
	}
	for _, path := range []string{"/services/collector/health", "/services/collector/health/1.0", "/healthz"} {
		f.want("GET "+path, f.do(http.MethodGet, path, nil), 200, healthy)
		f.want("OPTIONS "+path, f.do(http.MethodOptions, path, nil), 200, "")
		f.want("POST "+path, f.do(http.MethodPost, path, nil), 405, lost)
		if got := f.do(http.MethodHead, path, nil); got.status != 200 || got.header.Get("Content-Length") != "35" {
			t.Errorf("HEAD %s: %d, %v", path, got.status, got.header)
		}
	}
}

// What clients look at besides the body.
func TestHeaders(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for name, got := range map[string]reply{
		"success": f.post(eventPath, plainToken, `{"event":"x"}`),
		"refusal": f.post(eventPath, plainToken, `x`),
		"401":     f.do(http.MethodPost, eventPath, nil),
		"404":     f.do(http.MethodGet, "/", nil),
		"405":     f.do(http.MethodGet, eventPath, nil),
		"OPTIONS": f.do(http.MethodOptions, eventPath, nil),
		"health":  f.do(http.MethodGet, "/services/collector/health", nil),
	} {
		for header, want := range map[string]string{
			"Content-Type": "application/json; charset=UTF-8", "Vary": "Authorization",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Set-Cookie": "",
		} {
			if got.header.Get(header) != want {
				t.Errorf("%s: %s is %q", name, header, got.header.Get(header))
			}
		}
	}
}

func TestBodyVectors(t *testing.T) {
	t.Parallel()
	const (
		unsupported = `{"text":"The content encoding is not supported.","code":415}`
		broken      = `{"text":"Unparsable gzip header in request data","code":6}`
		large       = `{"text":"The request your client sent was too large.","code":413}`
	)
	v47, err := base64.StdEncoding.DecodeString("H4sIAAAAAAAC/6tWSi1LzStRslLKSM3JyVeqBQDR9CU7EQAAAA==")
	if err != nil {
		t.Fatal(err)
	}
	two := append(zipped(t, []byte(`{"event":"hel`)), zipped(t, []byte(`lo"}`))...)
	bomb := zipped(t, make([]byte, 16<<20))
	many := zipped(t, []byte(strings.Repeat(`{"event":1}`, 11_000)))
	random := make([]byte, 128<<10) // which gzip makes no smaller
	_, _ = rand.Read(random)
	s := settings()
	s.MaxBody, s.Compressed = 256<<10, 64<<10
	f := start(t, s)
	for _, c := range []struct {
		name, encoding string
		body           []byte
		status         int
		answer         string
	}{
		{"V47", "gzip", v47, 200, success},
		{"V47, any case", " GZip", v47, 200, success},
		{"identity", "identity", []byte(`{"event":"hello"}`), 200, success},
		{"V48", "gzip", []byte("not gzip"), 400, broken},
		{"V48 cut", "gzip", v47[:len(v47)-9], 400, broken},
		{"V48 two", "gzip", two, 200, success},
		{"nothing in it", "gzip", zipped(t, nil), 400, noData},
		{"nothing", "gzip", nil, 400, noData},
		{"V49", "br", []byte("x"), 415, unsupported},
		{"two encodings", "gzip, gzip", v47, 415, unsupported},
		{"V50", "gzip", bomb, 413, large},
		{"too many events, but not too large", "gzip", many, 400, invalid("10000")},
		{"over the limit", "", bytes.Repeat([]byte(" "), 256<<10+1), 413, large},
		{"gzip over its limit", "gzip", zipped(t, random), 413, large},
	} {
		for _, chunked := range []bool{false, true} { // V52
			var content io.Reader = bytes.NewReader(c.body)
			if chunked {
				content = struct{ io.Reader }{content} // of no known length
			}
			got := f.do(http.MethodPost, eventPath, content, "Authorization", "Splunk "+plainToken, "Content-Encoding", c.encoding)
			f.want(c.name, got, c.status, c.answer)
			stored := f.store.requests()
			if c.status != 200 && len(stored) > 0 || c.status == 200 && string(stored[0].GetBody()) != `{"event":"hello"}` {
				t.Errorf("%s: stored %v", c.name, stored)
			}
		}
	}
	if n := f.bodies.Lent(); n != 0 {
		t.Errorf("%d bytes are still lent", n)
	}
	if f.counts.TooLarge.Load() == 0 || f.counts.Unsupported.Load() == 0 {
		t.Error("not counted")
	}
}

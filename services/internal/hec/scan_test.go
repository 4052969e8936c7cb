package hec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// collect scans a whole body.
func collect(body string, limits hec.Limits) ([]hec.Envelope, error) {
	var envelopes []hec.Envelope
	for e, err := range hec.Scan([]byte(body), limits) {
		if err != nil {
			return envelopes, err
		}
		envelopes = append(envelopes, e)
	}
	return envelopes, nil
}

// show writes events as one line, to compare.
func show(envelopes []hec.Envelope) string {
	var b strings.Builder
	for _, e := range envelopes {
		fmt.Fprintf(&b, "%s;", e.Event)
	}
	return b.String()
}

func TestScanTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, events string }{
		{"V1 one", `{"event":"hello"}`, `"hello";`},
		{"V2 no separator", `{"event":"a"}{"event":"b"}`, `"a";"b";`},
		{"V3 white space", " \r\n{\"event\":\"a\"}\n\t {\"event\":{\"k\":[1,null]}} \n", `"a";{"k":[1,null]};`},
		{"V4 array", `[{"event":"a"},{"event":"b"}]`, `"a";"b";`},
		{"V4 array with white space", " [ {\"event\":\"a\"} ,\n{\"event\":\"b\"} ] \r\n", `"a";"b";`},
		{"V5 everything", `{"time":"1433188255.500","host":"h","source":"s","sourcetype":"st","index":"main","event":42,` +
			`"fields":{"a":"b","n":1,"t":true,"z":null,"m":["x","y"]}}`, `42;`},
		{"V7 like a form", `{"event":"a=b&c=%zz"}`, `"a=b&c=%zz";`},
		{"V16 indexes are the token's matter", `{"event":"ok"}{"event":"p","index":"no_such_index"}`, `"ok";"p";`},
		{"V21 metric", `{"event":"metric","time":1,"host":"h","fields":{"metric_name:cpu.usr":11.12,"region":"us"}}`, `"metric";`},
		{"V22 not UTF-8", "{\"event\":\"A non UTF8 \xE4\"}", "\"A non UTF8 \uFFFD\";"},
		{"V24 key twice", `{"event":"a","event":"b"}`, `"b";`},
		{"unknown keys", `{"color":"blue","event":"a"}`, `"a";`},
		{"keys have a case", `{"Event":"","event":"a"}`, `"a";`},
		{"key with escapes", `{"\u0065vent":"a"}`, `"a";`},
		{"metadata is null", `{"event":"a","host":null,"time":null,"fields":null}`, `"a";`},
		{"scalars and empties", `{"event":0}{"event":false}{"event":{}}{"event":[]}`, `0;false;{};[];`},
		{"event as it was sent", `{"event": { "a" : 1.50 } }`, `{ "a" : 1.50 };`},
	} {
		got, err := collect(c.body, hec.Limits{})
		if err != nil || show(got) != c.events {
			t.Errorf("%s: %s, %v; want %s", c.name, show(got), err, c.events)
		}
	}
}

func TestScanReadsAllOfAnEnvelope(t *testing.T) {
	t.Parallel()
	const body = `{"time":"1433188255.500","host":"h","source":"s","sourcetype":"st","index":"main","event":42,` +
		`"fields":{"a":"b","n":1,"t":true,"z":null,"m":["x","y"],"n":2}}`
	all, err := collect(body+`{"event":"b"}`, hec.Limits{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%d envelopes, %v", len(all), err)
	}
	e := all[0]
	if e.TimeNS != 1433188255_500000000 || !e.HasTime || e.Host != "h" || e.Source != "s" || e.Sourcetype != "st" || e.Index != "main" {
		t.Errorf("metadata is %+v", e)
	}
	if got := fmt.Sprintf("%s", fieldPairs(e.Fields)); got != `[a="b" n=2 t=true z=null m=["x","y"]]` {
		t.Errorf("fields are %s", got)
	}
	if string(e.Raw) != body {
		t.Errorf("raw is %s", e.Raw)
	}
	if next := all[1]; next.HasTime || next.Host != "" || next.Index != "" || next.Fields != nil {
		t.Errorf("%+v has something of the envelope before it", next)
	}
}

func fieldPairs(fields []wire.Field) []string {
	var pairs []string
	for _, f := range fields {
		pairs = append(pairs, f.Name+"="+string(f.JSON))
	}
	return pairs
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000)
	for _, c := range []struct {
		name, body string
		code       hec.Code
		event      int
		before     string
	}{
		{"V8 nothing", ``, hec.NoData, -1, ``},
		{"V9 white space", "   \n", hec.NoData, -1, ``},
		{"V10 no event", `{"sourcetype":"x"}`, hec.EventRequired, 0, ``},
		{"event is null", `{"event":null}`, hec.EventRequired, 0, ``},
		{"V11 empty", `{"event":""}`, hec.EventBlank, 0, ``},
		{"blank", `{"event":" \t\u00a0"}`, hec.EventBlank, 0, ``},
		{"V12 second empty", `{"event":"ok"}{"event":""}`, hec.EventBlank, 1, `"ok";`},
		{"V13 not JSON", `{not json`, hec.InvalidDataFormat, 0, ``},
		{"V14 words after", `{"event":"ok"}xyz`, hec.InvalidDataFormat, 1, `"ok";`},
		{"V14 object open", `{"event":"unterminated"`, hec.InvalidDataFormat, 0, ``},
		{"V14 string open", `{"event":"unterminated}`, hec.InvalidDataFormat, 0, ``},
		{"V15 order of the stream", `{"event":""}{not json`, hec.EventBlank, 0, ``},
		{"V17 time in words", `{"event":"p","time":"yesterday"}`, hec.InvalidFields, 0, ``},
		{"V18 field is an object", `{"event":"x","fields":{"n":{"x":1}}}`, hec.InvalidFields, 0, ``},
		{"field holds an object", `{"event":"x","fields":{"n":[{"x":1}]}}`, hec.InvalidFields, 0, ``},
		{"field holds an array", `{"event":"x","fields":{"n":[[1]]}}`, hec.InvalidFields, 0, ``},
		{"V19 fields is an array", `{"event":"x","fields":["no"]}`, hec.InvalidDataFormat, 0, ``},
		{"fields is a string", `{"event":"x","fields":"no"}`, hec.InvalidDataFormat, 0, ``},
		{"host is a number", `{"event":"x","host":1}`, hec.InvalidDataFormat, 0, ``},
		{"V20 string", `"str"`, hec.InvalidDataFormat, 0, ``},
		{"V20 number", `123`, hec.InvalidDataFormat, 0, ``},
		{"V20 null", `null`, hec.InvalidDataFormat, 0, ``},
		{"V20 empty array", `[]`, hec.InvalidDataFormat, 0, ``},
		{"V20 array in an array", `[[{"event":"a"}]]`, hec.InvalidDataFormat, 0, ``},
		{"array: second empty", `[{"event":"a"},{"event":""}]`, hec.EventBlank, 1, `"a";`},
		{"array: open", `[{"event":"a"}`, hec.InvalidDataFormat, 1, `"a";`},
		{"array: wrong end", `[{"event":"a"}}`, hec.InvalidDataFormat, 1, `"a";`},
		{"array: comma at the end", `[{"event":"a"},]`, hec.InvalidDataFormat, 1, `"a";`},
		{"array: no comma", `[{"event":"a"}{"event":"b"}]`, hec.InvalidDataFormat, 1, `"a";`},
		{"array: more after", `[{"event":"a"}]{"event":"b"}`, hec.InvalidDataFormat, 1, `"a";`},
		{"array after an event", `{"event":"a"}[{"event":"b"}]`, hec.InvalidDataFormat, 1, `"a";`},
		{"comma between", `{"event":"a"},{"event":"b"}`, hec.InvalidDataFormat, 1, `"a";`},
		{"bracket after", `{"event":"a"}]`, hec.InvalidDataFormat, 1, `"a";`},
		{"V23 deep", `{"event":` + deep + `}`, hec.InvalidDataFormat, 0, ``},
		{"V23 deep and closed", `{"event":` + deep + strings.Repeat("]", 20_000) + `}`, hec.InvalidDataFormat, 0, ``},
		{"V23 deep outside of the event", `{"event":"a"}{"x":` + deep, hec.InvalidDataFormat, 1, `"a";`},
		{
			"V25 too large", strings.Repeat(`{"event":1}`, 75) + `{"event":"` + strings.Repeat("x", 5<<20+1) + `"}`,
			hec.InvalidDataFormat, 75, strings.Repeat(`1;`, 75),
		},
	} {
		got, err := collect(c.body, hec.Limits{})
		var refused *hec.RefusedError
		if !errors.As(err, &refused) || refused.Code != c.code || refused.Event != c.event {
			t.Errorf("%s: %v, want code %d at %d", c.name, err, c.code, c.event)
			continue
		}
		if show(got) != c.before {
			t.Errorf("%s: %s before it, want %s", c.name, show(got), c.before)
		}
		if a := refused.Answer(); a.Code != c.code || a.Text != c.code.Text() || a.InvalidEvent != c.event || a.AckID != -1 {
			t.Errorf("%s: answered %+v", c.name, a)
		}
	}
}

func TestScanLimits(t *testing.T) {
	t.Parallel()
	limits := hec.Limits{MaxEvent: 5, MaxDepth: 3}
	for _, c := range []struct {
		body string
		ok   bool
	}{
		{`{"event":"abc"}`, true},
		{`{"event":"abcd"}`, false},
		{`{"event":[[1]]}`, true},
		{`{"event":[[[]]]}`, false},
		{`{"event":"[[["}`, true},
		{`{"event":"\"["}`, true},
	} {
		if _, err := collect(c.body, limits); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

func TestScanTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		time string
		ns   int64
	}{
		{`1795311639.253`, 1795311639_253000000},
		{`1795311639253`, 1795311639_253000000},
		{`1795311639253.5`, 1795311639_253500000},
		{`1795311639253000001`, 1795311639_253000001},
		{`"1795311637.708817"`, 1795311637_708817000},
		{`" 1433188255.500 "`, 1433188255_500000000},
		{`1.795311639253e9`, 1795311639_253000000},
		{`1714564800.1234567899`, 1714564800_123456789},
		{`0`, 0},
		{`1`, 1_000000000},
		{`5.`, -1}, // not JSON
		{`"5."`, 5_000000000},
		{`-1`, -1},
		{`"yesterday"`, -1},
		{`""`, -1},
		{`".5"`, -1},
		{`"1 2"`, -1},
		{`"1.2.3"`, -1},
		{`"0x10"`, -1},
		{`"1_000e3"`, -1},
		{`"0xep1"`, -1},
		{`"inf"`, -1},
		{`1e400`, -1},
		{`10000000000`, -1}, // year 2286 in seconds, beyond what nanoseconds hold
		{`99999999999999999999999999`, -1},
		{`true`, -1},
		{`{}`, -1},
		{`[1]`, -1},
	} {
		got, err := collect(`{"event":"x","time":`+c.time+`}`, hec.Limits{})
		if c.ns < 0 {
			if err == nil {
				t.Errorf("time %s is taken for %d", c.time, got[0].TimeNS)
			}
			continue
		}
		if err != nil || got[0].TimeNS != c.ns || !got[0].HasTime {
			t.Errorf("time %s: %+v, %v; want %d", c.time, got, err, c.ns)
		}
	}
}

// What the encoder writes, the scanner takes.
func TestScanReadsAppendEvent(t *testing.T) {
	t.Parallel()
	e := typical()
	got, err := collect(string(hec.AppendEvent(hec.AppendEvent(nil, e), &wire.Event{})), hec.Limits{})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d envelopes, %v", len(got), err)
	}
	if got[0].TimeNS != e.TimeNS || got[0].Host != e.Host || len(got[0].Fields) != len(e.Fields) || string(got[1].Event) != `"-"` {
		t.Errorf("read back as %+v", got)
	}
}

func TestScanStops(t *testing.T) {
	t.Parallel()
	n := 0
	for range hec.Scan([]byte(`{"event":1}{"event":2}{broken`), hec.Limits{}) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d envelopes", n)
	}
}

func FuzzScan(f *testing.F) {
	for _, body := range []string{
		``, `{"event":"a"}{"event":1}`, `[{"event":"a"},{"event":[1]}]`, `{"event":""}{not json`, `{"event":"x","fields":{"n":{"x":1}}}`,
		`{"time":"1433188255.500","host":"h","event":42,"fields":{"a":"b","m":["x","y"]}}`, "{\"event\":\"\xE4\"}", `{"event":[[[[`,
		`{"event":"a","time":-1e5}`,
	} {
		f.Add([]byte(body))
	}
	limits := hec.Limits{MaxEvent: 1 << 10, MaxDepth: 8}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := collect(string(body), limits)
		var refused *hec.RefusedError
		if err != nil && (!errors.As(err, &refused) || refused.Code.Status() != 400 || refused.Event >= 0 && refused.Event != len(got)) {
			t.Fatalf("%v after %d envelopes", err, len(got))
		}
		var joined []string
		for _, e := range got {
			if !json.Valid(e.Event) || !json.Valid(e.Raw) {
				t.Fatalf("not JSON: %s", e.Raw)
			}
			joined = append(joined, string(e.Raw))
		}
		if len(got) == 0 {
			return
		}
		// The same events in the other form are the same events.
		for _, form := range []string{strings.Join(joined, ""), "[" + strings.Join(joined, ",") + "]"} {
			again, err := collect(form, limits)
			if err != nil || show(again) != show(got) {
				t.Fatalf("%s: %s, %v; want %s", form, show(again), err, show(got))
			}
		}
	})
}

package hec_test

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// collect scans a whole body.
func collect(body string, limits hec.Limits) ([]hec.Envelope, *hec.RefusedError) {
	var envelopes []hec.Envelope
	in := hec.NewScanner([]byte(body), limits)
	for in.Next() {
		envelopes = append(envelopes, *in.Envelope())
	}
	return envelopes, in.Refused()
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
		{"byte order mark", "\uFEFF {\"event\":\"a\"}", `"a";`},
		{"character beyond the first plane", `{"event":"\ud83d\ude00"}`, `"\ud83d\ude00";`},
		{"half a character", `{"event":"\ud83d"}`, `"\ud83d";`},
		{"digits are kept", `{"event":{"a":1.50,"b":12345678901234567890,"c":-0E+2}}`, `{"a":1.50,"b":12345678901234567890,"c":-0E+2};`},
		{"order is kept", `{"event":{"b":1,"a":2,"b":3}}`, `{"b":1,"a":2,"b":3};`},
		{"last of a key counts, whatever was before", `{"event":"","host":1,"event":"a","host":"h"}`, `"a";`},
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
	if got := fmt.Sprintf("%s", fieldPairs(e.AppendFields(nil))); got != `[a="b" n=2 t=true z=null m=["x","y"]]` {
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
		{"byte order mark alone", "\uFEFF", hec.NoData, -1, ``},
		{"byte order mark twice", "\uFEFF\uFEFF{\"event\":1}", hec.InvalidDataFormat, 0, ``},
		{"byte order mark between", "{\"event\":1}\uFEFF{\"event\":1}", hec.InvalidDataFormat, 1, `1;`},
		{"control character", "{\"event\":\"a\nb\"}", hec.InvalidDataFormat, 0, ``},
		{"zero byte", "{\"event\":\"a\x00\"}", hec.InvalidDataFormat, 0, ``},
		{"unknown escape", `{"event":"\x"}`, hec.InvalidDataFormat, 0, ``},
		{"escape cut off", `{"event":"\u12"}`, hec.InvalidDataFormat, 0, ``},
		{"zero in front", `{"event":01}`, hec.InvalidDataFormat, 0, ``},
		{"plus", `{"event":+1}`, hec.InvalidDataFormat, 0, ``},
		{"point without digits", `{"event":1.}`, hec.InvalidDataFormat, 0, ``},
		{"word", `{"event":nul}`, hec.InvalidDataFormat, 0, ``},
		{"comma at the end of an object", `{"event":1,}`, hec.InvalidDataFormat, 0, ``},
		{"comma at the end of an array", `{"event":[1,]}`, hec.InvalidDataFormat, 0, ``},
		{"key is a number", `{1:"event"}`, hec.InvalidDataFormat, 0, ``},
		{"no colon", `{"event" 1}`, hec.InvalidDataFormat, 0, ``},
		{"blank by escapes", `{"event":"\u0020\n\u2003"}`, hec.EventBlank, 0, ``},
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
		got, refused := collect(c.body, hec.Limits{})
		if refused == nil || refused.Code != c.code || refused.Event != c.event {
			t.Errorf("%s: %v, want code %d at %d", c.name, refused, c.code, c.event)
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
	for _, c := range []struct {
		body   string
		limits hec.Limits
		want   int // the event that is refused, -1 for none
		limit  hec.Limit
	}{
		{`{"event":"abc"}`, hec.Limits{MaxEvent: 5}, -1, ""},
		{`{"event":1}{"event":"abcd"}`, hec.Limits{MaxEvent: 5}, 1, hec.LimitEvent},
		{"{\"event\":\"\xE4\"}", hec.Limits{MaxEvent: 5}, -1, ""},
		{"{\"event\":\"\xE4\xE4\"}", hec.Limits{MaxEvent: 5}, 0, hec.LimitEvent}, // what comes of it counts
		{`{"event":[[1]]}`, hec.Limits{MaxDepth: 3}, -1, ""},
		{`{"event":[[[]}`, hec.Limits{MaxDepth: 3}, 0, ""}, // no JSON at any depth
		{`{"event":[[[]]]}`, hec.Limits{MaxDepth: 3}, 0, hec.LimitDepth},
		{`{"x":[[[]]],"event":1}`, hec.Limits{MaxDepth: 3}, 0, hec.LimitDepth},
		{`{"event":"[[["}`, hec.Limits{MaxDepth: 3}, -1, ""},
		{`{"event":"\"["}`, hec.Limits{MaxDepth: 1}, -1, ""},
		{`{"event":1}{"event":1}`, hec.Limits{MaxEvents: 2}, -1, ""},
		{`{"event":1}{"event":1} {"event":""}`, hec.Limits{MaxEvents: 2}, 2, hec.LimitEvents},
		{`[{"event":1},{"event":1},{"event":1}]`, hec.Limits{MaxEvents: 2}, 2, hec.LimitEvents},
		{`{"event":1,"a":"23456"}`, hec.Limits{MaxEnvelope: 23}, -1, ""},
		{`{"event":1,"a":"234567"}`, hec.Limits{MaxEnvelope: 23}, 0, hec.LimitEvent},
		{`{"event":1,"a":"` + strings.Repeat("x", 128<<10-8) + `"}`, hec.Limits{MaxEvent: 10}, -1, ""},
		{`{"event":1,"a":"` + strings.Repeat("x", 128<<10-7) + `"}`, hec.Limits{MaxEvent: 10}, 0, hec.LimitEvent},
	} {
		_, refused := collect(c.body, c.limits)
		switch {
		case c.want < 0 && refused != nil:
			t.Errorf("%.50s: %v", c.body, refused)
		case c.want >= 0 && (refused == nil || refused.Code != hec.InvalidDataFormat || refused.Event != c.want || refused.Limit != c.limit):
			t.Errorf("%.50s: %v, want code 6 at %d, limit %q", c.body, refused, c.want, c.limit)
		}
	}
}

func TestScanText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ event, text string }{
		{`"a"`, "a"},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{`"\u0041\u00e4\u20AC"`, "Aä€"},
		{`"\ud83d\ude00!"`, "😀!"},
		{`"\ud83d"`, "\uFFFD"},
		{`"\ude00\ud83d"`, "\uFFFD\uFFFD"},
		{`"\ud83d\u0041"`, "\uFFFDA"},
		{`"\ud83d\ud83d\ude00"`, "\uFFFD😀"},
		{`"\\u0041"`, `\u0041`},
		{"\"\xff\xfea\"", "\uFFFD\uFFFDa"},
	} {
		got, refused := collect(`{"event":`+c.event+`}`, hec.Limits{})
		if refused != nil {
			t.Errorf("%s: %v", c.event, refused)
			continue
		}
		if text, ok := got[0].Text(); !ok || string(text) != c.text {
			t.Errorf("%s: %q, %t; want %q", c.event, text, ok, c.text)
		}
	}
	got, _ := collect(`{"event":{"a":"b"}}`, hec.Limits{})
	if text, ok := got[0].Text(); ok {
		t.Errorf("an object is the text %q", text)
	}
}

// Many fields take another way than few, to the same end.
func TestScanManyFields(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString(`{"event":1,"fields":{`)
	for i := range 5000 {
		fmt.Fprintf(&body, `"f%d":%d,`, i%2000, i)
	}
	body.WriteString(`"f7":[]}}`)
	got, refused := collect(body.String(), hec.Limits{})
	if refused != nil {
		t.Fatal(refused)
	}
	before := []wire.Field{field("f1", `"before"`)}
	fields := got[0].AppendFields(before)
	if len(fields) != 2001 || fieldPairs(fields)[0] != `f1="before"` {
		t.Fatalf("%d fields, the first %s", len(fields), fields[0].JSON)
	}
	plain, _ := plainScan([]byte(body.String()), hec.Limits{MaxEvent: 1 << 20, MaxEnvelope: 1 << 20, MaxDepth: 9})
	var pairs []string
	for _, f := range fields[1:] {
		pairs = append(pairs, f.Name, string(f.JSON))
	}
	if !reflect.DeepEqual(pairs, plain[0].Fields) {
		t.Error("not the fields that encoding/json reads")
	}
}

// What a body is cut into at envelopes is the same events.
func TestScanPositions(t *testing.T) {
	t.Parallel()
	const body = " {\"event\":\"a\"}\n\n{\"event\":\"\xE4\"}{\"event\":3} "
	in := hec.NewScanner([]byte(body), hec.Limits{})
	var ends []int
	for in.Next() {
		if e := in.Envelope(); string(in.Body()[e.Start:e.End]) != string(e.Raw) {
			t.Errorf("%d to %d is not %s", e.Start, e.End, e.Raw)
		}
		ends = append(ends, in.Envelope().End)
	}
	if in.Refused() != nil || in.Array() || in.Events() != 3 {
		t.Fatalf("%d events, %v", in.Events(), in.Refused())
	}
	first, refused := collect(string(in.Body()[:ends[1]]), hec.Limits{})
	if refused != nil || show(first) != "\"a\";\"\uFFFD\";" {
		t.Errorf("the first two are %s, %v", show(first), refused)
	}
	last, refused := collect(string(in.Body()[ends[1]:]), hec.Limits{})
	if refused != nil || show(last) != "3;" {
		t.Errorf("the last is %s, %v", show(last), refused)
	}
	if in = hec.NewScanner([]byte(`[{"event":1}]`), hec.Limits{}); !in.Next() || !in.Array() || in.Next() || in.Next() {
		t.Error("an array of one is something else")
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
	if got[0].TimeNS != e.TimeNS || got[0].Host != e.Host || len(got[0].AppendFields(nil)) != len(e.Fields) || string(got[1].Event) != `"-"` {
		t.Errorf("read back as %+v", got)
	}
}

func FuzzScan(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		limits := hec.Limits{MaxEvent: 100, MaxEnvelope: 200, MaxEvents: 20, MaxDepth: 8}
		if largeExponent.Match(body) {
			return // the plain version would take its time
		}
		original := bytes.Clone(body)
		got, refused := collect(string(body), limits)
		want, wantRefused := plainScan(body, limits)
		if !bytes.Equal(body, original) {
			t.Fatal("the body was written to")
		}
		if (refused == nil) != (wantRefused == nil) ||
			refused != nil && (refused.Code != wantRefused.Code || refused.Event != wantRefused.Event) {
			t.Fatalf("%v, want %v", refused, wantRefused)
		}
		if len(got) != len(want) {
			t.Fatalf("%d envelopes, want %d", len(got), len(want))
		}
		for i := range got {
			if d := decode(&got[i]); !reflect.DeepEqual(d, want[i]) {
				t.Fatalf("envelope %d is %+v, want %+v", i, d, want[i])
			}
		}
		sameInOtherForms(t, got, limits)
	})
}

func decode(e *hec.Envelope) decoded {
	d := decoded{
		TimeNS: e.TimeNS, HasTime: e.HasTime, Host: e.Host, Source: e.Source, Sourcetype: e.Sourcetype, Index: e.Index,
		Event: string(e.Event), Raw: string(e.Raw),
	}
	text, ok := e.Text()
	d.Text, d.IsText = string(text), ok
	for _, f := range e.AppendFields(nil) {
		d.Fields = append(d.Fields, f.Name, string(f.JSON))
	}
	return d
}

// sameInOtherForms scans the envelopes again, concatenated and as an array.
func sameInOtherForms(t *testing.T, envelopes []hec.Envelope, limits hec.Limits) {
	t.Helper()
	if len(envelopes) == 0 {
		return
	}
	var raws []string
	for _, e := range envelopes {
		raws = append(raws, string(e.Raw))
	}
	for _, form := range []string{strings.Join(raws, ""), "[" + strings.Join(raws, ",") + "]"} {
		again, refused := collect(form, limits)
		if refused != nil || show(again) != show(envelopes) {
			t.Fatalf("%s: %s, %v; want %s", form, show(again), refused, show(envelopes))
		}
	}
}

// largeExponent is in bodies on which big.Rat would take its time.
var largeExponent = regexp.MustCompile(`[eE][+-]?[0-9]{5}`)

func TestScanAllocates(t *testing.T) { //nolint:paralleltest // counts allocations of the process
	body := benchBody(true, 200, 50)
	fields := make([]wire.Field, 0, 16)
	perBody := testing.AllocsPerRun(100, func() {
		in := hec.NewScanner(body, hec.Limits{})
		for in.Next() {
			fields = in.Envelope().AppendFields(fields[:0])
		}
	})
	if perBody > 1 { // the scanner
		t.Errorf("%v allocations for 50 envelopes", perBody)
	}
}

// benchBody is n envelopes as OpenTelemetry's exporter sends them, with events of
// about size bytes.
func benchBody(fields bool, size, n int) []byte {
	const line = `2024-05-01T12:00:00.123456Z INFO checkout "order placed" order=31337 user=42 amount=17.50 currency=EUR duration=12ms `
	e := wire.Event{
		TimeNS: 1714564800_123456000, Host: "shop-production", Source: "web", Sourcetype: "heroku:app", Index: "main",
		Text: []byte(strings.Repeat(line, size/len(line)+1)[:size]),
	}
	if fields {
		e.Fields = typical().Fields
	}
	var body []byte
	for range n {
		body = hec.AppendEvent(body, &e)
	}
	return body
}

func BenchmarkScan(b *testing.B) {
	scan := func(name string, body []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				in := hec.NewScanner(body, hec.Limits{})
				for in.Next() {
				}
				if in.Events() == 0 || in.Refused() != nil {
					b.Fatal(in.Refused())
				}
			}
		})
	}
	for _, size := range []int{100, 1000, 2000} {
		scan(fmt.Sprintf("text=%d", size), benchBody(false, size, 100))
		scan(fmt.Sprintf("text=%d/fields", size), benchBody(true, size, 100))
	}
	scan("docker", bytes.Repeat([]byte(`{"event":{"line":"10.1.2.3 - - [01/May/2024:12:00:00 +0000] \"GET / HTTP/1.1\" 200 612",`+
		`"source":"stdout","tag":"0123456789ab"},"time":"1795311637.708817","host":"vm"}`), 100))
	scan("object", bytes.Repeat([]byte(`{"time":1714564800.123456,"event":{"level":"info","msg":"order placed","order":31337,"user":{"id":42,`+
		`"plan":"pro"},"items":[{"sku":"a-1","n":2},{"sku":"b-2","n":1}],"amount":17.50,"currency":"EUR","duration":12,"ok":true}}`), 100))
}

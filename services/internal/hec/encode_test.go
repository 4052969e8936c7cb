package hec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

func field(name, value string) wire.Field { return wire.Field{Name: name, JSON: []byte(value)} }

func TestAppendEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		event wire.Event
		want  string
	}{
		{"everything", wire.Event{
			TimeNS: 1433188255_500123999, Host: "shop", Source: "web", Sourcetype: "heroku:app", Index: "main", Text: []byte("hi"),
			Fields: []wire.Field{field("heroku_app", `"shop"`), field("n", `[1,null,true]`)},
		}, `{"time":1433188255.500123,"host":"shop","source":"web","sourcetype":"heroku:app","index":"main",` +
			`"event":"hi","fields":{"heroku_app":"shop","n":[1,null,true]}}`},
		{"text alone", wire.Event{Text: []byte("hi")}, `{"event":"hi"}`},
		{"JSON as it is", wire.Event{JSON: []byte(`{ "a": 1 }`)}, `{"event":{ "a": 1 }}`},
		{"JSON before text", wire.Event{JSON: []byte(`7`), Text: []byte("hi")}, `{"event":7}`},
		{"one microsecond", wire.Event{TimeNS: 1000, Text: []byte("x")}, `{"time":0.000001,"event":"x"}`},
		{"last time", wire.Event{TimeNS: math.MaxInt64, Text: []byte("x")}, `{"time":9223372036.854775,"event":"x"}`},
		{"time before 1970", wire.Event{TimeNS: -1, Text: []byte("x")}, `{"event":"x"}`},
		{"first time", wire.Event{TimeNS: math.MinInt64, Text: []byte("x")}, `{"event":"x"}`},
		{"no body", wire.Event{}, `{"event":"-"}`},
		{"empty text", wire.Event{Text: []byte{}}, `{"event":"-"}`},
		{"blank text", wire.Event{Text: []byte(" \t\r\n")}, `{"event":"-"}`},
		{"Unicode's blanks", wire.Event{Text: []byte("\u00a0\u2003\u3000")}, `{"event":"-"}`},
		{"blank at the start", wire.Event{Text: []byte(" x")}, `{"event":" x"}`},
		{"not blank to Unicode", wire.Event{Text: []byte("\u200b")}, "{\"event\":\"\u200b\"}"},
		{
			"escapes",
			wire.Event{Text: []byte("\"\\\b\f\n\r\t\x00\x1b\x7f/<>&")},
			`{"event":"\"\\\u0008\u000c\n\r\t\u0000\u001b` + "\x7f" + `/<>&"}`,
		},
		{"UTF-8", wire.Event{Text: []byte("grüße 😀 \u2028")}, "{\"event\":\"grüße 😀 \u2028\"}"},
		{"not UTF-8", wire.Event{Text: []byte("a\xe4\xffb\xf0\x9f")}, "{\"event\":\"a\uFFFD\uFFFDb\uFFFD\uFFFD\"}"},
		{
			"forged envelope",
			wire.Event{Text: []byte(`","index":"evil"}{"event":"forged`)},
			`{"event":"\",\"index\":\"evil\"}{\"event\":\"forged"}`,
		},
		{"forged metadata", wire.Event{Host: `h","index":"evil`, Text: []byte("x")}, `{"host":"h\",\"index\":\"evil","event":"x"}`},
		{
			"name escaped",
			wire.Event{Text: []byte("x"), Fields: []wire.Field{field("a\"\n", `1`)}},
			`{"event":"x","fields":{"a\"\n":1}}`,
		},
		{
			"no value",
			wire.Event{Text: []byte("x"), Fields: []wire.Field{field("a", ``), field("b", `2`)}},
			`{"event":"x","fields":{"b":2}}`,
		},
		{"no values", wire.Event{Text: []byte("x"), Fields: []wire.Field{field("a", ``)}}, `{"event":"x"}`},
	} {
		if got := string(hec.AppendEvent(nil, &c.event)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Every byte at every place of the eight that are looked at together, and of the rest
// behind them.
func TestAppendEventEscapesEverywhere(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for _, size := range []int{1, 7, 8, 9, 15, 16, 17} {
			for at := range size {
				text := bytes.Repeat([]byte{'x'}, size)
				text[at] = byte(c)
				checkAgainstJSON(t, &wire.Event{Text: text})
			}
		}
	}
}

func TestAppendEventAppends(t *testing.T) {
	t.Parallel()
	got := hec.AppendEvent([]byte(`{"event":"a"}`), &wire.Event{Text: []byte("b")})
	if want := `{"event":"a"}{"event":"b"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppendEventAllocatesNothing(t *testing.T) { //nolint:paralleltest // counts allocations of the process
	e := typical()
	dst := make([]byte, 0, 1<<10)
	for _, filter := range []*hec.FieldFilter{nil, hec.NewFieldFilter([]string{"heroku_*", "env"})} {
		if n := testing.AllocsPerRun(100, func() { dst = hec.AppendEventWith(dst[:0], e, filter) }); n != 0 {
			t.Errorf("%v allocations an event", n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { dst = hec.AppendRaw(dst[:0], e) }); n != 0 || hec.Larger(e, 1000) {
		t.Errorf("%v allocations a line", n)
	}
}

// checkAgainstJSON holds an encoded event to what encoding/json makes of it.
func checkAgainstJSON(t *testing.T, e *wire.Event) {
	t.Helper()
	encoded := hec.AppendEvent(nil, e)
	decode := json.NewDecoder(bytes.NewReader(encoded))
	decode.UseNumber()
	var got map[string]any
	if err := decode.Decode(&got); err != nil {
		t.Fatalf("%s does not decode: %v", encoded, err)
	}
	if rest := encoded[decode.InputOffset():]; len(rest) > 0 {
		t.Fatalf("%s follows an envelope", rest)
	}
	if want := plainEnvelope(t, e); !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\n got %#v\nwant %#v", encoded, got, want)
	}
}

// plainEnvelope says the same as AppendEvent, slowly.
func plainEnvelope(t *testing.T, e *wire.Event) map[string]any {
	t.Helper()
	want := map[string]any{}
	if e.TimeNS > 0 {
		want["time"] = json.Number(fmt.Sprintf("%d.%06d", e.TimeNS/1e9, e.TimeNS%1e9/1e3))
	}
	for key, value := range map[string]string{"host": e.Host, "source": e.Source, "sourcetype": e.Sourcetype, "index": e.Index} {
		if value != "" {
			want[key] = through(t, value)
		}
	}
	switch {
	case len(e.JSON) > 0:
		want["event"] = value(t, e.JSON)
	case strings.TrimSpace(string(e.Text)) == "":
		want["event"] = "-"
	default:
		want["event"] = through(t, string(e.Text))
	}
	fields := map[string]any{}
	for _, f := range e.Fields {
		if len(f.JSON) > 0 {
			fields[through(t, f.Name)] = value(t, f.JSON)
		}
	}
	if len(fields) > 0 {
		want["fields"] = fields
	}
	return want
}

// through is s after encoding/json wrote and read it: with U+FFFD for what is not UTF-8.
func through(t *testing.T, s string) string {
	t.Helper()
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	s, _ = value(t, encoded).(string)
	return s
}

func value(t *testing.T, encoded []byte) any {
	t.Helper()
	decode := json.NewDecoder(bytes.NewReader(encoded))
	decode.UseNumber()
	var v any
	if err := decode.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzAppendEvent(f *testing.F) {
	f.Add(int64(1433188255_500123999), "host", "source", "sourcetype", "index", []byte("text"), []byte(nil), "name", []byte(`"v"`))
	f.Add(int64(-1), "", "", "", "", []byte(" \u00a0"), []byte(`{"a":[1,2]}`), "", []byte(`[1,"x"]`))
	f.Add(int64(0), "\xff", "\"", "\\", "\x00", []byte("a\xf0\x9f\u2028\"\n12345678\x80"), []byte(nil), "\n", []byte(`null`))
	f.Add(int64(1), "", "", "", "", []byte(`","index":"evil"}{"event":"forged`), []byte(nil), `":1,"b`, []byte(``))
	f.Fuzz(func(t *testing.T, ns int64, host, source, sourcetype, index string, text, body []byte, name string, fieldValue []byte) {
		if !json.Valid(body) {
			body = nil
		}
		if !json.Valid(fieldValue) {
			fieldValue = nil
		}
		checkAgainstJSON(t, &wire.Event{
			TimeNS: ns, Host: host, Source: source, Sourcetype: sourcetype, Index: index, Text: text, JSON: body,
			Fields: []wire.Field{{Name: name, JSON: fieldValue}},
		})
	})
}

// typical is an application's line of 200 bytes with the five default fields.
func typical() *wire.Event {
	const line = `2024-05-01T12:00:00.123456Z INFO checkout "order placed" order=31337 user=42 amount=17.50 currency=EUR duration=12ms `
	return &wire.Event{
		TimeNS: 1714564800_123456000, Host: "shop-production", Source: "web", Sourcetype: "heroku:app", Index: "main",
		Text: []byte((line + line)[:200]),
		Fields: []wire.Field{
			field("heroku_app", `"shop-production"`), field("heroku_process", `"web"`), field("heroku_dyno", `"web.1"`),
			field("heroku_kind", `"app"`), field("heroku_code", `"H12"`),
		},
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	e := typical()
	dst := hec.AppendEvent(nil, e)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = hec.AppendEvent(dst[:0], e)
	}
}

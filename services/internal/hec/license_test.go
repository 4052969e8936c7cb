package hec

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
)

func TestLicenseBytes(t *testing.T) {
	t.Parallel()
	metric := func(fields ...string) wire.Event {
		e := wire.Event{JSON: []byte(`"metric"`)}
		for _, name := range fields {
			e.Fields = append(e.Fields, wire.Field{Name: name, JSON: []byte("1")})
		}
		return e
	}
	for _, c := range []struct {
		name string
		in   wire.Event
		want int
	}{
		{"text", wire.Event{Text: []byte("hello")}, 5},
		{"text that JSON escapes", wire.Event{Text: []byte("a\n\"\x1b\\")}, 5},
		{"text beyond ASCII", wire.Event{Text: []byte("h\u00e9\U0001F600")}, 7},
		{"text that is no UTF-8", wire.Event{Text: []byte("a\xff\xfeb")}, 8},
		{"no text", wire.Event{}, 1},
		{"blank text", wire.Event{Text: []byte(" \t\n")}, 1},
		{"JSON", wire.Event{JSON: []byte(`{"a": 1}`)}, 8},
		{"number", wire.Event{JSON: []byte("12")}, 2},
		{"JSON string", wire.Event{JSON: []byte(`"a\n\u00e9"`)}, 4},
		{"metadata and fields are free", wire.Event{
			Text: []byte("x"), Host: "h", Source: "s", Sourcetype: "t", Index: "i", Fields: []wire.Field{{Name: "n", JSON: []byte(`"v"`)}},
		}, 1},
		{"small metric", metric("metric_name:a"), len(`{"metric_name:a":1}`)},
		{"metric", metric("metric_name:a", "app"), len(`{"metric_name:a":1,"app":1}`)},
		{"large metric", metric("metric_name:" + strings.Repeat("a", 200)), 150},
		{"single metric", metric("metric_name", "_value"), len(`{"metric_name":1,"_value":1}`)},
		{"event that says metric", metric("app"), 6},
		{"event that says metric, with a field of such a name", metric("metric_names"), 6},
		{"metric whose event came as text", wire.Event{Text: []byte("metric"), Fields: metric("metric_name:a").Fields}, len(`{"metric_name:a":1}`)},
		{"text that says metric", wire.Event{Text: []byte("metric"), Fields: metric("app").Fields}, 6},
	} {
		if got := LicenseBytes(&c.in); got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.want)
		}
	}
}

// What is metered of a text is what a JSON parser reads in the envelope that is sent.
func TestLicenseBytesAreThoseSent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := wire.Event{Text: rapid.SliceOf(rapid.Byte()).Draw(t, "text")}
		if rapid.Bool().Draw(t, "as JSON") {
			e = wire.Event{JSON: AppendString(nil, e.Text)}
		}
		var sent struct {
			Event string `json:"event"`
		}
		if err := json.Unmarshal(AppendEvent(nil, &e), &sent); err != nil {
			t.Fatal(err)
		}
		if got := LicenseBytes(&e); got != len(sent.Event) {
			t.Fatalf("%d bytes, %d were sent: %q", got, len(sent.Event), sent.Event)
		}
	})
}

package cases

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform"
)

// batch is what goes to a destination: events of the requests with these numbers.
func batch(destination string, requests []uint64, events ...wire.Event) wire.Batch {
	b := wire.Batch{Destination: destination, Events: events}
	for i, n := range requests {
		var id wire.ID
		binary.BigEndian.PutUint64(id[8:], n)
		b.Origins = append(b.Origins, wire.Origin{RequestID: id, App: "shop"})
		b.Events[i].Origin = uint32(i)
	}
	return b
}

// with is the batch with a token that a rule chose.
func with(token string, b wire.Batch) wire.Batch {
	b.Token = token
	return b
}

func text(message string) wire.Event {
	return wire.Event{Text: []byte(message), TimeNS: 1_767_225_600_123_456_789}
}

func fieldsOf(pairs ...string) []wire.Field {
	var fields []wire.Field
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, wire.Field{Name: pairs[i], JSON: []byte(pairs[i+1])})
	}
	return fields
}

// dead is a dead letter of frames.
func dead(t *testing.T, reason string, frames string) *drainlinev1.DeadBlock {
	t.Helper()
	original, err := proto.Marshal(&drainlinev1.RawBlock{Requests: []*drainlinev1.Request{
		{Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Body: []byte(frames)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &drainlinev1.DeadBlock{Reason: reason, Content: drainlinev1.Content_CONTENT_RAW_BLOCK, Original: original}
}

// judged is what a case with that expectation says of an output.
func judged(t *testing.T, expected string, out transform.TrialOutput) Result {
	t.Helper()
	f, _, err := read(t, "cases:\n- name: a\n  input: x\n  "+strings.ReplaceAll(expected, "\n", "\n  ")+"\n")
	if err != nil {
		t.Fatalf("%s: %v", expected, err)
	}
	r, err := f.Cases[0].judge(&out)
	if err != nil {
		t.Fatalf("%s: %v", expected, err)
	}
	return r
}

// output is an event with everything, and one that is JSON.
func output(t *testing.T) transform.TrialOutput {
	t.Helper()
	full := text("a\tb <é> \xff")
	full.Host, full.Source, full.Sourcetype, full.Index = "h", "s", "t", "i"
	full.Kind, full.Code, full.Dyno, full.Process = "app", "H12", "web.1", "web"
	full.Fields = fieldsOf("heroku_app", `"blog"`, "n", "1.0", "list", `["a",2]`, "null", "null")
	object := wire.Event{JSON: []byte(`{"a": {"b": [1, {"c": "d"}], "n": null}, "big": 9007199254740993, "t": true}`)}
	return transform.TrialOutput{
		Batches:  []wire.Batch{batch("splunk", []uint64{2}, object), with("team", batch("splunk", []uint64{1}, full))},
		Filtered: 2,
		Dead:     []*drainlinev1.DeadBlock{dead(t, "over_limit", "1 x1 x"), dead(t, "over_limit", "1 x"), dead(t, "bad", "")},
	}
}

const deadAll = "dead: [bad, {reason: over_limit, count: 3}]\n"

// What fits, and where what does not fit differs.
func TestCompare(t *testing.T) {
	t.Parallel()
	event := func(n int, keys string) string {
		events := [2]string{"{}", "{}"}
		events[n] = "{" + keys + "}"
		return deadAll + "events: [" + events[0] + ", " + events[1] + "]"
	}
	first := func(keys string) string { return event(0, keys) }
	second := func(keys string) string { return event(1, keys) }
	for _, c := range []struct{ expected, want string }{
		{deadAll + "events: 2\nfiltered: 2", ""},
		{deadAll + "events: 3\nfiltered: 1", "events: 3, 2; filtered: 1, 2"},
		{"dead: [over_limit, bad]", "dead.over_limit: 1, 3"},
		{"events: 2", "dead.bad: 0, 1; dead.over_limit: 0, 3"},
		{"dead: []", "dead.bad: 0, 1; dead.over_limit: 0, 3"},
		{deadAll + "filtered: 2", ""},
		{"dead: {reason: other}", "dead.bad: 0, 1; dead.other: 1, 0; dead.over_limit: 0, 3"},
		{first(""), ""},
		{first("host: h, source: s, sourcetype: t, index: i, kind: app, code: H12, dyno: web.1, process: web, app: blog"), ""},
		{first("host: g, app: shop"), `events[0].host: "g", "h"; events[0].app: "shop", "blog"`},
		{first(`message: "a\tb <é> \ufffd"`), ""},
		{first("message: a"), `events[0].message: "a", "a\tb <é> ` + "\ufffd" + `"`},
		{first("token: team"), ""},
		{first("token: ''"), `events[0].token: "", "team"`},
		{second("token: team"), `events[1].token: "team", ""`},
		{second("token: ~"), ""},
		{first("index: ~"), `events[0].index: "", "i"`},
		{first("time: 2026-01-01T00:00:00.123456Z"), ""},
		{first("time: 2026-01-01T01:00:00.123456999+01:00"), ""},
		{first("time: 2026-01-01T00:00:00Z"), `events[0].time: "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789Z"`},
		{first("fields: {heroku_app: blog, n: 1, list: [a, 2], absent: ~, 'null': ~}"), ""},
		{first("fields: {n: '1.0', list: [a], heroku_app: ~, absent: x}"), `events[0].fields.absent: "x", nothing; ` +
			`events[0].fields.heroku_app: nothing, "blog"; events[0].fields.list: ["a"], ["a",2]; events[0].fields.n: "1.0", 1.0`},
		{first("json: {a: 1}"), `events[0].json: {"a":1}, text: "a\tb <é> ` + "\ufffd" + `"`},
		{first("destination: splunk"), ""},
		{first("destination: [splunk, other]"), `events[0].destination: ["other","splunk"], ["splunk"]`},
		{second("json: {a: {b: [1, {c: d}], n: ~, x: ~}, big: 9007199254740993, t: true}, app: shop, host: ''"), ""},
		{second("json: {big: 9007199254740992}"), "events[1].json.big: 9007199254740992, 9007199254740993"},
		{second("json: {a: {b: [1.0, {}]}}"), ""},
		{second("json: {a: {b: [1]}}"), `events[1].json.a.b: [1], [1,{"c":"d"}]`},
		{second("json: {a: {b: [1, {c: e}], c: 1}}"), `events[1].json.a.b[1].c: "e", "d"; events[1].json.a.c: 1, nothing`},
		{second("json: {t: 'true', a: 1}"), `events[1].json.a: 1, {"b":[1,{"c":"d"}],"n":null}; events[1].json.t: "true", true`},
		{second("json: [1]"), `events[1].json: [1], {"a":{"b":[1,{"c":"d"}],"n":null},"big":9007199254740993,"t":true}`},
		{second("json: {t: ~}"), "events[1].json.t: nothing, true"},
		{second(`message: '{"a": {"b": [1, {"c": "d"}], "n": null}, "big": 9007199254740993, "t": true}'`), ""},
		{deadAll + "events: []", `events: 0, 2; events[0]: nothing, {destination: splunk, index: "i", sourcetype: "t", message: "a\tb <é> ` + "\ufffd" + `"}; ` +
			`events[1]: nothing, {destination: splunk, index: "", sourcetype: "", message: "{\"a\": {\"b\": [1, {\"c\": \"d\"}], \"n\": null}, \"big\": 9007199254740993, \"t\": true}"}`},
		{deadAll + "events:\n- {json: {t: true}}", `events: 1, 2; events[0]: nothing, {destination: splunk, index: "i", sourcetype: "t", message: "a\tb <é> ` + "\ufffd" + `"}`},
		{
			deadAll + "events:\n- {host: h}\n- {host: x, json: {t: 1}, fields: {a: 1}, time: 2026-01-01T00:00:00Z, destination: d}\n- {json: {t: true}}",
			`events: 3, 2; events[1]: {host: "x", json: {"t":1}, fields: {"a":1}, time: 2026-01-01T00:00:00Z, destination: ["d"]} of line 7, nothing`,
		},
	} {
		r := judged(t, c.expected, output(t))
		var got []string
		for _, d := range r.Differences {
			got = append(got, d.Path+": "+d.Expected+", "+d.Actual)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" || r.OK != (c.want == "") {
			t.Errorf("%s (- wanted, + got):\n%s", c.expected, diff)
		}
	}
}

// Events are in the order of the input, and those that are the same for several destinations
// are one.
func TestMerge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		batches []wire.Batch
		want    string
	}{
		{[]wire.Batch{batch("a", []uint64{1, 2}, text("1"), text("2")), batch("b", []uint64{1, 2}, text("1"), text("2"))}, "1 a,b; 2 a,b"},
		{[]wire.Batch{batch("b", []uint64{2}, text("2")), batch("a", []uint64{1, 3}, text("1"), text("3"))}, "1 a; 2 b; 3 a"},
		{[]wire.Batch{batch("a", []uint64{1, 2}, text("1"), text("2")), batch("b", []uint64{1, 2}, text("x"), text("2"))}, "1 a; x b; 2 a,b"},
		{[]wire.Batch{batch("a", []uint64{1, 1}, text("1"), text("1")), batch("b", []uint64{1}, text("1"))}, "1 a,b; 1 a"},
		{[]wire.Batch{batch("a", []uint64{2, 1}, text("2"), text("1")), batch("b", []uint64{2, 1}, text("2"), text("1"))}, "1 a,b; 2 a,b"},
		{[]wire.Batch{batch("a", []uint64{1}, text("1")), batch("a", []uint64{2}, text("2"))}, "1 a; 2 a"},
		{[]wire.Batch{batch("a", []uint64{1, 3}, text("1"), text("3")), with("x", batch("a", []uint64{2, 4}, text("2"), text("4")))}, "1 a; 2 a; 3 a; 4 a"},
		{[]wire.Batch{with("x", batch("a", []uint64{1}, text("1"))), with("x", batch("b", []uint64{1}, text("1")))}, "1 a,b"},
		{[]wire.Batch{with("x", batch("a", []uint64{1}, text("1"))), batch("b", []uint64{1}, text("1"))}, "1 a; 1 b"},
		{[]wire.Batch{batch("a", []uint64{1, 2}, text("1"), text("2")), batch("a", []uint64{1}, text("metric"))}, "1 a; metric a; 2 a"},
		{nil, ""},
	} {
		o, err := newOutcome(&transform.TrialOutput{Batches: c.batches})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range o.Events {
			got = append(got, o.Events[i].message()+" "+strings.Join(o.Events[i].Destination, ","))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s, want %s", strings.Join(got, "; "), c.want)
		}
	}
}

// What is no JSON is our mistake, and told as one.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	for _, e := range []wire.Event{{JSON: []byte("{")}, {Fields: fieldsOf("a", "x")}} {
		_, err := newOutcome(&transform.TrialOutput{Batches: []wire.Batch{batch("splunk", []uint64{1}, e)}})
		if err == nil || !strings.Contains(err.Error(), "an event for splunk: its ") {
			t.Errorf("%v", err)
		}
	}
}

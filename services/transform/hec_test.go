package transform

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

func envelopes(change func(*drainlinev1.Request), body string) *drainlinev1.Request {
	r := &drainlinev1.Request{
		Id: []byte("0123456789abcdef"), Door: drainlinev1.Door_DOOR_HEC, Credential: "web", ReceivedNs: received,
		Encoding: drainlinev1.Encoding_ENCODING_HEC_EVENTS, Body: []byte(body),
	}
	if change != nil {
		change(r)
	}
	return r
}

func rawLines(change func(*drainlinev1.Request), body string) *drainlinev1.Request {
	r := envelopes(change, body)
	r.Encoding = drainlinev1.Encoding_ENCODING_HEC_RAW
	return r
}

func TestEnvelopes(t *testing.T) {
	all := defaults(&drainlinev1.Defaults{
		Host: "h", Source: "s", Sourcetype: "st", Index: "i", Fields: []*drainlinev1.Field{field("env", `"prod"`), field("n", `1`)},
	})
	splitting := defaults(&drainlinev1.Defaults{Host: "h", SplitArrays: true})
	for _, c := range []struct {
		name   string
		change func(*drainlinev1.Request)
		body   string
		want   []string
	}{
		{"text", nil, `{"event":"hello"}`, []string{"    | hello"}},
		{"text with escapes", nil, `{"event":"a\u00e9\n\"\ud83d\ude00\ud800"}`, []string{"    | aé\n\"😀\ufffd"}},
		{"text that looks like JSON", nil, `{"event":"{\"a\":1}"}`, []string{`    | {"a":1}`}},
		{"number", nil, `{"event":1.10e+3}`, []string{"    | 1.10e+3"}},
		{"object", nil, `{"event":{"z":1, "a":0.10000000000000000001,"z":null}}`, []string{`    | {"z":1, "a":0.10000000000000000001,"z":null}`}},
		{"array", nil, `{"event":[{"a":1},{"a":2}]}`, []string{`    | [{"a":1},{"a":2}]`}},
		{"two", nil, `{"event":"a","host":"1"}{"event":"b"}`, []string{"1    | a", "    | b"}},
		{"metadata", all, `{"event":"a","host":"H","source":"S","sourcetype":"ST","index":"I"}`, []string{`H S ST index:I env="prod" n=1 | a`}},
		{"defaults", all, `{"event":"a","host":"","source":null}`, []string{`h s st index:i env="prod" n=1 | a`}},
		{"fields", all, `{"event":"a","fields":{"n":[1,"2"],"x":1.50}}`, []string{`h s st index:i n=[1,"2"] x=1.50 env="prod" | a`}},
		{"metric", nil, `{"event":"metric","fields":{"metric_name:cpu":0.10,"region":"eu"}}`, []string{`   metric_name:cpu=0.10 region="eu" | metric`}},
		{"split", splitting, `{"event":[{"a":1}, {"b":[2]}],"fields":{"x":1}}`, []string{`h   x=1 | {"a":1}`, `h   x=1 | {"b":[2]}`}},
		{"split of one", splitting, `{"event":[{}]}`, []string{`h    | {}`}},
		{"nothing to split", splitting, `{"event":[]}{"event":[{},1]}{"event":{"a":[{}]}}`, []string{`h    | []`, `h    | [{},1]`, `h    | {"a":[{}]}`}},
		{
			"mark", func(r *drainlinev1.Request) { all(r); r.Marks = []string{wire.MarkOverRate} },
			`{"event":"a","fields":{"drainline_mark":"forged","n":2}}`,
			[]string{`h s st index:i n=2 drainline_mark="over_rate" env="prod" | a`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := transformed(t, []string{"splunk"}, block(envelopes(c.change, c.body)))
			if diff := cmp.Diff(c.want, shown(t, out)); diff != "" || len(out.Dead) > 0 {
				t.Error(diff, out.Dead)
			}
			for _, e := range events(t, out, "splunk") {
				if e.Kind != "app" || e.TimeNS != received {
					t.Errorf("kind %q, time %d", e.Kind, e.TimeNS)
				}
			}
		})
	}
}

func TestTimeOfEnvelopes(t *testing.T) {
	given := defaults(&drainlinev1.Defaults{TimeNs: 5e9})
	for _, c := range []struct {
		name   string
		change func(*drainlinev1.Request)
		body   string
		want   int64
	}{
		{"received", nil, `{"event":1}`, received},
		{"given in the URL", given, `{"event":1}`, 5e9},
		{"the envelope's", given, `{"event":1,"time":1714564800.223456}`, 1714564800_223456000},
		{"the envelope's text", nil, `{"event":1,"time":"1714564800.223456"}`, 1714564800_223456000},
	} {
		if e := events(t, transformed(t, []string{"splunk"}, block(envelopes(c.change, c.body))), "splunk"); e[0].TimeNS != c.want {
			t.Errorf("%s: %d, want %d", c.name, e[0].TimeNS, c.want)
		}
	}
	if e := events(t, transformed(t, []string{"splunk"}, block(rawLines(given, "x"))), "splunk"); e[0].TimeNS != 5e9 {
		t.Errorf("raw line: %d", e[0].TimeNS)
	}
}

func TestRawLines(t *testing.T) {
	change := defaults(&drainlinev1.Defaults{Host: "h", Source: "s", Sourcetype: "st", Index: "i", Fields: []*drainlinev1.Field{field("env", `"prod"`)}})
	long := strings.Repeat("x", 70_000)
	out := transformed(t, []string{"splunk"}, block(rawLines(change, "one\r\n\n \t\n{\"event\":2}\n"+long+"\n\xffthree")))
	var want []string
	for _, text := range []string{"one", `{"event":2}`, long, "\xffthree"} {
		want = append(want, `h s st index:i env="prod" | `+text)
	}
	if diff := cmp.Diff(want, shown(t, out)); diff != "" {
		t.Error(diff)
	}
}

// Requests of all kinds share a block, and none's settings reach another's events.
func TestAllKindsInOneBlock(t *testing.T) {
	change := defaults(&drainlinev1.Defaults{Host: "h", Fields: []*drainlinev1.Field{field("env", `1`)}})
	const line = "<190>1 - host app web.1 - line"
	out := transformed(t, []string{"splunk"}, block(
		rawLines(change, "raw"), request(nil, line), envelopes(nil, `{"event":{},"fields":{"x":1}}`),
		request(change, line), rawLines(nil, "raw"), envelopes(change, `{"event":"e"}`)))
	const fields = `heroku_app="d.1" heroku_process="web" heroku_dyno="web.1" heroku_kind="app"`
	want := []string{
		`h   env=1 | raw`, `d.1 web heroku:app ` + fields + ` | line`, `   x=1 | {}`,
		`h web heroku:app ` + fields + ` env=1 | line`, `    | raw`, `h   env=1 | e`,
	}
	if diff := cmp.Diff(want, shown(t, out)); diff != "" {
		t.Error(diff)
	}
}

// What ingest would not have let in becomes a dead letter; what is before it does not.
func TestBadEnvelopes(t *testing.T) {
	for body, rest := range map[string]string{
		`{"event":"a"} {"evil":1}{"event":"b"}`:        ` {"evil":1}{"event":"b"}`,
		`{"event":"a"}{"event":`:                       `{"event":`,
		`{"event":"a"}]`:                               `]`,
		`[{"event":"a"},7]`:                            `,7]`,
		`{"event":"a"}` + strings.Repeat("[", 100_000): strings.Repeat("[", 100_000),
	} {
		out := transformed(t, []string{"splunk"}, block(envelopes(nil, body), envelopes(nil, `{"event":"c"}`)))
		if diff := cmp.Diff([]string{"    | a", "    | c"}, shown(t, out)); diff != "" {
			t.Error(diff)
		}
		var letter drainlinev1.RawBlock
		if len(out.Dead) != 1 || out.Dead[0].GetReason() != reasonBadEnvelope || out.Counts.Bad != 1 {
			t.Fatalf("dead letters %v, counts %+v", out.Dead, out.Counts)
		}
		if err := proto.Unmarshal(out.Dead[0].GetOriginal(), &letter); err != nil {
			t.Fatal(err)
		}
		if got := string(letter.GetRequests()[0].GetBody()); got != rest {
			t.Errorf("kept %.100q, want %.100q", got, rest)
		}
	}
}

// A dead part can be replayed: it keeps what its request said of its events.
func TestDeadPartsKeepTheirDefaults(t *testing.T) {
	d := &drainlinev1.Defaults{Host: "h", SplitArrays: true}
	r := envelopes(defaults(d), `oops`)
	r.Marks = []string{wire.MarkOverRate}
	out := transformed(t, []string{"splunk"}, block(r))
	var letter drainlinev1.RawBlock
	if err := proto.Unmarshal(out.Dead[0].GetOriginal(), &letter); err != nil {
		t.Fatal(err)
	}
	if got := letter.GetRequests()[0]; !proto.Equal(got.GetDefaults(), d) || len(got.GetMarks()) != 1 || got.GetCredential() != "web" {
		t.Errorf("%v", got)
	}
}

// An envelope whose other parts would be copied for every element stays one event.
func TestSplitIsBounded(t *testing.T) {
	body := `{"fields":{"x":"` + strings.Repeat("x", 100<<10) + `"},"event":[{}` + strings.Repeat(",{}", 1000) + `]}`
	out := transformed(t, []string{"splunk"}, block(envelopes(defaults(&drainlinev1.Defaults{SplitArrays: true}), body)))
	if out.Counts.Events != 1 {
		t.Errorf("%d events", out.Counts.Events)
	}
}

package cases

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform"
)

// report has a case that is fine and three that are not.
func report(t *testing.T) *Report {
	t.Helper()
	out := output(t)
	r := &Report{Files: 2}
	add := func(file, name, expected string) {
		result := judged(t, expected, out)
		result.File, result.Name = file, name
		r.Results = append(r.Results, result)
	}
	add("a_test.yaml", "fine", deadAll)
	add("a_test.yaml", "other index", deadAll+"events: [{index: web}, {message: '{\"a\": {\"b\": [1, {\"c\": \"e\"}]'}]")
	out = transform.TrialOutput{}
	add("b_test.yaml", "nothing & \x00 <none>", "events: [{host: h}]\nfiltered: 1")
	var many []wire.Event
	for range maxShown + 5 {
		many = append(many, text("x"))
	}
	out.Batches = []wire.Batch{batch("splunk", make([]uint64, len(many)), many...)}
	add("b_test.yaml", "many", "events: 1")
	return r
}

const wholeOutput = `      what came out:
        events:
          - destination: splunk
            time: 2026-01-01T00:00:00.123456789Z
            index: "i"
            sourcetype: "t"
            source: "s"
            host: "h"
            token: "team"
            kind: "app"
            code: "H12"
            app: "blog"
            process: "web"
            dyno: "web.1"
            message: "a\tb <é> ` + "\ufffd" + `"
            fields: {"heroku_app":"blog","list":["a",2],"n":1.0,"null":null}
          - destination: splunk
            time: 1970-01-01T00:00:00Z
            app: "shop"
            json: {"a":{"b":[1,{"c":"d"}],"n":null},"big":9007199254740993,"t":true}
        filtered: 2
        dead: {reason: bad, count: 1}
        dead: {reason: over_limit, count: 3}
`

func TestText(t *testing.T) {
	t.Parallel()
	const differences = `      events[0].index
        expected "web"
        actual   "i"
      events[1].message
        expected "{\"a\": {\"b\": [1, {\"c\": \"e\"}]"
        actual   "{\"a\": {\"b\": [1, {\"c\": \"d\"}], \"n\": null}, \"big\": 9007199254740993, \"t\": true}"
                                                ^
`
	const rest = `FAIL  b_test.yaml:2: nothing & \x00 <none>
      events
        expected 1
        actual   0
      events[0]
        expected {host: "h"} of line 4
        actual   nothing
      filtered
        expected 1
        actual   0
      what came out:
        events: []
        filtered: 0
FAIL  b_test.yaml:2: many
      events
        expected 1
        actual   15
`
	for _, verbose := range []bool{false, true} {
		var b strings.Builder
		if err := report(t).WriteText(&b, verbose); err != nil {
			t.Fatal(err)
		}
		want := "ok    a_test.yaml: fine\n"
		if verbose {
			want += wholeOutput
		}
		want += "FAIL  a_test.yaml:2: other index\n" + differences + wholeOutput + strings.ReplaceAll(rest, `\x00`, "\x00")
		got, more, _ := strings.Cut(b.String(), "      what came out:\n        events:\n          - destination: splunk\n            time: 2026-01-01T00:00:00.123456789Z\n            app: \"shop\"\n            message: \"x\"\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("verbose %v (- wanted, + got):\n%s", verbose, diff)
		}
		if want := "        # and 5 more events\n        filtered: 0\n"; !strings.HasSuffix(more, want) {
			t.Errorf("it ends with %s", more)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := report(t).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Cases  []Result `json:"cases"`
		Total  int      `json:"total"`
		Failed int      `json:"failed"`
	}
	decoder := json.NewDecoder(strings.NewReader(b.String()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Total != 4 || got.Failed != 3 || len(got.Cases) != 4 || !got.Cases[0].OK || got.Cases[1].OK {
		t.Errorf("written:\n%s", b.String())
	}
	want := []Difference{{"events", "1", "0"}, {"events[0]", `{host: "h"} of line 4`, "nothing"}, {"filtered", "1", "0"}}
	if diff := cmp.Diff(want, got.Cases[2].Differences); diff != "" {
		t.Errorf("differences (- wanted, + got):\n%s", diff)
	}
	if e := got.Cases[0].Events[0]; e.Index != "i" || *e.Message != "a\tb <é> \ufffd" || string(e.Fields["n"]) != "1.0" || got.Cases[0].Dead["over_limit"] != 3 {
		t.Errorf("written:\n%s", b.String())
	}
	b.Reset()
	if err := (&Report{}).WriteJSON(&b); err != nil || !strings.Contains(b.String(), `"cases": []`) {
		t.Errorf("%v, no case is written as %s", err, b.String())
	}
}

// JUnit's XML has what CI systems ask for, whatever is in names and lines.
func TestJUnit(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := report(t).WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var got junitReport
	decoder := xml.NewDecoder(strings.NewReader(b.String()))
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("%v:\n%s", err, b.String())
	}
	if got.XMLName.Local != "testsuites" || got.Tests != 4 || got.Failures != 3 || len(got.Suites) != 2 {
		t.Fatalf("written:\n%s", b.String())
	}
	a, second := got.Suites[0], got.Suites[1]
	if a.Name != "a_test.yaml" || a.Tests != 2 || a.Failures != 1 || second.Tests != 2 || second.Failures != 2 {
		t.Errorf("suites are %+v", got.Suites)
	}
	fine, wrong, odd := a.Cases[0], a.Cases[1], second.Cases[0]
	if fine.Name != "fine" || fine.Class != "a_test.yaml" || fine.File != "a_test.yaml" || fine.Line != 2 || fine.Failure != nil {
		t.Errorf("fine is %+v", fine)
	}
	if odd.Name != "nothing & \ufffd <none>" || odd.Failure.Message != "events: expected 1, actual 0" {
		t.Errorf("odd is %+v", odd)
	}
	if f := wrong.Failure; f == nil || f.Message != `events[0].index: expected "web", actual "i"` || f.Type != "difference" ||
		!strings.HasPrefix(f.Text, "events[0].index\n") || !strings.HasSuffix(f.Text, strings.TrimRight(wholeOutput, "\n")) {
		t.Errorf("wrong is %+v", wrong.Failure)
	}
}

package splunk_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestRaw(t *testing.T) {
	t.Parallel()
	const (
		noData = `{"text":"No data","code":5}`
		index  = `{"text":"Incorrect index","code":7,"invalid-event-number":1}`
		format = `{"text":"Invalid data format","code":6,"invalid-event-number":0}`
	)
	for _, c := range []struct {
		name, query, body string
		status            int
		answer            string
		lines             string // joined with "|"
	}{
		{"V32 one", "", "conformance raw event", 200, success, "conformance raw event"},
		{"V33 lines", "", "one\r\ntwo\n\n  \nthree", 200, success, "one|two|three"},
		{"line feed at the end", "", "one\ntwo\n", 200, success, "one|two"},
		{"white space is kept", "", " one \n\ttwo", 200, success, " one |\ttwo"},
		{"JSON is text", "", `{"event":"a"}` + "\n" + `"b"`, 200, success, `{"event":"a"}|"b"`},
		{"V34 blank", "", "\n\r\n", 400, noData, ""},
		{"empty", "", "", 400, noData, ""},
		{"V35 index", "index=no_such_index", "x\ny", 400, index, ""},
		{"index on the list", "index=main", "x", 200, success, "x"},
		{"V36 channel without a value", "channel", "x", 200, success, "x"},
		{"time is none", "time=x", "x", 400, format, ""},
	} {
		for _, p := range []string{"/services/collector/raw", "/services/collector/raw/1.0"} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				sim := splunk.New(options())
				status, answer := do(t, sim, c.body, path(p), query(c.query), header("Content-Type", "text/plain"))
				var lines []string
				for _, e := range sim.Events() {
					lines = append(lines, e.Text())
				}
				if status != c.status || answer != c.answer || strings.Join(lines, "|") != c.lines || len(sim.Violations()) > 0 {
					t.Errorf("got %d %s, %q and %q, want %d %s and %q", status, answer, lines, sim.Violations(), c.status, c.answer, c.lines)
				}
			})
		}
	}
}

func TestRawMetadata(t *testing.T) {
	t.Parallel()
	sim := splunk.New(options())
	metadata := query("host=h&source=s&sourcetype=st&index=main&time=1795311639.253123")
	do(t, sim, "one id=d-1\ntwo id=d-2", path("/services/collector/raw"), metadata)
	at := time.Unix(1795311639, 253123000).UTC()
	want := []splunk.Event{
		{Request: 1, Time: at, Host: "h", Source: "s", Sourcetype: "st", Index: "main", Event: []byte("one id=d-1"), Raw: true},
		{Request: 1, Time: at, Host: "h", Source: "s", Sourcetype: "st", Index: "main", Event: []byte("two id=d-2"), Raw: true},
	}
	if got := sim.Events(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if missing := sim.Ledger().Missing([]string{"d-1", "d-2"}); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
}

func TestRawFast(t *testing.T) {
	t.Parallel()
	var ids strings.Builder
	o := options()
	o.Fast, o.Ledger = true, &ids
	sim := splunk.New(o)
	status, _ := do(t, sim, "one id=d-1\r\n\n \ntwo id=d-2\n", path("/services/collector/raw"))
	if status != http.StatusOK || sim.Count() != 2 || ids.String() != "d-1\nd-2\n" {
		t.Errorf("got %d, %d events and ids %q", status, sim.Count(), ids.String())
	}
}

package capture

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform"
)

// tallied counts events, each given as destination/app/index/sourcetype/text.
func tallied(t *testing.T, filtered int, events ...string) *tally {
	t.Helper()
	tally := newTally()
	for _, e := range events {
		words := strings.Split(e, "/")
		err := tally.Add(&transform.TrialOutput{Batches: []wire.Batch{{
			Destination: words[0], Origins: []wire.Origin{{App: words[1]}},
			Events: []wire.Event{{Index: words[2], Sourcetype: words[3], Text: []byte(words[4])}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	tally.filtered = int64(filtered)
	return tally
}

func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1234)
	before := tallied(t, 0, "splunk/shop/web/heroku:app/"+long, "splunk/shop/web/heroku:router/"+long, "splunk/blog//heroku:app/1234")
	after := tallied(t, 1, "splunk/shop/web/heroku:app/"+long[:100], "splunk/blog//heroku:app/1234", "splunk/blog//heroku:app/1", "splunk/\x1b[2J/m//12")
	after.dead["over_limit"] = 3
	two := tallied(t, 0, "splunk/a/i/s/1", "archive/a/i/s/1")
	for _, c := range []struct {
		name   string
		report *Report
		want   string
	}{
		{"nothing", newReport(nil, tallied(t, 0), 0), `
APP    INDEX  SOURCETYPE  EVENTS  LICENSE BYTES
total                     0       0

filtered by rules  0
`},
		{"one", newReport(nil, before, 1000), `
APP    INDEX      SOURCETYPE     EVENTS  LICENSE BYTES
blog   (default)  heroku:app     1       4
shop   web        heroku:app     1       1,234
shop   web        heroku:router  1       1,234
total                            3       2,472

filtered by rules  0
undecodable        1,000 bytes
`},
		{"two", newReport(before, after, 0), `
APP        INDEX      SOURCETYPE     EVENTS BEFORE  EVENTS AFTER  CHANGE         LICENSE BYTES BEFORE  LICENSE BYTES AFTER  CHANGE
"\x1b[2J"  m          (default)      0              1             +1 (new)       0                     2                    +2 (new)
blog       (default)  heroku:app     1              2             +1 (+100.0 %)  4                     5                    +1 (+25.0 %)
shop       web        heroku:app     1              1             =              1,234                 100                  -1,134 (-91.9 %)
shop       web        heroku:router  1              0             -1 (-100.0 %)  1,234                 0                    -1,234 (-100.0 %)
total                                3              4             +1 (+33.3 %)   2,472                 107                  -2,365 (-95.7 %)

filtered by rules  0  1  +1
dead: over_limit   0  3  +3
`},
		{"destinations", newReport(nil, two, 0), `
DESTINATION  APP  INDEX  SOURCETYPE  EVENTS  LICENSE BYTES
archive      a    i      s           1       1
splunk       a    i      s           1       1
total                                2       2

filtered by rules  0
`},
	} {
		var b strings.Builder
		if err := c.report.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		got := "\n" + b.String()
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (- wanted, + got):\n%s", c.name, diff)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := newReport(tallied(t, 0, "d/a/i/s/1"), tallied(t, 2), 7).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got, want any
	const expected = `{
		"rows": [{"app": "a", "destination": "d", "index": "i", "sourcetype": "s", "before": {"events": 1, "bytes": 1}, "after": {"events": 0, "bytes": 0}}],
		"before": {"events": 1, "bytes": 1, "filtered": 0, "dead": {}}, "after": {"events": 0, "bytes": 0, "filtered": 2, "dead": {}},
		"undecodable_bytes": 7}`
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(expected), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- wanted, + got):\n%s", diff)
	}
}

// A capture with names without end takes no memory without end.
func TestRowsAreBounded(t *testing.T) {
	t.Parallel()
	tally := newTally()
	const more = 5
	out := transform.TrialOutput{Batches: []wire.Batch{{Destination: "d", Origins: []wire.Origin{{App: "a"}}}}}
	for i := range maxRows + more {
		out.Batches[0].Events = append(out.Batches[0].Events, wire.Event{Index: fmt.Sprint(i), Text: []byte("x")})
	}
	if err := tally.Add(&out); err != nil {
		t.Fatal(err)
	}
	others := tally.rows[Key{App: manyOthers, Destination: "d", Index: manyOthers, Sourcetype: manyOthers}]
	if len(tally.rows) != maxRows+1 || others == nil || others.Events != more || tally.total.Events != maxRows+more {
		t.Errorf("%d rows, others %v", len(tally.rows), others)
	}
}

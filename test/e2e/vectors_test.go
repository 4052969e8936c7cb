package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

var update = flag.Bool("update", false, "write golden files anew")

// vector is the body of a request and how many good messages are in it.
type vector struct {
	ID     string `json:"id"`
	Body   []byte `json:"b64"`
	Frames int    `json:"frames"`
	Note   string `json:"note"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	content, err := os.ReadFile("../testdata/logplex_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v []vector
	if err := json.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// headers are those of the vector's sender: some vectors are log-shuttle's, which
// knows neither drain tokens nor frame ids.
func (v vector) headers() []string {
	switch v.ID {
	case "N23", "N24", "N26":
		return []string{
			"User-Agent", "log-shuttle/0.22.0 (go1.22; linux; amd64; gc)", "X-Request-Id", v.ID,
			"Logplex-Drain-Token", "", "Logplex-Frame-Id", "",
		}
	default:
		return []string{"Logplex-Frame-Id", v.ID}
	}
}

// Every vector is answered, and ends as events and dead letters.
func TestVectors(t *testing.T) {
	t.Parallel()
	const golden = "../testdata/logplex_events.golden"
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	run := service(t, "drainline run", append(to(sim.url), "bus.url="+url, "destinations.splunk.batch.linger=1ms")...).start(t).ready()
	drain, bus := run.drainURL(secret), lookAt(t, url)

	var report strings.Builder
	for _, v := range vectors(t) {
		seen, buried, begun := len(sim.Events()), bus.dead(), time.Now()
		status := post(t, drain, v.Body, v.headers()...)
		bus.settle()
		events, dead := sim.Events()[seen:], minus(bus.dead(), buried)
		if len(events) != v.Frames {
			t.Errorf("%s: %d events, want %d (%s)", v.ID, len(events), v.Frames, v.Note)
		}
		refused := status == http.StatusBadRequest
		switch {
		case status != http.StatusNoContent && !refused:
			t.Errorf("%s: answered %d", v.ID, status)
		case refused && (v.Frames > 0 || v.ID[0] == 'N'):
			t.Errorf("%s: refused, though there are good messages (%s)", v.ID, v.Note)
		case refused && len(dead) > 0:
			t.Errorf("%s: refused, and yet kept: %v", v.ID, dead)
		case !refused && v.Frames == 0 && len(dead) == 0:
			t.Errorf("%s: accepted, and vanished (%s)", v.ID, v.Note)
		}
		fmt.Fprintf(&report, "%s: %d, %d events, dead letters %v\n", v.ID, status, len(events), dead)
		for _, e := range events {
			fmt.Fprintln(&report, "   ", describe(e, begun))
		}
	}
	compareGolden(t, golden, report.String())
}

// A truncated body keeps what is good and buries the rest.
func TestGoodFramesBesideABadOne(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	run := service(t, "drainline run", append(to(sim.url), "bus.url="+url)...).start(t).ready()
	bus := lookAt(t, url)
	bodies := map[string][]byte{}
	for _, v := range vectors(t) {
		bodies[v.ID] = v.Body
	}
	mustPost(t, run.drainURL(secret), slices.Concat(bodies["N3"], bodies["X7"]))
	bus.settle()
	if got, want := sim.texts(), []string{"State changed from starting to up", "one"}; !slices.Equal(got, want) {
		t.Errorf("indexed %q, want %q", got, want)
	}
	if got, want := bus.dead(), map[string]uint64{"transform.unframed": 1}; !maps.Equal(got, want) {
		t.Errorf("dead letters %v, want %v", got, want)
	}
}

// minus leaves what has been added to before.
func minus(now, before map[string]uint64) map[string]uint64 {
	added := map[string]uint64{}
	for reason, n := range now {
		if n -= before[reason]; n > 0 {
			added[reason] = n
		}
	}
	return added
}

// describe writes an event on one line. Indexed fields that repeat the event's
// own metadata are left out.
func describe(e splunk.Event, begun time.Time) string {
	at := e.Time.Format(time.RFC3339Nano)
	if age := e.Time.Sub(begun); age > -time.Minute && age < patience {
		at = "received"
	}
	repeated := map[string]string{
		"heroku_app": e.Host, "heroku_process": e.Source, "heroku_kind": strings.TrimPrefix(e.Sourcetype, "heroku:"),
	}
	maps.DeleteFunc(e.Fields, func(name string, value any) bool { return value != "" && value == repeated[name] })
	host := strings.ReplaceAll(e.Host, drainToken, "TOKEN")
	return fmt.Sprintf("%s host=%s source=%s sourcetype=%s %v %q", at, host, e.Source, e.Sourcetype, e.Fields, e.Text())
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(content), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("%s, line %d: got\n%s", path, i+1, line)
		}
	}
	if lines := strings.Count(got, "\n") + 1; lines < len(want) {
		t.Errorf("%s has %d lines more", path, len(want)-lines)
	}
}

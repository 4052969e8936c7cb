package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// bookedAmount, bookedRow and booked are what `drainline ledger -o json` prints.
type bookedAmount struct {
	Events int64 `json:"events"`
}

type bookedRow struct {
	Input        string       `json:"input"`
	Destination  string       `json:"destination"`
	Name         string       `json:"name"`
	Accepted     bookedAmount `json:"accepted"`
	Duplicate    bookedAmount `json:"duplicate"`
	Merged       bookedAmount `json:"merged"`
	Split        bookedAmount `json:"split"`
	Filtered     bookedAmount `json:"filtered"`
	Dead         bookedAmount `json:"dead"`
	Delivered    bookedAmount `json:"delivered"`
	Redelivered  bookedAmount `json:"redelivered"`
	LostUpstream bookedAmount `json:"lost_upstream"`
	Matched      bookedAmount `json:"matched"`
}

type booked struct {
	Verdict  string      `json:"verdict"`
	Missing  int64       `json:"missing"`
	TooMany  int64       `json:"too_many"`
	Balances []bookedRow `json:"balances"`
	Groups   []bookedRow `json:"groups"`
}

// readBooks asks the command.
func readBooks(t *testing.T, flags ...string) booked {
	t.Helper()
	p := command{program: "drainline", args: append([]string{"ledger", "-o", "json"}, flags...)}.start(t)
	code, want := p.exit(), 0
	var b booked
	if err := json.Unmarshal([]byte(p.stdout.String()), &b); err != nil {
		t.Fatalf("%s ended with %d: %v: %s", p.name(), code, err, p.stdout.String())
	}
	if b.Verdict == "unbalanced" {
		want = 1
	}
	if code != want {
		t.Fatalf("%s ended with %d, when the books are %s", p.name(), code, b.Verdict)
	}
	return b
}

// events are the amounts of a row that are not zero.
func (r *bookedRow) events() string {
	var words []string
	for _, a := range []struct {
		name   string
		amount bookedAmount
	}{
		{"accepted", r.Accepted},
		{"duplicate", r.Duplicate},
		{"merged", r.Merged},
		{"split", r.Split},
		{"filtered", r.Filtered},
		{"dead", r.Dead},
		{"delivered", r.Delivered},
		{"redelivered", r.Redelivered},
		{"lost", r.LostUpstream},
		{"matched", r.Matched},
	} {
		if a.amount.Events != 0 {
			words = append(words, a.name+" "+strconv.FormatInt(a.amount.Events, 10))
		}
	}
	return strings.Join(words, ", ")
}

// Every event that was accepted is in the books with its end, at each destination: also of
// those that rules drop, that are joined, split, copied, refused, tried again, or that came
// twice. That does not change with a restart.
func TestBooksBalance(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprintf("apart=%v", apart), func(t *testing.T) {
			t.Parallel()
			testBooksBalance(t, apart)
		})
	}
}

func testBooksBalance(t *testing.T, apart bool) {
	t.Helper()
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{splunkToken: {}}, KeepEvents: 1000, Poison: func(e splunk.Event) int {
		if strings.Contains(e.Text(), "poison") {
			return 6
		}
		return 0
	}})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	var failures atomic.Int64
	sim.SetFault(func(*http.Request) *splunk.Response {
		if failures.Add(1) <= 3 {
			return &splunk.Response{Status: http.StatusServiceUnavailable}
		}
		return nil
	})
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	replaceFile(t, file, strings.NewReplacer("URL", server.URL, "TOKEN", splunkToken, "DRAIN", drainToken, "HEC", hecToken).Replace(`
drains:
  - {token: DRAIN, app: shop, join: java}
ingest: {hec: {listen: "127.0.0.1:0", tokens: {web: {token: HEC, split_arrays: true}}}}
destinations:
  splunk: {urls: ["URL"], token: TOKEN, retry: {initial: 10ms, max: 20ms}}
  archive: {type: discard, when: 'message contains "copy"'}
rules:
  - {name: health checks, when: 'message contains "health"', drop: true}
  - {name: web, when: 'message contains "indexed"', set: {index: web}}
`))
	_, natsURL := startNATS(t, "")
	bus := []string{"bus.url=" + natsURL}
	start := func(name string) *process {
		c := service(t, name, append([]string{"ingest.logplex.listen=" + port.Free(t)}, bus...)...)
		c.args = append(c.args, "--config", file)
		return c.start(t)
	}
	var processes []*process
	var door *process
	if apart {
		processes = []*process{start("transform"), start("shipper"), start("ingest")}
		door = processes[2]
	} else {
		door = start("drainline run")
		processes = []*process{door}
	}
	for _, p := range processes {
		p.ready()
	}
	drain := door.drainURL(secret)
	lines := slices.Concat(
		frame("plain\n"), frame("a copy\n"), frame("health\n"), frame("poison\n"), frame("indexed\n"),
		frame("java.lang.Error: x\n"), frame("\tat x.Y.z(Y.java:1)\n"), frame("after it\n"), []byte("5 <bad>"),
	)
	const posts = 10
	for n := range posts {
		mustPost(t, drain, lines, "Logplex-Frame-Id", strconv.Itoa(n), "Logplex-Drain-Token", drainToken)
	}
	mustPost(t, drain, lines, "Logplex-Frame-Id", "0", "Logplex-Drain-Token", drainToken) // again
	hec := door.hecURL() + "/services/collector/event"
	if status, answer := collect(t, hec, hecToken, []byte(`{"event":[{"n":1},{"n":2},{"n":3}]}{"event":"health"}`)); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	flags := []string{"--set", bus[0], "--config", file}
	want := map[string]string{
		drainToken + "→": "duplicate 9", // ingest knows no more
		"shop→archive":   "accepted 90, merged 10, filtered 60, dead 10, delivered 10",
		"shop→splunk":    "accepted 90, merged 10, filtered 10, dead 20, delivered 50",
		"web→archive":    "accepted 2, split 2, filtered 4",
		"web→splunk":     "accepted 2, split 2, filtered 1, delivered 3",
	}
	check := func(when string) {
		t.Helper()
		var got booked
		eventually(t, "the books are proven", func() bool {
			got = readBooks(t, flags...)
			return got.Verdict == "proven" && len(got.Balances) == len(want)
		})
		rows := map[string]string{}
		for _, r := range got.Balances {
			rows[r.Input+"→"+r.Destination] = r.events()
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s (- wanted, + booked):\n%s", when, diff)
		}
	}
	check("at work")
	// What came before a refused event in a request may be there twice.
	if n := sim.Count(); n < 53 {
		t.Errorf("Splunk has %d events, the books say 53", n)
	}
	for by, want := range map[string]map[string]string{
		"rule":        {"health checks": "filtered 11, matched 11", "web": "matched 10"},
		"index":       {"": "dead 20, delivered 53", "web": "delivered 10"},
		"destination": {"": "duplicate 9", "archive": "accepted 92, merged 10, split 2, filtered 64, dead 10, delivered 10", "splunk": "accepted 92, merged 10, split 2, filtered 11, dead 20, delivered 53"},
	} {
		rows := map[string]string{}
		for _, r := range readBooks(t, append(flags, "--by", by)...).Groups {
			rows[r.Name] = r.events()
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("by %s (- wanted, + booked):\n%s", by, diff)
		}
	}
	for i, p := range processes {
		p.stop()
		processes[i] = p.again().ready()
	}
	check("after a restart")
}

// However often a process is killed, nothing is missing in the books but what may have been
// counted twice, as they say themselves.
func TestBooksAfterKills(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"ingest", "transform", "shipper", "drainline"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			deploy := apart
			if victim == "drainline" {
				deploy = together
			}
			d := deploy(t, "destinations.splunk.batch.max_events="+strconv.Itoa(killBatch))
			accepted := d.sendUnderFire(victim)
			d.bus.settle()
			var got booked
			eventually(t, "nothing waits", func() bool {
				got = readBooks(t, "--set", "bus.url="+d.busURL)
				return got.Verdict != "open"
			})
			total := bookedRow{}
			for _, r := range got.Balances {
				total.Accepted.Events += r.Accepted.Events
				total.Delivered.Events += r.Delivered.Events
			}
			if got.Verdict != "proven" && got.Verdict != "repeated" {
				t.Errorf("the books do not balance: %+v", got)
			}
			if n := int64(len(accepted)); total.Accepted.Events < n || total.Delivered.Events < n {
				t.Errorf("%d messages were accepted, the books have %d and %d delivered", n, total.Accepted.Events, total.Delivered.Events)
			}
		})
	}
}

package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// joined is a drain whose lines are joined.
func joined(token string) config.Drain { return config.Drain{Token: token, Join: []string{"java"}} }

// frameIDs are those of the requests in one shard, in their order.
func frameIDs(t *testing.T, conn *bus.Conn, shard string) string {
	t.Helper()
	var ids []string
	for _, r := range storedIn(t, conn, shard) {
		ids = append(ids, r.GetFrameId())
	}
	return strings.Join(ids, " ")
}

// postHEC sends what Logplex sends to the HEC door.
func postHEC(t *testing.T, i *instance, h http.Header, body []byte) {
	t.Helper()
	url := strings.Replace(i.HECURL(), "localhost", "127.0.0.1", 1) + "/services/collector/raw"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = h
	r.Header.Set("Authorization", "Splunk "+hecToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		t.Errorf("answered %d", answer.StatusCode)
	}
}

// Requests of drains whose lines are joined go to an ordered shard, by whichever
// door. Which drains that are may change, and a retry is known in any shard.
func TestJoinedDrainsGoToOrderedShards(t *testing.T) {
	t.Parallel()
	const stack, plain = "d.stack", "d.plain"
	c := hecSettings()
	c.Bus.Raw.OrderedShards = 2
	c.Drains = []config.Drain{joined(stack), {Token: plain}}
	server := nats(t, t.TempDir(), -1)
	conn := connect(t, server, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	body := logplextest.Body(t, "N1")
	post := func(token, frame string) {
		t.Helper()
		if got := i.post(headers("Logplex-Drain-Token", token, "Logplex-Frame-Id", frame), body); got != 204 {
			t.Errorf("%s: answered %d", frame, got)
		}
	}
	reload := func(drains ...config.Drain) {
		t.Helper()
		next := hecSettings()
		next.Bus.Raw.OrderedShards, next.Drains = 2, drains
		commit, err := i.Reload(next)
		if err != nil {
			t.Fatal(err)
		}
		commit()
	}
	holds := func(want map[string]string) {
		t.Helper()
		for _, shard := range []string{"s0", "o0", "o1"} {
			if got := frameIDs(t, conn, shard); got != want[shard] {
				t.Errorf("%s holds %q, not %q", shard, got, want[shard])
			}
		}
	}
	post(stack, "1")
	post(plain, "2")
	postHEC(t, i, headers("Logplex-Drain-Token", stack, "Logplex-Frame-Id", "3"), body)
	postHEC(t, i, headers("Logplex-Drain-Token", plain, "Logplex-Frame-Id", "4"), body)
	if status, err := collect(t, http.DefaultClient, i.HECURL()); status != http.StatusOK || err != nil {
		t.Errorf("an event: answered %d, %v", status, err)
	}
	holds(map[string]string{"s0": "2 4 ", "o1": "1 3"}) // the event has no frame id
	reload(config.Drain{Token: stack}, joined(plain))
	post(stack, "1") // a retry
	post(stack, "5")
	post(plain, "6")
	holds(map[string]string{"s0": "2 4  5", "o1": "1 3", "o0": "6"})
	reload()
	post(plain, "7")
	if got := i.Counts().Duplicates.Load(); got != 1 {
		t.Errorf("%d duplicates", got)
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	i = run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	for _, frame := range []string{"6", "7"} { // each from another shard
		post(plain, frame)
	}
	if got := i.Counts().Duplicates.Load(); got != 2 {
		t.Errorf("%d duplicates after a restart", got)
	}
	holds(map[string]string{"s0": "2 4  5 7", "o1": "1 3", "o0": "6"})
}

// A request that is on its way when its drain joins no more stays where it is, and
// its retry waits for it.
func TestAReloadWhileARequestIsOnItsWay(t *testing.T) {
	t.Parallel()
	const stack = "d.stack"
	c := settings()
	c.Ingest.Hold = 4 * time.Second
	c.Drains = []config.Drain{joined(stack)}
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	resize(t, conn, wire.OrderedShard(0), 1)
	answers := make(chan int)
	post := func() { answers <- i.post(headers("Logplex-Drain-Token", stack), logplextest.Body(t, "N1")) }
	go post()
	eventually(t, "the request has come", func() bool { return i.Counts().Requests.Load() == 1 })
	commit, err := i.Reload(settings())
	if err != nil {
		t.Fatal(err)
	}
	commit()
	go post()
	eventually(t, "its retry has come", func() bool { return i.Counts().Requests.Load() == 2 })
	resize(t, conn, wire.OrderedShard(0), 1<<30)
	for range 2 {
		if got := <-answers; got != 204 {
			t.Errorf("answered %d", got)
		}
	}
	if o, s := len(storedIn(t, conn, "o0")), len(stored(t, conn)); o+s != 1 {
		t.Errorf("stored %d times in order and %d times beside", o, s)
	}
}

// What goes through the spool keeps the order that it has in it.
func TestSpoolKeepsTheOrderOfJoinedDrains(t *testing.T) {
	t.Parallel()
	const stack = "d.stack"
	o := startOutage(t)
	c := spooling(t, o)
	c.Drains = []config.Drain{joined(stack)}
	conn := connect(t, o.ns, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	o.begin()
	var want []string
	for n := range 12 {
		for _, token := range []string{stack, "d.plain"} {
			frame := fmt.Sprint(token, n)
			if got := i.post(headers("Logplex-Drain-Token", token, "Logplex-Frame-Id", frame), logplextest.Body(t, "N1")); got != 204 {
				t.Errorf("%s: answered %d", frame, got)
			}
		}
		want = append(want, fmt.Sprint(stack, n))
	}
	o.end()
	eventually(t, "all is on the bus", func() bool { return len(stored(t, conn)) == 12 && len(storedIn(t, conn, "o0")) == 12 })
	if got := frameIDs(t, conn, "o0"); got != strings.Join(want, " ") {
		t.Errorf("the ordered stream holds %s", got)
	}
	if slices.Contains(strings.Fields(frameIDs(t, conn, "s0")), want[0]) {
		t.Error("a joined drain's request is in the other stream")
	}
}

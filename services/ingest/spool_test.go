package ingest_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// outage is a NATS server that can be away.
type outage struct {
	t    *testing.T
	dir  string
	port int
	ns   *server.Server
}

func startOutage(t *testing.T) *outage {
	t.Helper()
	o := &outage{t: t, dir: t.TempDir(), port: -1}
	o.end()
	return o
}

func (o *outage) begin() {
	o.ns.Shutdown()
	o.ns.WaitForShutdown()
}

func (o *outage) end() {
	o.t.Helper()
	o.ns = nats(o.t, o.dir, o.port)
	o.port = o.ns.Addr().(*net.TCPAddr).Port
}

// spooling are settings with a spool.
func spooling(t *testing.T, o *outage) *config.Config {
	t.Helper()
	c := settings()
	c.Bus.URL = o.ns.ClientURL()
	c.Ingest.Hold = 4 * time.Second
	c.Ingest.Spool = config.Spool{Dir: t.TempDir(), MaxBytes: 64 << 20}
	return c
}

// messageIDs are those of the blocks that a stream holds.
func messageIDs(t *testing.T, conn *bus.Conn, stream string) []string {
	t.Helper()
	s, err := conn.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for n := range s.CachedInfo().State.LastSeq {
		if m, err := s.GetMsg(t.Context(), n+1); err == nil {
			ids = append(ids, m.Subject+" "+m.Header.Get(wire.HeaderMsgID))
		}
	}
	slices.Sort(ids)
	return ids
}

// frames are the frame ids that are on the bus, in no order.
func frames(t *testing.T, conn *bus.Conn) string {
	t.Helper()
	var ids []string
	for _, r := range stored(t, conn) {
		ids = append(ids, r.GetFrameId())
	}
	slices.Sort(ids)
	return fmt.Sprint(ids)
}

// While the bus is away its blocks are in the spool, and then on the bus under
// the same ids, each once.
func TestSpoolTakesWhatTheBusDoesNot(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	c := spooling(t, o)
	conn := connect(t, o.ns, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	body := logplextest.Body(t, "N1")
	if got := i.post(headers("Logplex-Frame-Id", "a"), body); got != 204 {
		t.Errorf("answered %d before", got)
	}
	o.begin()
	var posts sync.WaitGroup
	for id := range strings.SplitSeq("bcdefghij", "") {
		posts.Go(func() {
			if got := i.post(headers("Logplex-Frame-Id", id), body); got != 204 {
				t.Errorf("%s: answered %d while the bus is away", id, got)
			}
		})
	}
	posts.Wait()
	if got := i.post(headers("Logplex-Frame-Id", "b"), body); got != 204 || i.Counts().Duplicates.Load() != 1 {
		t.Errorf("a retry of what is in the spool: answered %d, %d duplicates", got, i.Counts().Duplicates.Load())
	}
	spooled := messageIDs(t, i.SpoolConn(), wire.SpoolStream)
	o.end()
	eventually(t, "all is on the bus", func() bool { return frames(t, conn) == "[a b c d e f g h i j]" })
	eventually(t, "the spool is empty", func() bool { return len(messageIDs(t, i.SpoolConn(), wire.SpoolStream)) == 0 })
	if got := frames(t, conn); got != "[a b c d e f g h i j]" {
		t.Errorf("stored %s", got)
	}
	onBus := messageIDs(t, conn, conn.Names().RawStream("s0"))
	for _, id := range spooled {
		if !slices.Contains(onBus, id) {
			t.Errorf("%s has come under another id", id)
		}
	}
	if len(spooled) == 0 || len(onBus) != len(spooled)+1 {
		t.Errorf("%d blocks of the spool, %d on the bus", len(spooled), len(onBus))
	}
}

// A bus that is full makes no difference, and what the spool holds from before a
// start counts as stored.
func TestSpoolOutlivesIngest(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	c := spooling(t, o)
	conn := connect(t, o.ns, c)
	narrow(t, conn)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	for _, id := range []string{"a", "b", "c"} {
		if got := i.post(headers("Logplex-Frame-Id", id), incompressible()); got != 204 {
			t.Errorf("%s: answered %d", id, got)
		}
	}
	o.begin()
	if got := i.post(headers("Logplex-Frame-Id", "d"), logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("d: answered %d", got)
	}
	if err := i.stop(); err != nil {
		t.Error(err)
	}
	o.end()
	conn = connected(t, o.ns, c)
	i = run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	if got := i.post(headers("Logplex-Frame-Id", "c"), logplextest.Body(t, "N1")); got != 204 || i.Counts().Duplicates.Load() != 1 {
		t.Errorf("a retry of what is in the spool: answered %d, %d duplicates", got, i.Counts().Duplicates.Load())
	}
	if got := i.post(headers("Logplex-Frame-Id", "e"), logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("e: answered %d", got)
	}
	widen(t, conn)
	eventually(t, "all is on the bus", func() bool { return frames(t, conn) == "[a b c d e]" })
	eventually(t, "the spool is empty", func() bool { return len(messageIDs(t, i.SpoolConn(), wire.SpoolStream)) == 0 })
	if got := frames(t, conn); got != "[a b c d e]" {
		t.Errorf("stored %s", got)
	}
}

// What is held when ingest stops goes to the spool.
func TestStopWithTheBusAway(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	c := spooling(t, o)
	conn := connect(t, o.ns, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	o.begin()
	answers := make(chan int)
	for n := range 8 {
		go func() { answers <- i.post(headers("Logplex-Frame-Id", fmt.Sprint(n)), logplextest.Body(t, "N1")) }()
	}
	eventually(t, "all have come", func() bool { return i.Counts().Requests.Load() == 8 })
	if err := i.stop(); err != nil {
		t.Error(err)
	}
	for range 8 {
		if got := <-answers; got != 204 {
			t.Errorf("answered %d", got)
		}
	}
	o.end()
	conn = connected(t, o.ns, c)
	run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	eventually(t, "all is on the bus", func() bool { return frames(t, conn) == "[0 1 2 3 4 5 6 7]" })
}

// With the spool full as well, requests are held and told to come again.
func TestFullSpool(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	c := spooling(t, o)
	c.Ingest.Hold, c.Ingest.Spool.MaxBytes = hold, 1<<20
	conn := connect(t, o.ns, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	o.begin()
	var body []byte
	for range 100 {
		body = append(body, incompressible()...)
	}
	accepted := 0
	for n := range 8 {
		got := i.post(headers("Logplex-Frame-Id", fmt.Sprint(n), "Logplex-Msg-Count", "100"), body)
		if got == 204 {
			accepted++
		}
		if want := accepted <= n; want != (got == 503) {
			t.Errorf("%d: answered %d after %d were accepted", n, got, accepted)
		}
	}
	if accepted == 0 || accepted == 8 {
		t.Errorf("%d of 8 accepted", accepted)
	}
	o.end()
	eventually(t, "the spool is empty", func() bool { return len(messageIDs(t, i.SpoolConn(), wire.SpoolStream)) == 0 })
	for n := range 8 {
		if got := i.post(headers("Logplex-Frame-Id", fmt.Sprint(n)), body); got != 204 {
			t.Errorf("%d: answered %d afterwards", n, got)
		}
	}
	if got := frames(t, conn); got != "[0 1 2 3 4 5 6 7]" {
		t.Errorf("stored %s", got)
	}
}

func TestSpoolNeedsABusOfItsOwn(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Spool.Dir = t.TempDir()
	_, err := ingest.New(t.Context(), ingest.Options{Config: c, Metrics: metrics(t)})
	if _, ok := errors.AsType[*app.UsageError](err); !ok || !strings.HasPrefix(err.Error(), "ingest.spool.dir is set without bus.url: ") {
		t.Errorf("%v", err)
	}
}

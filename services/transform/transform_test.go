package transform

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is transform on a real bus.
type running struct {
	*bustest.Bus
	conn    *bus.Conn
	service *Transform
	stop    func()
}

func startService(t *testing.T, c *config.Config) *running {
	t.Helper()
	return startServiceOn(t, bustest.Start(t, c))
}

func startServiceOn(t *testing.T, b *bustest.Bus) *running {
	t.Helper()
	return startServiceWith(t, b, Options{Config: b.Config, Bus: b.Connect("transform"), Metrics: bustest.Metrics(t), Log: bustest.Log(t)})
}

func startServiceWith(t *testing.T, b *bustest.Bus, o Options) *running {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Bus: b, conn: b.Connect("probe"), service: s}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) publish(t *testing.T, payload []byte) {
	t.Helper()
	m := bus.Msg{ID: wire.RandomID(), Subject: r.conn.Names().RawSubject("s0"), Payload: payload}
	if err := r.conn.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// limitMessages makes a stream refuse every message for good.
func (r *running) limitMessages(t *testing.T, name string) {
	t.Helper()
	stream, err := r.conn.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	small := stream.CachedInfo().Config
	small.MaxMsgSize = 1
	if _, err := r.conn.JetStream().UpdateStream(t.Context(), small); err != nil {
		t.Fatal(err)
	}
}

func sealed(t *testing.T, b *drainlinev1.RawBlock) []byte {
	t.Helper()
	message, err := proto.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Seal(nil, message)
}

func numbered(n int) *drainlinev1.RawBlock {
	b := block(request(nil, fmt.Sprintf("<190>1 - host app web.1 - n=%d", n)))
	id := wire.RandomID()
	b.Id = id[:]
	return b
}

func TestBlocksBecomeBatchesForEachDestination(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, map[string]any{"destinations.other.urls": "http://127.0.0.1:1", "destinations.other.token": "t"}))
	for n := range 20 {
		r.publish(t, sealed(t, numbered(n)))
	}
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 20)
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("other"), 20)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	if got := r.service.Totals().Events.Load(); got != 20 {
		t.Errorf("counted %d events, want 20", got)
	}
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, r.service.o.Metrics),
		`drainline_transform_block_duration_seconds_count 20`,
		`drainline_transform_batch_bytes_count{destination="other"} 20`,
		`drainline_transform_batch_events_sum{destination="splunk"} 20`,
	)
}

func TestDamagedBlockDiesAndTheNextLives(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, nil))
	damaged := sealed(t, numbered(1))
	damaged[len(damaged)-1] ^= 1
	r.publish(t, damaged)
	r.publish(t, wire.Seal(nil, []byte("sealed, but no message")))
	r.publish(t, []byte("x"))
	r.publish(t, sealed(t, numbered(2)))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	letters := r.DeadLetters(r.conn)
	if len(letters) != 3 {
		t.Fatalf("%d dead letters, want 3", len(letters))
	}
	for _, d := range letters {
		if d.GetReason() != bus.ReasonDamaged || d.GetContent() != drainlinev1.Content_CONTENT_PAYLOAD ||
			d.GetSubject() != "drainline.raw.s0" || d.GetAttempts() != 1 || len(d.GetOriginal()) == 0 {
			t.Errorf("dead letter is not complete: %v", d)
		}
	}
}

func TestNewerSchemaIsLeftToNewerInstances(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, nil))
	r.publish(t, bustest.NewerSchema([]byte("whatever")))
	r.publish(t, sealed(t, numbered(2)))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.stop()
	if got := r.Stream(r.conn, r.conn.Names().RawStream("s0")).Msgs; got != 1 {
		t.Errorf("%d messages in raw, want the newer one", got)
	}
	if letters := r.DeadLetters(r.conn); len(letters) != 0 {
		t.Errorf("the newer block became a dead letter: %v", letters)
	}
}

// The hop is repeated when transform dies between publishing and acknowledging;
// the events stream knows the batch by its id.
func TestBlockDoneTwiceIsStoredOnce(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, nil))
	b := sealed(t, numbered(1))
	r.publish(t, b)
	r.publish(t, b) // another message with the same block
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	if got := r.Stream(r.conn, r.conn.Names().EventsStream("splunk")).Msgs; got != 1 {
		t.Errorf("%d batches stored, want 1", got)
	}
}

// fillEvents leaves the stream of events without room until empty is called.
func (r *running) fillEvents(t *testing.T) (empty func()) {
	t.Helper()
	js := r.conn.JetStream()
	stream, err := js.Stream(t.Context(), r.conn.Names().EventsStream("splunk"))
	if err != nil {
		t.Fatal(err)
	}
	resize := func(bytes int64) {
		t.Helper()
		c := stream.CachedInfo().Config
		c.MaxBytes = bytes
		if _, err := js.UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	roomy := stream.CachedInfo().Config.MaxBytes
	resize(1)
	return func() { resize(roomy) }
}

// A full events stream holds the block; nothing is acknowledged before it is stored.
func TestFullDestinationHoldsTheBlock(t *testing.T) {
	t.Parallel()
	c := bustest.Config(t, nil)
	r := startService(t, c)
	empty := r.fillEvents(t)
	r.publish(t, sealed(t, numbered(1)))
	bustest.Await(t, "the block is not taken", func() bool {
		k, err := r.conn.JetStream().Consumer(t.Context(), r.conn.Names().RawStream("s0"), wire.TransformConsumer)
		return err == nil && k.CachedInfo().NumAckPending == 1
	})
	empty()
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
}

// What can never be stored downstream is kept as a whole, with the reason.
func TestUnpublishableBlockIsKept(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, nil))
	r.limitMessages(t, r.conn.Names().EventsStream("splunk"))
	payload := sealed(t, numbered(1))
	r.publish(t, payload)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	letters := r.DeadLetters(r.conn)
	if len(letters) != 1 || letters[0].GetReason() != reasonUnpublishable || !bytes.Equal(letters[0].GetOriginal(), payload) {
		t.Errorf("dead letters: %v", letters)
	}
}

func TestReloadChangesDestinations(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, map[string]any{"destinations.other.urls": "http://127.0.0.1:1", "destinations.other.token": "t"}))
	commit, err := r.service.Reload(bustest.Config(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	commit()
	r.publish(t, sealed(t, numbered(1)))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	if got := r.Stream(r.conn, r.conn.Names().EventsStream("other")).Msgs; got != 0 {
		t.Errorf("%d batches for a destination that is gone", got)
	}
}

// What is in force for a block is one configuration as a whole, drains with it.
func TestReloadChangesDrains(t *testing.T) {
	t.Parallel()
	c := bustest.Config(t, map[string]any{"destinations.other.urls": "http://127.0.0.1:1", "destinations.other.token": "t"})
	r := startService(t, c)
	r.publish(t, sealed(t, numbered(1)))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	changed := *c
	changed.Drains = []config.Drain{{Token: "d.1", Destinations: []string{"other"}, From: time.Unix(0, received)}}
	commit, err := r.service.Reload(&changed)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	both := numbered(2)
	both.Requests = append(both.Requests, request(nil, "<190>1 2020-01-01T00:00:00Z host app web.1 - old", string(logplextest.Body(t, "N4")[4:146])))
	r.publish(t, sealed(t, both))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("other"), 2)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	if got := r.Stream(r.conn, r.conn.Names().EventsStream("splunk")).Msgs; got != 1 {
		t.Errorf("%d batches for a destination that the drain does not go to, want the first alone", got)
	}
	totals := r.service.Totals()
	if totals.Before.Load() != 1 || totals.After.Load() != 0 || totals.Lost.With("d.1", "L10").Load() != 3 || totals.Events.Load() != 3 {
		t.Errorf("before %d, after %d, lost %d, events %d", totals.Before.Load(), totals.After.Load(), totals.Lost.With("d.1", "L10").Load(), totals.Events.Load())
	}
}

// acknowledging is a configuration with a token whose clients ask for acknowledgement.
func acknowledging(t *testing.T) *config.Config {
	t.Helper()
	c := bustest.Config(t, nil)
	c.Ingest.HEC.Tokens = map[string]config.Token{"web": {Ack: true}}
	return c
}

// follow gathers the routes that are told.
func (r *running) follow(t *testing.T) func() map[uint64][]wire.ID {
	t.Helper()
	var (
		mu   sync.Mutex
		told output
	)
	stop, err := r.conn.FollowAcks(t.Context(), func(n *drainlinev1.AckNote, _ time.Time) {
		mu.Lock()
		defer mu.Unlock()
		told.Routed = append(told.Routed, n.GetRouted()...)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return func() map[uint64][]wire.ID {
		mu.Lock()
		defer mu.Unlock()
		return routes(told)
	}
}

func TestRoutesAreToldBeforeBatchesAreStored(t *testing.T) {
	t.Parallel()
	r := startService(t, acknowledging(t))
	told := r.follow(t)
	empty := r.fillEvents(t)
	b := block(envelopes(awaited(0), `{"event":1}`), envelopes(awaited(1), `{`), rawLines(awaited(2), "x"))
	r.publish(t, sealed(t, b))
	bustest.Await(t, "the routes are not told", func() bool { return len(told()) == 3 })
	if diff := cmp.Diff(routes(transformed(t, []string{"splunk"}, b)), told()); diff != "" {
		t.Error(diff)
	}
	if len(r.DeadLetters(r.conn)) != 1 {
		t.Error("a request without batches is told of before its dead letter is stored")
	}
	empty()
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
}

// Nobody waits any more for a block that is a dead letter as a whole.
func TestRoutesOfAnUnpublishableBlock(t *testing.T) {
	t.Parallel()
	r := startService(t, acknowledging(t))
	r.limitMessages(t, r.conn.Names().EventsStream("splunk"))
	b := block(envelopes(awaited(5), `{"event":1}`))
	r.publish(t, sealed(t, b))
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	var settled []wire.ID
	stop, err := r.conn.FollowAcks(t.Context(), func(n *drainlinev1.AckNote, _ time.Time) {
		for _, id := range n.GetSettled() {
			settled = append(settled, wire.ToID(id))
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if diff := cmp.Diff(routes(transformed(t, []string{"splunk"}, b))[5], settled); diff != "" || len(settled) == 0 {
		t.Errorf("the batch that was never stored is not settled: %s", diff)
	}
}

// Nobody waits for a block whose takers die of it, nor sends it again for ever.
func TestRoutesOfABlockThatKills(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, acknowledging(t))
	conn := b.Connect("probe")
	var ids []wire.ID
	for _, payload := range [][]byte{
		sealed(t, block(envelopes(awaited(5), `{"event":1}`), rawLines(nil, "x"), rawLines(awaited(6), "x"))),
		sealed(t, numbered(1)), wire.Seal(nil, []byte("sealed, but no message")), []byte("x"),
	} {
		ids = append(ids, wire.RandomID())
		m := bus.Msg{ID: ids[len(ids)-1], Subject: conn.Names().RawSubject("s0"), Payload: payload}
		if err := conn.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	bustest.Poison(t, conn, conn.Names().RawStream("s0"), wire.TransformConsumer, wire.StageTransform, ids...)
	r := startServiceOn(t, b)
	told := r.follow(t)
	r.AwaitMessages(conn, conn.Names().RawStream("s0"), 0)
	bustest.Await(t, "nobody is told", func() bool { return len(told()) > 0 })
	if diff := cmp.Diff(map[uint64][]wire.ID{5: nil, 6: nil}, told(), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	letters := r.DeadLetters(conn)
	for _, letter := range letters {
		if letter.GetReason() != bus.ReasonCrashes {
			t.Errorf("dead letter: %v", letter)
		}
	}
	if len(letters) != len(ids) {
		t.Errorf("%d dead letters", len(letters))
	}
}

// Senders are told nothing where nothing can be told, and their events go on.
func TestWithoutAStreamOfRoutes(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, nil))
	r.publish(t, sealed(t, block(envelopes(awaited(0), `{"event":1}`))))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("splunk"), 1)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
}

func TestWithoutDestination(t *testing.T) {
	t.Parallel()
	c, err := config.Loader{}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Config: c, Metrics: bustest.Metrics(t), Log: bustest.Log(t)}); err == nil {
		t.Error("transform starts without a destination")
	}
	// A reload to one would acknowledge blocks that came to nothing.
	if _, err := startService(t, bustest.Config(t, nil)).service.Reload(c); err == nil {
		t.Error("a reload takes every destination away")
	}
}

func TestRunEndsInTime(t *testing.T) {
	t.Parallel()
	r := startService(t, bustest.Config(t, nil))
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > bustest.Patience {
		t.Errorf("stopping an idle transform took %v", took)
	}
}

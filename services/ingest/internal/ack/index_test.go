package ack_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/ack"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	token   = "web"
	channel = "FE0ECFAD-13D5-401B-847D-77833BD77131"
)

func configured(t *testing.T) *config.Config {
	t.Helper()
	return bustest.Config(t, map[string]any{"ingest.hec.tokens.web.token": "11111111-2222-3333-4444-555555555555", "ingest.hec.tokens.web.ack": true})
}

// start makes an index on a connection of its own.
func start(t *testing.T, b *bustest.Bus) (*ack.Index, *bus.Conn) {
	t.Helper()
	conn := b.Connect("ingest")
	x := ack.New(ack.Options{Bus: conn, Config: b.Config.Ingest.HEC.Acks, Metrics: bustest.Metrics(t), Log: bustest.Log(t)})
	t.Cleanup(x.Close)
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Patience)
	defer cancel()
	if err := x.Await(ctx); err != nil {
		t.Fatal(err)
	}
	return x, conn
}

func issue(t *testing.T, x *ack.Index, channel string) uint64 {
	t.Helper()
	return issueAck(t, x, channel).GetId()
}

func issueAck(t *testing.T, x *ack.Index, channel string) *drainlinev1.Ack {
	t.Helper()
	a, err := x.Issue(t.Context(), token, channel)
	if err != nil {
		t.Fatal(err)
	}
	a.Parts = 1
	return a
}

// ask returns the ids for which the answer is true.
func ask(t *testing.T, x *ack.Index, token, channel string, ids ...uint64) []uint64 {
	t.Helper()
	answer, err := x.Query(t.Context(), token, channel, ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer) != len(ids) {
		t.Errorf("%d answers to %d questions", len(answer), len(ids))
	}
	maps.DeleteFunc(answer, func(_ uint64, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(answer))
}

// awaitTrue asks until these ids, and no others, were true, each once.
func awaitTrue(t *testing.T, x *ack.Index, asked, want []uint64) {
	t.Helper()
	var got []uint64
	bustest.Await(t, "not everything is acknowledged", func() bool {
		got = append(got, ask(t, x, token, channel, asked...)...)
		return len(got) >= len(want)
	})
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%v are true, want %v", got, want)
	}
}

// route tells, as transform does, that a request went to a batch of its own, and
// returns that.
func route(t *testing.T, c *bus.Conn, a *drainlinev1.Ack) wire.ID {
	t.Helper()
	batch := wire.RandomID()
	if err := c.TellRouted(t.Context(), []*drainlinev1.Routed{{Ack: a, Batches: [][]byte{batch[:]}}}); err != nil {
		t.Fatal(err)
	}
	return batch
}

func settle(t *testing.T, c *bus.Conn, batches ...wire.ID) {
	t.Helper()
	if err := c.TellSettled(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

// Ids count from 0 on each channel; each is true once; an id never issued and
// other channels and tokens are false.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, configured(t))
	x, c := start(t, b)
	var batches []wire.ID
	for want := range uint64(3) {
		a := issueAck(t, x, channel)
		if a.GetId() != want {
			t.Errorf("ackId %d, want %d", a.GetId(), want)
		}
		batches = append(batches, route(t, c, a))
	}
	if id := issue(t, x, "other"); id != 0 {
		t.Errorf("another channel begins with %d", id)
	}
	if got := ask(t, x, token, channel, 0, 1, 2, 3); len(got) > 0 {
		t.Errorf("%v are true before they are delivered", got)
	}
	settle(t, c, batches...)
	bustest.Await(t, "nothing is acknowledged", func() bool { return len(ask(t, x, token, channel, 2)) > 0 })
	if got := ask(t, x, "api", channel, 0, 1); len(got) > 0 {
		t.Errorf("%v are true for another token", got)
	}
	if got := ask(t, x, token, "other", 0, 1); len(got) > 0 {
		t.Errorf("%v are true on another channel", got)
	}
	// A channel's name is a GUID, in any case.
	if got := ask(t, x, token, "fe0ecfad-13d5-401b-847d-77833bd77131", 0, 1, 2, 3); !slices.Equal(got, []uint64{0, 1}) {
		t.Errorf("%v are true", got)
	}
	if got := ask(t, x, token, channel, 0, 1, 2, 3); len(got) > 0 {
		t.Errorf("%v are true a second time", got)
	}
}

// Any instance answers, also one that is started later; what one has answered, no
// other does again.
func TestAnyInstanceAnswers(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, configured(t))
	first, c := start(t, b)
	second, _ := start(t, b)
	for range 3 {
		settle(t, c, route(t, c, issueAck(t, first, channel)))
		settle(t, c, route(t, c, issueAck(t, second, channel)))
	}
	awaitTrue(t, second, []uint64{0, 1, 4, 9}, []uint64{0, 1, 4})
	// Whoever hears of the next request has heard what was answered before.
	settle(t, c, route(t, c, issueAck(t, first, channel)))
	awaitTrue(t, first, []uint64{6}, []uint64{6})
	if got := ask(t, first, token, channel, 0, 1, 4); len(got) > 0 {
		t.Errorf("%v are true a second time", got)
	}
	late := route(t, c, issueAck(t, first, channel))
	first.Close()
	second.Close()
	third, c := start(t, b)
	if got := ask(t, third, token, channel, 0, 1, 2, 3, 4, 5, 6, 7); !slices.Equal(got, []uint64{2, 3, 5}) {
		t.Errorf("after a restart %v are true", got)
	}
	if id := issue(t, third, channel); id != 8 {
		t.Errorf("after a restart: ackId %d", id)
	}
	settle(t, c, late)
	awaitTrue(t, third, []uint64{6, 7, 8}, []uint64{7})
}

// Until what is on the bus has been read nothing is answered, rather than false.
func TestUnready(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil)) // no token acknowledges
	conn := b.Connect("ingest")
	x := ack.New(ack.Options{Bus: conn, Config: b.Config.Ingest.HEC.Acks, Metrics: bustest.Metrics(t), Log: bustest.Log(t)})
	defer x.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := x.Await(ctx); !errors.Is(err, ack.ErrUnready) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("outcome %v", err)
	}
	if _, err := x.Query(t.Context(), token, channel, []uint64{0}); !errors.Is(err, ack.ErrUnready) {
		t.Errorf("outcome %v", err)
	}
	_, err := x.Issue(t.Context(), token, channel)
	if _, permanent := errors.AsType[*bus.PermanentError](err); !permanent {
		t.Errorf("outcome %v", err)
	}
	// A reload makes the streams.
	if err := topology.New(configured(t), b.Server.Capacity()).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if err := x.Await(t.Context()); err != nil {
		t.Error(err)
	}
	settle(t, conn, route(t, conn, issueAck(t, x, channel)))
	awaitTrue(t, x, []uint64{0}, []uint64{0})
}

// fence waits until an index has heard all that was told.
func fence(t *testing.T, x *ack.Index, c *bus.Conn) {
	t.Helper()
	in, batch := wire.ChannelID(token, "fence"), wire.RandomID()
	a := &drainlinev1.Ack{Channel: in[:], Parts: 1, IssuedNs: time.Now().UnixNano()}
	if err := c.TellRouted(t.Context(), []*drainlinev1.Routed{{Ack: a, Batches: [][]byte{batch[:]}}}); err != nil {
		t.Fatal(err)
	}
	settle(t, c, batch)
	bustest.Await(t, "it does not hear", func() bool { return len(ask(t, x, token, "fence", 0)) > 0 })
}

// A channel whose counter is lost counts from 0 again: old answers are not for new
// requests, whoever is asked, and old reports not about them.
func TestACounterIsLost(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, configured(t))
	first, c := start(t, b)
	second, _ := start(t, b)
	old := issueAck(t, first, channel)
	settle(t, c, route(t, c, old), route(t, c, issueAck(t, second, channel)), route(t, c, issueAck(t, first, channel)))
	awaitTrue(t, first, []uint64{1}, []uint64{1})
	awaitTrue(t, second, []uint64{2}, []uint64{2})
	fence(t, first, c)

	counters, err := c.JetStream().Stream(t.Context(), c.Names().AckIDStream())
	if err != nil {
		t.Fatal(err)
	}
	of := wire.ChannelID(token, channel)
	if err := counters.Purge(t.Context(), jetstream.WithPurgeSubject(c.Names().AckIDSubject(of))); err != nil {
		t.Fatal(err)
	}
	again := issueAck(t, first, channel)
	if again.GetId() != 0 {
		t.Fatalf("ackId %d", again.GetId())
	}
	for _, x := range []*ack.Index{first, second} {
		if got := ask(t, x, token, channel, 0); len(got) > 0 {
			t.Error("true for a request that was not even stored")
		}
		if x == first {
			fence(t, second, c)
		}
	}
	settle(t, c, route(t, c, old)) // transform does an old block again
	fence(t, second, c)
	fence(t, first, c)
	for _, x := range []*ack.Index{first, second} {
		if got := ask(t, x, token, channel, 0); len(got) > 0 {
			t.Error("true for an old request's sake")
		}
	}
	settle(t, c, route(t, c, again), route(t, c, issueAck(t, first, channel)), route(t, c, issueAck(t, second, channel)))
	awaitTrue(t, second, []uint64{0, 1, 2}, []uint64{0, 1, 2})
	fence(t, first, c)
	if got := ask(t, first, token, channel, 0, 1, 2); len(got) > 0 {
		t.Errorf("%v are true a second time", got)
	}
}

// A bus that lost what it had stored knows nothing of old requests, and nobody does.
func TestTheStreamsAreLost(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, configured(t))
	first, c := start(t, b)
	second, _ := start(t, b)
	var batches []wire.ID
	for range 4 {
		batches = append(batches, route(t, c, issueAck(t, first, channel)))
	}
	settle(t, c, batches...)
	awaitTrue(t, first, []uint64{2}, []uint64{2})
	awaitTrue(t, second, []uint64{1}, []uint64{1})
	for _, name := range []string{c.Names().AckStream(), c.Names().AckIDStream()} {
		if err := c.JetStream().DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := topology.New(b.Config, b.Server.Capacity()).Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	again := issueAck(t, first, channel)
	if got := ask(t, first, token, channel, 0); again.GetId() != 0 || len(got) > 0 {
		t.Errorf("ackId %d, true %v", again.GetId(), got)
	}
	fence(t, first, c)
	fence(t, second, c)
	for _, x := range []*ack.Index{first, second} {
		if got := ask(t, x, token, channel, 0, 1, 2, 3); len(got) > 0 {
			t.Errorf("%v are true", got)
		}
	}
	settle(t, c, route(t, c, again), route(t, c, issueAck(t, second, channel)), route(t, c, issueAck(t, first, channel)))
	awaitTrue(t, second, []uint64{0, 1, 2}, []uint64{0, 1, 2})
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, configured(t))
	x, c := start(t, b)
	a := issueAck(t, x, channel)
	x.Withdraw(&drainlinev1.Ack{Channel: a.GetChannel(), Id: a.GetId(), IssuedNs: a.GetIssuedNs() - 1})
	if _, pending := x.Size(); pending != 1 {
		t.Errorf("%d requests are pending", pending)
	}
	x.Withdraw(a)
	if _, pending := x.Size(); pending != 0 {
		t.Errorf("%d requests are pending", pending)
	}
	x.Withdraw(&drainlinev1.Ack{Channel: make([]byte, 16)})
	// It was stored, although nobody said so in time.
	settle(t, c, route(t, c, a))
	fence(t, x, c)
	if got := ask(t, x, token, channel, 0); len(got) > 0 {
		t.Error("true for what the client was not told to be stored")
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	c := configured(t)
	c.Ingest.HEC.Acks.PendingPerChannel = 1
	b := bustest.Start(t, c)
	x, conn := start(t, b)
	batch := route(t, conn, issueAck(t, x, channel))
	if _, err := x.Issue(t.Context(), token, channel); !errors.Is(err, ack.ErrFull) {
		t.Errorf("outcome %v", err)
	}
	settle(t, conn, batch)
	awaitTrue(t, x, []uint64{0}, []uint64{0})
	if id := issue(t, x, channel); id != 1 {
		t.Errorf("ackId %d: one that was refused has none", id)
	}
}

// The truth is told also when the other instances cannot be.
func TestTheBusIsAway(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, configured(t))
	x, conn := start(t, b)
	settle(t, conn, route(t, conn, issueAck(t, x, channel)), route(t, conn, issueAck(t, x, channel)))
	awaitTrue(t, x, []uint64{1}, []uint64{1})
	conn.Close()
	if got := ask(t, x, token, channel, 0, 1); !slices.Equal(got, []uint64{0}) {
		t.Errorf("%v are true", got)
	}
	if _, err := x.Issue(t.Context(), token, channel); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("outcome %v", err)
	}
}

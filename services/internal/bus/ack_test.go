package bus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

func ackConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: testNames.AckStream(), Subjects: []string{testNames.AckSubjects()}, MaxBytes: 1 << 30, MaxAge: AckAge,
	}
}

func ackIDConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: testNames.AckIDStream(), Subjects: []string{testNames.AckIDSubjects()}, MaxBytes: 1 << 30, MaxAge: AckIDAge,
		MaxMsgsPerSubject: 1, AllowMsgCounter: true,
	}
}

func createStream(t *testing.T, js jetstream.JetStream, c jetstream.StreamConfig) {
	t.Helper()
	if _, err := js.CreateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// batchID numbers batches.
func batchID(n int) wire.ID {
	var id wire.ID
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

func nextAckID(t *testing.T, c *Conn, channel string) uint64 {
	t.Helper()
	id, err := c.NextAckID(soon(t), wire.ChannelID("token", channel))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAckIDsCountPerChannel(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackIDConfig())
	one, other := dial(t, s.url()), dial(t, s.url())
	for want := range uint64(4) {
		c := []*Conn{one, other}[want%2]
		if got := nextAckID(t, c, "a"); got != want {
			t.Errorf("ackId %d, want %d", got, want)
		}
	}
	if got := nextAckID(t, one, "b"); got != 0 {
		t.Errorf("another channel begins at %d", got)
	}
	s.stop()
	s.start()
	if got := nextAckID(t, one, "a"); got < 4 { // the answer to the first try may be lost
		t.Errorf("after a restart: ackId %d", got)
	}
}

func TestAckIDsAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackIDConfig())
	const instances, each = 4, 50
	var (
		mu     sync.Mutex
		all    []uint64
		asking sync.WaitGroup
	)
	for range instances {
		c := dial(t, s.url())
		asking.Go(func() {
			for range each {
				id := nextAckID(t, c, "a")
				mu.Lock()
				all = append(all, id)
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	slices.Sort(all)
	for i, id := range all {
		if id != uint64(i) {
			t.Fatalf("ackIds %v", all)
		}
	}
}

func TestAckStreamsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	calls := map[string]func(context.Context) error{
		"next":    func(ctx context.Context) error { _, err := c.NextAckID(ctx, batchID(1)); return err },
		"routed":  func(ctx context.Context) error { return c.TellRouted(ctx, []*drainlinev1.Routed{{}}) },
		"settled": func(ctx context.Context) error { return c.TellSettled(ctx, []wire.ID{batchID(1)}) },
		"reported": func(ctx context.Context) error {
			return c.TellReported(ctx, []*drainlinev1.Ack{{}})
		},
	}
	for name, call := range calls {
		err := call(soon(t))
		if _, permanent := errors.AsType[*PermanentError](err); !permanent || !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("%s without a stream: %v", name, err)
		}
	}
	uncounted := ackIDConfig()
	uncounted.AllowMsgCounter = false
	createStream(t, s.admin(), uncounted)
	if _, permanent := errors.AsType[*PermanentError](calls["next"](soon(t))); !permanent {
		t.Error("a stream that does not count is tried on")
	}
	s.stop()
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, retry := errors.AsType[*RetryError](call(ctx)); !retry {
			t.Errorf("%s without a server: %v", name, call(ctx))
		}
		cancel()
	}
	s.start()
}

// heard collects what a follower hears.
type heard struct {
	mu       sync.Mutex
	settled  []wire.ID
	routed   []*drainlinev1.Routed
	reported []*drainlinev1.Ack
	notes    int
	told     []time.Time // of each note
}

func (h *heard) hear(n *drainlinev1.AckNote, told time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes++
	h.told = append(h.told, told)
	for _, id := range n.GetSettled() {
		h.settled = append(h.settled, wire.ToID(id))
	}
	h.routed = append(h.routed, n.GetRouted()...)
	h.reported = append(h.reported, n.GetReported()...)
}

func (h *heard) batches() []wire.ID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Compact(slices.Clone(h.settled)) // what is told twice counts once
}

// awaitBatches waits until batches from one number up to another were heard, in order.
func (h *heard) awaitBatches(t *testing.T, from, to int) {
	t.Helper()
	want := make([]wire.ID, 0, to-from)
	for n := from; n < to; n++ {
		want = append(want, batchID(n))
	}
	eventually(t, "every note is heard", func() bool { return len(h.batches()) >= len(want) })
	if got := h.batches(); !slices.Equal(got, want) {
		t.Fatalf("heard %d batches, not in order: %v", len(got), got)
	}
}

func follow(t *testing.T, c *Conn, h *heard) {
	t.Helper()
	stop, err := c.FollowAcks(soon(t), h.hear, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

func tellSettled(t *testing.T, c *Conn, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := c.TellSettled(soon(t), []wire.ID{batchID(n)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFollowAcksReplaysThenFollows(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackConfig())
	c := dial(t, s.url())
	var empty, full heard
	follow(t, c, &empty)
	const before, after = 2*fetchMessages + 3, 20
	tellSettled(t, c, 0, before)
	follow(t, c, &full)
	if n := len(full.batches()); n != before {
		t.Errorf("%d notes of %d are replayed when it returns", n, before)
	}
	tellSettled(t, c, before, before+after)
	for _, h := range []*heard{&empty, &full} {
		h.awaitBatches(t, 0, before+after)
	}
	// What is replayed is as old as it is; what is told now is heard after that.
	for i, m := range stored(t, s.admin(), testNames.AckStream()) {
		if told := full.told[i]; i < before && !told.Equal(m.Time) || i >= before && !told.After(m.Time) {
			t.Errorf("note %d of %v is said to be of %v", i, m.Time, told)
		}
	}
}

// What is told of many requests goes in notes that fit, and nothing is missing.
func TestNotesFit(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackConfig())
	c := dial(t, s.url())
	const many = 60_000
	var (
		routed   []*drainlinev1.Routed
		reported []*drainlinev1.Ack
		batches  []wire.ID
	)
	for n := range many {
		id := wire.RandomID()
		ack := &drainlinev1.Ack{Channel: id[:], Id: uint64(n), Parts: 1}
		batches, reported = append(batches, id), append(reported, ack)
		routed = append(routed, &drainlinev1.Routed{Ack: ack, Batches: [][]byte{id[:]}})
	}
	for _, err := range []error{c.TellRouted(soon(t), routed), c.TellSettled(soon(t), batches), c.TellReported(soon(t), reported)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(c.TellRouted(soon(t), nil), c.TellSettled(soon(t), nil), c.TellReported(soon(t), nil)); err != nil {
		t.Error(err)
	}
	var h heard
	follow(t, c, &h)
	if len(h.routed) != many || len(h.reported) != many || !slices.Equal(h.settled, batches) {
		t.Errorf("heard %d, %d and %d of %d", len(h.routed), len(h.settled), len(h.reported), many)
	}
	for n := range h.routed {
		if h.routed[n].GetAck().GetId() != uint64(n) || h.reported[n].GetId() != uint64(n) {
			t.Fatal("not in order")
		}
	}
	if h.notes < 10 || h.notes > 40 {
		t.Errorf("%d notes", h.notes)
	}
	for _, m := range stored(t, s.admin(), testNames.AckStream()) {
		if len(m.Data) > wire.MaxPayload {
			t.Errorf("a note of %d bytes", len(m.Data))
		}
	}
}

func TestFollowAcksOutlives(t *testing.T) {
	t.Parallel()
	deleteConsumers := func(t *testing.T, s *testServer) {
		t.Helper()
		js := s.admin()
		stream, err := js.Stream(t.Context(), testNames.AckStream())
		if err != nil {
			t.Fatal(err)
		}
		for name := range stream.ConsumerNames(t.Context()).Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		happen func(t *testing.T, s *testServer)
		told   int // after that
	}{
		{"a restart", func(_ *testing.T, s *testServer) { s.stop(); s.start() }, 5},
		{"the loss of its consumer", deleteConsumers, 5},
		{"the loss of notes", steal, stolen + 2},
		{"the loss of the last notes", steal, stolen + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			createStream(t, s.admin(), ackConfig())
			o := testOptions("")
			o.InProcess = inProcess{s}
			conn, err := Connect(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(conn.Close)
			var h heard
			tellSettled(t, conn, 0, 5)
			stop, err := conn.FollowAcks(soon(t), h.hear, func() { t.Error("nothing is lost") })
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			c.happen(t, s)
			tellSettled(t, conn, 5, 5+c.told)
			h.awaitBatches(t, 0, 5+c.told)
		})
	}
}

// stolen is how many notes steal takes, after one that the follower gets.
const stolen = 3

// steal has the server deliver notes to where nobody hears them, as it does to a
// connection that dies.
func steal(t *testing.T, s *testServer) {
	t.Helper()
	js := s.admin()
	stream, err := js.Stream(t.Context(), testNames.AckStream())
	if err != nil {
		t.Fatal(err)
	}
	var thieves []*nats.Subscription
	t.Cleanup(func() { // some may have come too late, for a consumer that was given up
		got := 0
		for _, thief := range thieves {
			n, _, err := thief.Pending()
			if err != nil {
				t.Error(err)
			}
			got += n
		}
		if got == 0 {
			t.Error("nothing was stolen")
		}
	})
	for name := range stream.ConsumerNames(t.Context()).Name() {
		next := "$JS.API.CONSUMER.MSG.NEXT." + testNames.AckStream() + "." + name
		for range stolen { // pulls are served in turn
			inbox := nats.NewInbox()
			sub, err := js.Conn().SubscribeSync(inbox)
			if err != nil {
				t.Fatal(err)
			}
			thieves = append(thieves, sub)
			if err := js.Conn().PublishRequest(next, inbox, []byte(`{"batch":1,"expires":60000000000}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := js.Conn().FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}

// A stream that was deleted counts its messages from 1 again.
func TestFollowAcksFollowsANewStream(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	createStream(t, js, ackConfig())
	c := dial(t, s.url())
	var h heard
	tellSettled(t, c, 0, 9)
	lost := make(chan int, 2) // how much had been heard
	stop, err := c.FollowAcks(soon(t), h.hear, func() { lost <- len(h.batches()) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := js.DeleteStream(t.Context(), testNames.AckStream()); err != nil {
		t.Fatal(err)
	}
	createStream(t, js, ackConfig())
	tellSettled(t, c, 9, 12)
	h.awaitBatches(t, 0, 12)
	if n := <-lost; n != 9 || len(lost) > 0 {
		t.Errorf("the loss was told after %d notes, and %d times more", n, len(lost))
	}
}

func TestFollowAcksWaitsForItsStream(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var h heard
	_, err := c.FollowAcks(ctx, h.hear, nil)
	if _, retry := errors.AsType[*RetryError](err); !retry || !strings.Contains(err.Error(), testNames.AckStream()) {
		t.Errorf("without a stream: %v", err)
	}
	following := make(chan func(), 1)
	go func() {
		stop, err := c.FollowAcks(soon(t), h.hear, nil)
		if err != nil {
			t.Error(err)
		}
		following <- stop
	}()
	createStream(t, s.admin(), ackConfig())
	stop := <-following
	tellSettled(t, c, 0, 3)
	h.awaitBatches(t, 0, 3)
	stop()
	tellSettled(t, c, 3, 4)
	if n := len(h.batches()); n != 3 {
		t.Errorf("%d batches are heard after stop", n)
	}
	c.Close()
	if _, err := c.FollowAcks(soon(t), h.hear, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("on a closed connection: %v", err)
	}
}

func TestNotesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	createStream(t, js, ackConfig())
	var log bytes.Buffer
	o := testOptions(s.url())
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	damaged := wire.Seal(nil, []byte("x"))
	damaged[len(damaged)-1] ^= 1
	tellSettled(t, c, 0, 1)
	for _, payload := range [][]byte{nil, []byte("foreign"), damaged, wire.Seal(nil, []byte{0xff}), newerSchema(nil)} {
		if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: testNames.AckSubject("x"), Data: payload}); err != nil {
			t.Fatal(err)
		}
	}
	tellSettled(t, c, 1, 2)
	var h heard
	stop, err := c.FollowAcks(soon(t), h.hear, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	h.awaitBatches(t, 0, 2)
	if n := strings.Count(log.String(), "cannot be read"); n != 1 {
		t.Errorf("%d alarms:\n%s", n, &log)
	}
}

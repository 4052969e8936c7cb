package bustest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

const (
	// deaths are more than any message has by chance.
	deaths = 6
	// poisoned is the AckWait of a consumer of what is poisoned.
	poisoned = 200 * time.Millisecond
)

// Poison makes it look as if everybody who took these messages, all that are in a
// stream, had died of them: whoever comes next makes dead letters of them
// (bus.ReasonCrashes). Nobody may be consuming them yet.
func Poison(t *testing.T, c *bus.Conn, stream, durable, stage string, ids ...wire.ID) {
	t.Helper()
	js := c.JetStream()
	k, err := js.Consumer(t.Context(), stream, durable)
	if err != nil {
		t.Fatal(err)
	}
	changed := k.CachedInfo().Config
	changed.AckWait = poisoned
	if k, err = js.UpdateConsumer(t.Context(), stream, changed); err != nil {
		t.Fatal(err)
	}
	for range deaths {
		batch, err := k.Fetch(len(ids), jetstream.FetchMaxWait(Patience), jetstream.FetchPriorityGroup(bus.PinnedGroup))
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			if err := m.Nak(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if changed.PriorityPolicy == jetstream.PriorityPolicyPinned {
		unpin(t, c, stream, durable)
	}
	for _, id := range ids {
		note := bus.Msg{ID: wire.RandomID(), Subject: c.Names().SuspectSubject(stage, id), Payload: []byte("tried")}
		if err := c.Publish(t.Context(), note); err != nil {
			t.Fatal(err)
		}
	}
	written := time.Now()
	Await(t, "the notes do not age", func() bool { return time.Since(written) > 3*poisoned })
}

// unpin lets the next consumer have what is pinned to nobody who lives.
func unpin(t *testing.T, c *bus.Conn, stream, durable string) {
	t.Helper()
	s, err := c.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UnpinConsumer(t.Context(), durable, bus.PinnedGroup); err != nil {
		t.Fatal(err)
	}
}

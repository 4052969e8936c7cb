package transform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
)

// joined is a configuration in which a drain joins lines.
func joined(t *testing.T, maxWait string) *running {
	t.Helper()
	c := bustest.Config(t, map[string]any{"joins.slow.preset": "java", "joins.slow.max_wait": maxWait})
	c.Drains = append(c.Drains, config.Drain{Token: "d.1", Join: []string{"slow"}})
	return startService(t, c)
}

// publishOrdered publishes a block of one drain, as ingest does for drains with join.
func (r *running) publishOrdered(t *testing.T, payload []byte) {
	t.Helper()
	m := bus.Msg{ID: wire.RandomID(), Subject: r.conn.Names().RawSubject(wire.OrderedShard(0)), Payload: payload}
	if err := r.conn.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// lineBlock is a block with one line of a process.
func lineBlock(proc, text string) *drainlinev1.RawBlock {
	b := block(request(nil, "<190>1 2024-05-01T12:00:00+00:00 host app "+proc+" - "+text+"\n"))
	id := wire.RandomID()
	b.Id = id[:]
	return b
}

// shippedTexts takes everything that was published for a destination.
func (r *running) shippedTexts(t *testing.T, want int) []string {
	t.Helper()
	consumer := r.conn.Consume(bus.ConsumerOptions{Stream: r.conn.Names().EventsStream("splunk"), Durable: wire.ShipperConsumer})
	defer consumer.Close()
	var texts []string
	for len(texts) < want {
		d, err := consumer.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		message, err := d.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		var b wire.Batch
		if err := wire.ScanBatch(message, &b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			texts = append(texts, string(b.Events[i].Text))
		}
		d.Ack()
	}
	return texts
}

// A trace that comes in a block a line becomes one event; the blocks of a trace that may
// go on stay on the bus until it cannot.
func TestLinesOfManyBlocksAreJoined(t *testing.T) {
	t.Parallel()
	r := joined(t, "10s")
	trace := []string{"java.lang.IllegalStateException: no stock", "\tat shop.Cart.pay(Cart.java:12)", "\tat shop.Main.main(Main.java:3)"}
	raw := r.conn.Names().RawStream(wire.OrderedShard(0))
	for _, line := range trace {
		r.publishOrdered(t, sealed(t, lineBlock("web.1", line)))
	}
	r.publishOrdered(t, sealed(t, lineBlock("web.2", "another process")))
	if got := r.shippedTexts(t, 1); !slices.Equal(got, []string{"another process"}) {
		t.Errorf("shipped %q", got)
	}
	r.AwaitMessages(r.conn, raw, uint64(len(trace)))
	r.publishOrdered(t, sealed(t, lineBlock("web.1", "and on")))
	if got := r.shippedTexts(t, 2); !slices.Equal(got, []string{strings.Join(trace, "\n"), "and on"}) {
		t.Errorf("shipped %q", got)
	}
	r.AwaitMessages(r.conn, raw, 0)
	if got := r.service.Totals().Joined.Load(); got != int64(len(trace)-1) {
		t.Errorf("%d lines joined", got)
	}
}

// What waits is shipped when nothing comes for a while, and when the service stops.
func TestWaitingLinesAreShipped(t *testing.T) {
	t.Parallel()
	for wait, stop := range map[string]bool{"50ms": false, "10s": true} {
		t.Run(wait, func(t *testing.T) {
			t.Parallel()
			r := joined(t, wait)
			raw := r.conn.Names().RawStream(wire.OrderedShard(0))
			var want []string
			for n := range 20 {
				text := "java.lang.Error: " + strconv.Itoa(n)
				want = append(want, text)
				r.publishOrdered(t, sealed(t, lineBlock(fmt.Sprintf("web.%d", n), text)))
			}
			r.publishOrdered(t, []byte("damaged"))
			r.AwaitMessages(r.conn, r.conn.Names().DeadStream(), 1)
			if stop {
				r.stop()
			}
			got := r.shippedTexts(t, len(want))
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("shipped %q", got)
			}
			r.AwaitMessages(r.conn, raw, 0)
		})
	}
}

// Of joined lines that can never be stored, the blocks become dead letters, all of them.
func TestJoinedLinesThatCannotBeStored(t *testing.T) {
	t.Parallel()
	r := joined(t, "50ms")
	r.limitMessages(t, r.conn.Names().EventsStream("splunk"))
	for _, line := range []string{"java.lang.Error: 1", "\tat x.Y.z(Y.java:1)"} {
		r.publishOrdered(t, sealed(t, lineBlock("web.1", line)))
	}
	r.AwaitMessages(r.conn, r.conn.Names().DeadStream(), 2)
	r.AwaitMessages(r.conn, r.conn.Names().RawStream(wire.OrderedShard(0)), 0)
}

// A block that cannot be read is a dead letter, also as the first of all.
func TestDamagedBlockOfAnOrderedShard(t *testing.T) {
	t.Parallel()
	r := joined(t, "10s")
	r.publishOrdered(t, []byte("damaged"))
	r.publishOrdered(t, sealed(t, lineBlock("web.1", "ordinary")))
	r.AwaitMessages(r.conn, r.conn.Names().DeadStream(), 1)
	if got := r.shippedTexts(t, 1); !slices.Equal(got, []string{"ordinary"}) {
		t.Errorf("shipped %q", got)
	}
}

// Lines that wait while the configuration changes go where it says then.
func TestReloadWhileLinesWait(t *testing.T) {
	t.Parallel()
	c := bustest.Config(t, map[string]any{
		"joins.slow.preset": "java", "joins.slow.max_wait": "10s", "destinations.other.urls": "http://127.0.0.1:1", "destinations.other.token": "t",
	})
	c.Drains = []config.Drain{{Token: "d.1", Join: []string{"slow"}, Destinations: []string{"other"}}}
	r := startService(t, c)
	r.publishOrdered(t, sealed(t, lineBlock("web.1", "java.lang.Error: 1")))
	r.publishOrdered(t, sealed(t, lineBlock("web.2", "before")))
	r.AwaitMessages(r.conn, r.conn.Names().EventsStream("other"), 1)

	next := *c
	next.Destinations = map[string]config.Destination{"splunk": c.Destinations["splunk"]}
	next.Drains = []config.Drain{{Token: "d.1"}}
	commit, err := r.service.Reload(&next)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	r.publishOrdered(t, sealed(t, lineBlock("web.1", "after")))
	if got := r.shippedTexts(t, 1); !slices.Equal(got, []string{"after"}) {
		t.Errorf("shipped %q", got)
	}
	r.stop()
	if got := r.shippedTexts(t, 1); !slices.Equal(got, []string{"java.lang.Error: 1"}) {
		t.Errorf("shipped %q", got)
	}
	r.AwaitMessages(r.conn, r.conn.Names().RawStream(wire.OrderedShard(0)), 0)
}

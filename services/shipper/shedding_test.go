package shipper

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// bulky gives an event a size that compression does not change much.
func bulky(n int, e *wire.Event) {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	var text bytes.Buffer
	for text.Len() < 2000 {
		fmt.Fprintf(&text, "%016x", random.Uint64())
	}
	e.Text = append(append(e.Text, ' '), text.Bytes()...)
}

// A destination that takes nothing has a full stream. It loses nothing, or its oldest
// events, or those become dead letters; the newest are shipped once it is well.
func TestFullStream(t *testing.T) {
	t.Parallel()
	const events, each = 1000, 10 // three times what the stream has room for
	f := func(name, policy string, sick func(*http.Request) *splunk.Response) {
		t.Run(policy+", "+name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{})
			c.SetFault(sick)
			f := setUp(t, map[string]config.Destination{"splunk": {
				URLs: []string{c.url}, WhenFull: policy, MaxBytes: 1 << 20, Concurrency: config.Concurrency{Max: 1}, Batch: config.Batch{MaxEvents: 20},
			}})
			s := f.start()
			for range events / each {
				f.publish("splunk", each, bulky) // waits until there is room
			}
			c.SetFault(nil)
			f.awaitAcked("splunk")
			counts := s.Counts()
			dead := len(f.letters()) * each
			arrived := c.Ledger().Distinct()
			if counts.Dropped+counts.Dead == 0 || int(counts.Dropped)+arrived+dead != events || int(counts.Dead) != dead ||
				(policy == config.FullDead) != (dead > 0) {
				t.Errorf("%d events arrived, %d dead letters, %+v", arrived, dead, counts)
			}
			// All of so small a stream is in hand, by two ways, so it is not exactly the oldest.
			sum := 0
			for n := range events {
				times := c.Ledger().Times(itoa(n))
				if sum += n * times; times > 1 {
					t.Fatalf("event %d arrived %d times", n, times)
				}
			}
			if mean := sum / max(arrived, 1); mean <= events/2 {
				t.Errorf("what is left is older than what went: event %d in the mean", mean)
			}
			for _, letter := range f.letters() {
				if letter.GetReason() != ReasonStreamFull {
					t.Errorf("a dead letter: %s", letter.GetReason())
				}
			}
		})
	}
	busy := func(*http.Request) *splunk.Response { return &splunk.Response{Code: 9} }
	for _, policy := range []string{config.FullDropOldest, config.FullDead} {
		f("busy", policy, busy)
		f("parked", policy, forbidden)
	}
}

// By default nothing goes: whoever stores events has to wait.
func TestFullStreamBlocks(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(forbidden)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, MaxBytes: 1 << 20}})
	s := f.start()
	const each = 10
	stored := 0
	for {
		b := wire.Batch{ID: wire.ID{8, byte(stored)}, Destination: "splunk", Origins: []wire.Origin{{}}}
		message := wire.AppendBatch(nil, &b)
		for n := range each {
			e := wire.Event{Text: fmt.Appendf(nil, "id=%d", stored*each+n)}
			bulky(stored*each+n, &e)
			message = wire.AppendEvent(message, &e)
		}
		ctx, cancel := shortly(t)
		err := f.conn.Publish(ctx, bus.Msg{ID: b.ID, Subject: f.conn.Names().EventsSubject("splunk"), Payload: wire.Seal(nil, message)})
		cancel()
		if err != nil {
			break
		}
		stored++
	}
	if stored < 2 {
		t.Fatalf("%d batches had room", stored)
	}
	f.await("it is told", func() bool { return s.Healthy() != nil && strings.Contains(s.Healthy().Error(), "the stream is full") })
	c.SetFault(nil)
	f.awaitAcked("splunk")
	c.wantOnce(t, stored*each)
	if counts := s.Counts(); counts.Dropped+counts.Dead != 0 {
		t.Errorf("%+v", counts)
	}
}

// Dead letters that cannot be stored hold up nothing: when the destination is well, what
// was to be shed is shipped.
func TestFullStreamWithoutDeadLetters(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Code: 9} })
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, WhenFull: config.FullDead, MaxBytes: 1 << 20, Concurrency: config.Concurrency{Max: 1}, Batch: config.Batch{MaxEvents: 20},
	}})
	if err := f.conn.JetStream().DeleteStream(t.Context(), f.conn.Names().DeadStream()); err != nil {
		t.Fatal(err)
	}
	for f.stream(f.conn.Names().EventsStream("splunk")).Bytes < 1<<20*92/100 {
		f.publish("splunk", 10, bulky)
	}
	s := f.start()
	f.await("a dead letter cannot be stored", func() bool { return s.destinations["splunk"].burials.why() != nil })
	c.SetFault(nil)
	f.awaitAcked("splunk")
	c.wantOnce(t, f.events)
}

// What is in hand follows the policy of now: after a reload to block nothing goes.
func TestFullStreamIsToBlockNow(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Code: 9} })
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, WhenFull: config.FullDead, MaxBytes: 8 << 20, Concurrency: config.Concurrency{Max: 1}, Batch: config.Batch{MaxEvents: 1},
	}})
	for f.stream(f.conn.Names().EventsStream("splunk")).Bytes < 8<<20*93/100 {
		for range 100 {
			f.publish("splunk", 1, bulky)
		}
	}
	s := f.start()
	f.await("its oldest events die", func() bool { return s.Counts().Dead > 0 })
	d := f.config.Destinations["splunk"]
	d.WhenFull, d.Batch.MaxEvents = config.FullBlock, 1000
	reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
	c.SetFault(nil)
	f.awaitAcked("splunk")
	counts := s.Counts()
	if counts.Dropped != 0 || int(counts.Dead)+c.Ledger().Distinct() != f.events || len(f.letters()) != int(counts.Dead) {
		t.Errorf("%d of %d events arrived: %+v", c.Ledger().Distinct(), f.events, counts)
	}
}

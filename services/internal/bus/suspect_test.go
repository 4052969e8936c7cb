package bus

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

// refuse has everything in the stream delivered often, as if its takers died.
func (c *consuming) refuse(messages, times int) {
	c.t.Helper()
	k, err := c.js.Consumer(c.t.Context(), rawStream, durable)
	if err != nil {
		c.t.Fatal(err)
	}
	for range times {
		batch, err := k.Fetch(messages, jetstream.FetchMaxWait(patience))
		if err != nil {
			c.t.Fatal(err)
		}
		var got []jetstream.Msg
		for m := range batch.Messages() {
			got = append(got, m)
		}
		if len(got) != messages {
			c.t.Fatalf("%d messages of %d: %v", len(got), messages, batch.Error())
		}
		for _, m := range got {
			if err := m.Nak(); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

func (c *consuming) dead() uint64 { return streamState(c.t, c.js, testNames.DeadStream()).Msgs }

func (c *consuming) note(payload, note string) {
	c.t.Helper()
	subject := testNames.SuspectSubject("test", wire.PayloadID([]byte(payload)))
	if _, err := c.js.Publish(c.t.Context(), subject, []byte(note)); err != nil {
		c.t.Fatal(err)
	}
}

func payload(n int) string { return string(rune('0'+n)) + " " + string(make([]byte, 10)) }

func TestSuspectsAreProcessedAlone(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	const suspects, innocents = 3, 5
	c.fill(0, suspects, 10)
	c.refuse(suspects, suspectAfter)
	k := c.consume(c.url(), 0)
	first := next(t, k)
	c.fill(suspects, innocents, 10)
	inHand := 1
	for d, left := first, suspects+innocents; ; d = next(t, k) {
		if inHand != 1 {
			t.Errorf("message %d is handed out beside a suspect", number(t, d))
		}
		if got, want := d.Attempts > suspectAfter, number(t, d) < suspects; got != want {
			t.Errorf("message %d has %d attempts", number(t, d), d.Attempts)
		}
		if d.Attempts > suspectAfter {
			eventually(t, "a note is made", func() bool { return c.noted(d) == noteTried })
			select {
			case other := <-k.out:
				t.Errorf("message %d is handed out beside suspect %d", number(t, other), number(t, d))
			case <-time.After(20 * time.Millisecond):
			}
		}
		d.Ack()
		if left--; left == 0 {
			break
		}
	}
	eventually(t, "everything is acknowledged", c.empty)
	if c.dead() != 0 {
		t.Errorf("%d dead letters", c.dead())
	}
}

func (c *consuming) noted(d *Delivery) string {
	s, err := c.js.Stream(c.t.Context(), testNames.SuspectStream())
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(c.t.Context(), testNames.SuspectSubject("test", d.ID))
	if err != nil {
		return err.Error()
	}
	return string(m.Data)
}

// A process that ends in order, or gives the suspect back, has not died of it.
func TestASurvivedSuspectIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, shortWait)
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter+3)
	for _, leave := range []func(k *Consumer, d *Delivery){
		func(_ *Consumer, d *Delivery) { d.Release(0) },
		func(k *Consumer, _ *Delivery) { k.Close() }, // neither acknowledged nor given back
		func(k *Consumer, d *Delivery) { k.Close(); d.Release(0) },
		func(_ *Consumer, d *Delivery) { d.Ack() },
	} {
		k := c.consume(c.url(), 0)
		d := next(t, k)
		leave(k, d)
		k.Close()
	}
	eventually(t, "it is acknowledged", c.empty)
	if c.dead() != 0 {
		t.Errorf("%d dead letters", c.dead())
	}
}

// The stage holds a message until its dead letter is kept, and everything behind it.
func TestADeadLetterWaitsForRoom(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	full := deadConfig()
	full.MaxMsgs = 1
	dead, err := c.js.UpdateStream(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.js.Publish(t.Context(), testNames.DeadSubject("test", "other"), nil); err != nil {
		t.Fatal(err)
	}
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter+1)
	c.note(payload(0), noteTried)
	k := c.consume(c.url(), 0)
	eventually(t, "it is dispatched", func() bool { return strings.Contains(c.log.String(), "processing it alone") })
	c.fill(1, 1, 10)
	select {
	case d := <-k.out:
		t.Fatalf("message %d was handed out", number(t, d))
	case <-time.After(100 * time.Millisecond):
	}
	if c.empty() || c.dead() != 1 {
		t.Fatal("the message was let go without a dead letter")
	}
	if err := dead.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := next(t, k)
	if number(t, d) != 1 {
		t.Errorf("message %d", number(t, d))
	}
	d.Ack()
	eventually(t, "everything is settled", c.empty)
	letters := deadLetters(t, c.js)
	if len(letters) != 1 || string(letters[0].GetOriginal()) != payload(0) || letters[0].GetReason() != ReasonCrashes {
		t.Errorf("dead letters: %v", letters)
	}
}

// Without its stream nothing can be noted; messages flow all the same.
func TestSuspectsFlowWithoutNotes(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	if err := c.js.DeleteStream(t.Context(), testNames.SuspectStream()); err != nil {
		t.Fatal(err)
	}
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter+1)
	next(t, c.consume(c.url(), 0)).Ack()
	eventually(t, "it is acknowledged", c.empty)
}

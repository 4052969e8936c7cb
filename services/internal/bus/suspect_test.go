package bus

import (
	"context"
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
		batch, err := k.Fetch(messages, jetstream.FetchMaxWait(patience), jetstream.FetchPriorityGroup(PinnedGroup))
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

// noteOld makes a note that whoever wrote it has not outlived, under an AckWait of poisoned.
func (c *consuming) noteOld(payload, note string) {
	c.t.Helper()
	c.note(payload, note)
	written := time.Now()
	eventually(c.t, "the note is old", func() bool { return time.Since(written) > 3*poisoned })
}

func payload(n int) string { return string(rune('0'+n)) + " " + string(make([]byte, 10)) }

func TestSuspectsAreProcessedAlone(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	const suspects, innocents = 3, 5
	c.fill(0, suspects, 10)
	c.refuse(suspects, suspectAfter)
	k := c.consume(c.url())
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
		k := c.consume(c.url())
		d := next(t, k)
		leave(k, d)
		k.Close()
	}
	eventually(t, "it is acknowledged", c.empty)
	if c.dead() != 0 {
		t.Errorf("%d dead letters", c.dead())
	}
}

// A suspect that nobody took before the process ended was not tried.
func TestASuspectThatNobodyTookIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, poisoned)
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter)
	d := &Delivery{ID: wire.PayloadID([]byte(payload(0)))}
	k := c.consume(c.url())
	eventually(t, "it is noted", func() bool { return c.noted(d) == noteTried })
	k.Close()
	if got := c.noted(d); got != noteSurvived {
		t.Errorf("the note says %s", got)
	}
	next(t, c.consume(c.url())).Ack()
	eventually(t, "it is acknowledged", c.empty)
	if c.dead() != 0 {
		t.Errorf("%d dead letters", c.dead())
	}
}

// Who holds a suspect while his connection is away may yet be done with it.
func TestASuspectIsNotBuriedUnderItsHolder(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, shortWait)
	p := startProxy(t, c.testServer)
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter)
	held := next(t, c.consume(p.url()))
	p.holdRequests(true) // nothing is heard of the holder
	c.consume(c.url())
	eventually(t, "another has it", func() bool { return strings.Count(c.log.String(), "processing it alone") == 2 })
	p.holdRequests(false)
	held.Ack()
	eventually(t, "it is acknowledged", c.empty)
	if c.dead() != 0 {
		t.Errorf("%d dead letters", c.dead())
	}
}

// Who has to know of a burial hears of it when the dead letter is kept and before the
// message is gone.
func TestABurialIsTold(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, poisoned)
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter+1)
	c.noteOld(payload(0), noteTried)
	buried := make(chan wire.ID, 2)
	c.consumeAs(c.url(), ConsumerOptions{Stream: rawStream, Durable: durable, Stage: "test", Buried: func(ctx context.Context, d *Delivery) {
		if c.dead() != 1 || c.empty() || ctx.Err() != nil {
			t.Errorf("%d dead letters, the message is gone: %v, %v", c.dead(), c.empty(), ctx.Err())
		}
		buried <- d.ID
	}})
	eventually(t, "it is acknowledged", c.empty)
	if id := <-buried; id != wire.PayloadID([]byte(payload(0))) || len(buried) != 0 {
		t.Errorf("told of %v, and %d more", id, len(buried))
	}
}

// What cannot be buried is tried again, and holds up nothing.
func TestADeadLetterThatIsRefused(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, poisoned)
	small := deadConfig()
	small.MaxMsgSize = 1
	if _, err := c.js.UpdateStream(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	c.fill(0, 1, 10)
	c.refuse(1, suspectAfter+1)
	c.noteOld(payload(0), noteTried)
	c.consume(c.url())
	eventually(t, "burying is repeated", func() bool { return strings.Count(c.log.String(), "dead letter is not stored") > 1 })
	if c.empty() {
		t.Error("the message was let go without a dead letter")
	}
}

// The stage holds a message until its dead letter is kept, and everything behind it.
func TestADeadLetterWaitsForRoom(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, poisoned)
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
	c.noteOld(payload(0), noteTried)
	k := c.consume(c.url())
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
	next(t, c.consume(c.url())).Ack()
	eventually(t, "it is acknowledged", c.empty)
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// shortTTL is a PinnedTTL that a test can outlive.
const shortTTL = 2 * time.Second

// startOrdered is a server with a raw stream and a durable that is pinned.
func startOrdered(t *testing.T, ackWait, ttl time.Duration) *consuming {
	t.Helper()
	c := startConsuming(t, ackWait)
	pinned := consumerConfig(ackWait)
	pinned.PriorityPolicy, pinned.PriorityGroups, pinned.PinnedTTL = jetstream.PriorityPolicyPinned, []string{PinnedGroup}, ttl
	if _, err := c.js.UpdateConsumer(t.Context(), rawStream, pinned); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *consuming) ordered() *Consumer {
	c.t.Helper()
	return c.consumeAs(c.url(), ConsumerOptions{Stream: rawStream, Durable: durable, Stage: "test", Ordered: true})
}

// die ends a consumer as a kill does: nothing is given back or up.
func die(k *Consumer) { k.conn.shut() }

// pinned waits until the durable is pinned to somebody other than before, and says to whom.
func (c *consuming) pinned(before string) (id string) {
	c.t.Helper()
	eventually(c.t, "the durable is pinned", func() bool {
		id = pinnedTo(consumerInfo(c.t, c.js))
		return id != "" && id != before
	})
	return id
}

// nothingFor holds a consumer to handing out nothing for a while.
func nothingFor(t *testing.T, k *Consumer, while time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()
	if d, err := k.Next(ctx); err == nil {
		t.Errorf("message %d was handed out", number(t, d))
	}
}

// journal is what consumers took, in the order in which they did.
type journal struct {
	t       *testing.T
	mu      sync.Mutex
	last    [2]int // of what came for the first time, and of what came again
	seen    map[int]int
	mistake string
}

func newJournal(t *testing.T) *journal {
	t.Helper()
	return &journal{t: t, last: [2]int{-1, -1}, seen: map[int]int{}}
}

// take notes a message and acknowledges it.
func (j *journal) take(d *Delivery) {
	n := number(j.t, d)
	j.mu.Lock()
	last := &j.last[min(d.Attempts-1, 1)]
	if n <= *last && j.mistake == "" {
		j.mistake = fmt.Sprintf("message %d came after %d, at attempt %d", n, *last, d.Attempts)
	}
	*last = n
	j.seen[n]++
	j.mu.Unlock()
	d.Ack()
}

func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.seen)
}

// One of two gets everything, in order, until it is gone; then the other does.
func TestOrderIsKeptFromOneInstanceToTheNext(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(k *Consumer){"closed": (*Consumer).Close, "killed": die} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startOrdered(t, shortWait, shortTTL)
			const n = 1500
			j := newJournal(t)
			c.fill(0, 1, 10)
			consumers := []*Consumer{c.ordered(), nil}
			c.pinned("")
			consumers[1] = c.ordered()
			var (
				counts  [2]int
				running sync.WaitGroup
			)
			for i, k := range consumers {
				running.Go(func() {
					for j.count() < n {
						ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
						d, err := k.Next(ctx)
						cancel()
						switch {
						case errors.Is(err, ErrClosed):
							return
						case err != nil:
							continue
						}
						counts[i]++
						j.take(d)
						if i == 0 && counts[i] == n/3 {
							leave(k)
						}
					}
				})
			}
			for first := 1; first < n; first += 50 {
				c.fill(first, min(50, n-first), 10)
			}
			running.Wait()
			eventually(t, "everything is acknowledged", c.empty)
			if j.mistake != "" {
				t.Error(j.mistake)
			}
			for i := range n {
				if j.seen[i] == 0 {
					t.Errorf("message %d did not come", i)
				}
			}
			t.Log(counts, consumerInfo(t, c.js).NumRedelivered)
		})
	}
}

// What was given back is taken by the next instance before anything newer.
func TestACloseChangesNoOrder(t *testing.T) {
	t.Parallel()
	c := startOrdered(t, AckWait, time.Minute) // nobody could wait for that
	c.fill(0, 20, 10)
	first := c.ordered()
	for i := range 5 {
		d := next(t, first)
		if number(t, d) != i {
			t.Errorf("message %d", number(t, d))
		}
		d.Ack()
	}
	second := c.ordered()
	nothingFor(t, second, fetchExpires*3/2)
	first.Close()
	for i := 5; i < 20; i++ {
		d := next(t, second)
		if number(t, d) != i {
			t.Errorf("message %d instead of %d", number(t, d), i)
		}
		d.Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
}

// The one that has the pin keeps it while nobody takes messages from it, and while
// as much is held as may be.
func TestWhoStandsStillIsNotOvertaken(t *testing.T) {
	t.Parallel()
	c := startOrdered(t, AckWait, shortTTL)
	const size, n = 400 << 10, 45 // more than may be held
	c.fill(0, n, size)
	first := c.ordered()
	held := []*Delivery{next(t, first)}
	second := c.ordered()
	nothingFor(t, second, shortTTL*5/4)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), fetchExpires*3/2)
		d, err := first.Next(ctx)
		cancel()
		if err != nil {
			break
		}
		held = append(held, d)
	}
	if len(held) == n {
		t.Error("everything is held")
	}
	nothingFor(t, second, shortTTL*5/4)
	for i := range n {
		if i == len(held) {
			held = append(held, next(t, first))
		}
		if got := number(t, held[i]); got != i {
			t.Errorf("message %d instead of %d", got, i)
		}
		held[i].Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
}

// The server may pin anew at any time: when it is told to, and when it was restarted.
func TestAPinIsLost(t *testing.T) {
	t.Parallel()
	c := startOrdered(t, shortWait, shortTTL)
	j := newJournal(t)
	k := c.ordered()
	const n = 300
	c.fill(0, n, 10)
	for taken := 1; len(j.seen) < n; taken++ {
		j.take(next(t, k))
		switch taken {
		case n / 3:
			s, err := c.js.Stream(t.Context(), rawStream)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.UnpinConsumer(t.Context(), durable, PinnedGroup); err != nil {
				t.Fatal(err)
			}
		case 2 * n / 3:
			c.stop()
			c.start()
			c.js = c.admin()
		}
	}
	eventually(t, "everything is acknowledged", c.empty)
	if j.mistake != "" {
		t.Error(j.mistake)
	}
	if log := c.log.String(); strings.Contains(log, "no messages come") {
		t.Error(log)
	}
}

// What an instance held that died comes again in its order, after what was newer.
func TestWhatADeadInstanceHeldComesInOrder(t *testing.T) {
	t.Parallel()
	c := startOrdered(t, shortWait, shortTTL)
	const held, n = 40, 400
	c.fill(0, held, 10)
	first := c.ordered()
	for range held {
		next(t, first)
	}
	second := c.ordered()
	nothingFor(t, second, fetchExpires/2)
	die(first)
	c.fill(held, n-held, 10)
	j := newJournal(t)
	for len(j.seen) < n {
		j.take(next(t, second))
	}
	eventually(t, "everything is acknowledged", c.empty)
	if j.mistake != "" {
		t.Error(j.mistake)
	}
}

// An instance that waits for the pin of another costs next to nothing.
func TestTheSecondInstanceIsQuiet(t *testing.T) {
	t.Parallel()
	c := startOrdered(t, AckWait, shortTTL)
	c.fill(0, 1, 10)
	next(t, c.ordered()).Ack()
	c.ordered()
	before, err := c.ns.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "some time passes", func() bool { return time.Since(began) > 2*time.Second })
	after, err := c.ns.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	const most = 40 // a fetch is a few messages, for subscriptions and answers
	if got := after.InMsgs - before.InMsgs; got > most {
		t.Errorf("%d messages to the server in two seconds", got)
	}
	if c.log.String() != "" {
		t.Error(c.log.String())
	}
}

// A suspect waits until those that hold messages for a while, for more to come, have
// let go of them.
func TestASuspectAmongOrderedMessages(t *testing.T) {
	t.Parallel()
	c := startOrdered(t, AckWait, shortTTL)
	const suspects, n = 3, 20
	c.fill(0, suspects, 10)
	c.refuse(suspects, suspectAfter)
	c.fill(suspects, n-suspects, 10)
	k := c.ordered()
	const patience = 50 * time.Millisecond // of the holder
	var held []*Delivery
	for settled := 0; settled < n; {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		d, err := k.Next(ctx)
		cancel()
		if err == nil {
			if d.Attempts > suspectAfter && len(held) > 0 || len(held) > 0 && held[0].Attempts > suspectAfter {
				t.Errorf("message %d is handed out beside a suspect", number(t, d))
			}
			held = append(held, d)
			continue
		}
		for _, d := range held {
			d.Ack()
			settled++
		}
		held = nil
	}
	eventually(t, "everything is acknowledged", c.empty)
	if c.dead() != 0 {
		t.Errorf("%d dead letters", c.dead())
	}
}

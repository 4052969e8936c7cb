package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

// consuming is a server with a raw stream and its durable.
type consuming struct {
	*testServer
	js  jetstream.JetStream
	log logBook
}

// logBook keeps what was logged.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func startConsuming(t *testing.T, ackWait time.Duration) *consuming {
	t.Helper()
	s := startServer(t)
	c := &consuming{testServer: s, js: s.admin()}
	createStreams(t, c.js, ackWait, rawConfig(), deadConfig(), suspectConfig())
	return c
}

func (c *consuming) consume(url string) *Consumer {
	c.t.Helper()
	return c.consumeAs(url, ConsumerOptions{Stream: rawStream, Durable: durable, Stage: "test"})
}

func (c *consuming) consumeAs(url string, as ConsumerOptions) *Consumer {
	c.t.Helper()
	o := testOptions(url)
	o.Log = slog.New(slog.NewTextHandler(&c.log, nil))
	conn, err := Connect(c.t.Context(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(conn.Close)
	k := conn.Consume(as)
	c.t.Cleanup(k.Close)
	return k
}

// fill publishes numbered messages of a size.
func (c *consuming) fill(first, n, size int) {
	c.t.Helper()
	for i := range n {
		payload := append([]byte(strconv.Itoa(first+i)+" "), make([]byte, size)...)
		if _, err := c.js.PublishMsgAsync(&nats.Msg{
			Subject: testNames.RawSubject("s0"), Data: payload,
			Header: nats.Header{wire.HeaderMsgID: {wire.PayloadID(payload).String()}},
		}, jetstream.WithStallWait(patience)); err != nil {
			c.t.Fatal(err)
		}
	}
	select {
	case <-c.js.PublishAsyncComplete():
	case <-time.After(patience):
		c.t.Fatal("publishing does not end")
	}
}

func number(t *testing.T, d *Delivery) int {
	t.Helper()
	text, _, _ := strings.Cut(string(d.Payload), " ")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func next(t *testing.T, k *Consumer) *Delivery {
	t.Helper()
	d, err := k.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (c *consuming) empty() bool { return streamState(c.t, c.js, rawStream).Msgs == 0 }

func TestConsumersShareTheWork(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	const n = 2000
	var (
		mu     sync.Mutex
		seen   = map[int]int{}
		counts [2]atomic.Int64
	)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range counts {
		k := c.consume(c.url())
		running.Go(func() {
			for {
				d, err := k.Next(ctx)
				if err != nil {
					return
				}
				counts[i].Add(1)
				mu.Lock()
				seen[number(t, d)]++
				mu.Unlock()
				d.Ack()
				d.Ack() // harmless
				d.Release(0)
			}
		})
	}
	for first := 0; first < n; first += 100 {
		c.fill(first, 100, 10)
	}
	eventually(t, "everything is acknowledged", c.empty)
	cancel()
	running.Wait()
	for i := range n {
		if seen[i] != 1 {
			t.Errorf("message %d came %d times", i, seen[i])
		}
	}
	if counts[0].Load() == 0 || counts[1].Load() == 0 {
		t.Errorf("shares %d and %d", counts[0].Load(), counts[1].Load())
	}
	if info := consumerInfo(t, c.js); info.NumAckPending != 0 || info.NumRedelivered != 0 {
		t.Errorf("%d pending, %d redelivered", info.NumAckPending, info.NumRedelivered)
	}
}

// One that holds on to its first message leaves all but what it had fetched to the others.
func TestASlowConsumerLeavesTheRestToOthers(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	c.fill(0, 1, 10)
	slow := c.consume(c.url())
	held := next(t, slow)
	const n = 3000
	c.fill(1, n, 10)
	quick := c.consume(c.url())
	for range n - fetchers*fetchMessages {
		next(t, quick).Ack()
	}
	held.Ack()
}

func TestMetadataOfADelivery(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	m := rawMsg("0 payload")
	m.Traceparent, m.Tracestate = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "v=1"
	before := time.Now()
	if err := dial(t, c.url()).Publish(soon(t), m); err != nil {
		t.Fatal(err)
	}
	d := next(t, c.consume(c.url()))
	defer d.Ack()
	if d.ID != m.ID || d.Subject != m.Subject || string(d.Payload) != "0 payload" || d.Traceparent != m.Traceparent ||
		d.Tracestate != m.Tracestate || d.Attempts != 1 || d.Stored.Before(before) || d.Stored.After(time.Now()) {
		t.Errorf("%+v", d)
	}
}

func TestHeldBytesAreBounded(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	const (
		size = 400 << 10
		n    = 60
	)
	c.fill(0, n, size)
	k := c.consume(c.url())
	var held []*Delivery
	for taken := 0; taken < n; {
		ctx, cancel := context.WithTimeout(t.Context(), 2*fetchExpires)
		d, err := k.Next(ctx)
		cancel()
		switch {
		case err == nil:
			held = append(held, d)
			taken++
		case len(held) == 0:
			t.Fatalf("nothing comes after %d of %d messages", taken, n)
		default: // nothing more comes until something is settled
			if pending := consumerInfo(t, c.js).NumAckPending; pending != len(held) || pending*size > prefetch {
				t.Fatalf("%d messages held and %d pending at the server, together %d bytes", len(held), pending, pending*size)
			}
			for _, d := range held {
				d.Ack()
			}
			held = nil
		}
	}
	for _, d := range held {
		d.Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
}

// What was handed out, and what was fetched and waits for Next, is nobody else's
// for as long as it is held.
func TestHeldMessagesAreKeptAlive(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, shortWait)
	const n = 50
	c.fill(0, n, 10)
	k := c.consume(c.url())
	held := next(t, k)
	eventually(t, "the others are fetched", func() bool { return consumerInfo(t, c.js).NumAckPending == n })
	other := c.consume(c.url())
	ctx, cancel := context.WithTimeout(t.Context(), 2*shortWait)
	defer cancel()
	if d, err := other.Next(ctx); err == nil {
		t.Errorf("message %d was given to another, attempt %d", number(t, d), d.Attempts)
	}
	if got := consumerInfo(t, c.js).NumRedelivered; got != 0 {
		t.Errorf("%d redelivered", got)
	}
	held.Ack()
	for range n - 1 {
		next(t, k).Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
}

func TestReleasedMessagesComeAgain(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	c.fill(0, 1, 10)
	k := c.consume(c.url())
	// A message that is answered is no suspect, however often it comes.
	for attempt := 1; attempt <= 2*suspectAfter; attempt++ {
		d := next(t, k)
		if d.Attempts != attempt {
			t.Errorf("attempt %d instead of %d", d.Attempts, attempt)
		}
		d.Release(time.Duration(attempt%2) * time.Millisecond)
	}
	next(t, k).Ack()
	eventually(t, "everything is acknowledged", c.empty)
	if got := streamState(t, c.js, testNames.DeadStream()).Msgs; got != 0 {
		t.Errorf("%d dead letters", got)
	}
}

func TestCloseGivesBackWhatWasNotHandedOut(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	const n = 20
	c.fill(0, n, 10)
	k := c.consume(c.url())
	held := next(t, k)
	eventually(t, "the others are fetched", func() bool { return consumerInfo(t, c.js).NumAckPending == n })
	k.Close()
	if _, err := k.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
	other := c.consume(c.url())
	for range n - 1 {
		d := next(t, other) // well before AckWait
		if number(t, d) == number(t, held) {
			t.Error("the message in hand was given back")
		}
		d.Ack()
	}
	held.Ack()
	eventually(t, "everything is acknowledged", c.empty)
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.consume(c.url()).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("outcome %v", err)
	}
}

func TestALostAckIsRepeated(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, shortWait)
	p := startProxy(t, c.testServer)
	k := c.consume(p.url())
	c.fill(0, 1, 10)
	d := next(t, k)
	p.holdRequests(true)
	d.Ack()
	if err := k.conn.nc.FlushTimeout(10 * time.Millisecond); err == nil {
		t.Fatal("the ack got through")
	}
	p.cut()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		eventually(t, "the message is acknowledged", c.empty)
	}()
	if d, err := k.Next(ctx); err == nil {
		t.Errorf("message %d was handed out again, attempt %d", number(t, d), d.Attempts)
	}
	if got := streamState(t, c.js, testNames.DeadStream()).Msgs; got != 0 {
		t.Errorf("%d dead letters", got)
	}
}

// What was acknowledged when the connection broke is acknowledged with the next, long
// before the server would give it to somebody else.
func TestALostAckIsRepeatedWithTheNextConnection(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, time.Hour)
	p := startProxy(t, c.testServer)
	k := c.consume(p.url())
	const n = MaxAckPending / 2
	c.fill(0, n, 10)
	p.holdRequests(true)
	for range 2 {
		next(t, k).Ack()
	}
	p.cut()
	for range n - 2 {
		next(t, k).Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
}

// Messages of a durable that was made again have numbers that others had.
func TestAcksOfAnotherDurableAreNotRepeated(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, time.Hour)
	p := startProxy(t, c.testServer)
	k := c.consume(p.url())
	c.fill(0, 1, 10)
	next(t, k).Ack()
	eventually(t, "it is acknowledged", c.empty)
	if err := c.js.DeleteStream(t.Context(), rawStream); err != nil {
		t.Fatal(err)
	}
	createStreams(t, c.js, time.Hour, rawConfig())
	c.fill(1, 1, 10)
	d := next(t, k) // has the number that the first had
	connects := k.conn.Connects()
	p.cut()
	eventually(t, "the connection is back", func() bool { return k.conn.Connects() > connects })
	c.fill(2, 1, 10)
	next(t, k).Ack() // the fetcher is at work again
	if got := streamState(t, c.js, rawStream).Msgs; got == 0 {
		t.Error("a message was acknowledged that nobody has answered for")
	}
	d.Ack()
	eventually(t, "everything is acknowledged", c.empty)
}

func TestLastAcks(t *testing.T) {
	t.Parallel()
	a := lastAcks{most: 3}
	for n := range 5 {
		a.add(strconv.Itoa(n))
	}
	if diff := cmp.Diff([]string{"3", "4", "2"}, a.subjects); diff != "" || a.oldest != 2 {
		t.Errorf("oldest at %d: %s", a.oldest, diff)
	}
}

func TestConsumerOutlivesTheServer(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, shortWait)
	const n = 600
	c.fill(0, n, 10)
	k := c.consume(c.url())
	seen := map[int]bool{}
	for len(seen) < n {
		d := next(t, k)
		seen[number(t, d)] = true
		d.Ack()
		if len(seen) == n/3 || len(seen) == 2*n/3 {
			c.stop()
			c.start()
			c.js = c.admin()
		}
	}
	eventually(t, "everything is acknowledged", c.empty)
}

func TestConsumerOutlivesItsDurableAndItsStream(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	k := c.consume(c.url())
	c.fill(0, 1, 10)
	next(t, k).Ack()
	eventually(t, "it is acknowledged", c.empty)

	if err := c.js.DeleteConsumer(t.Context(), rawStream, durable); err != nil {
		t.Fatal(err)
	}
	c.fill(1, 1, 10)
	if _, err := c.js.CreateConsumer(t.Context(), rawStream, consumerConfig(AckWait)); err != nil {
		t.Fatal(err)
	}
	d := next(t, k)
	if number(t, d) != 1 {
		t.Errorf("message %d", number(t, d))
	}
	d.Ack()
	eventually(t, "it is acknowledged", c.empty)

	if err := c.js.DeleteStream(t.Context(), rawStream); err != nil {
		t.Fatal(err)
	}
	createStreams(t, c.js, AckWait, rawConfig())
	c.fill(2, 1, 10)
	d = next(t, k)
	if number(t, d) != 2 {
		t.Errorf("message %d", number(t, d))
	}
	d.Ack()
	eventually(t, "it is acknowledged", c.empty)
}

func TestForeignMessagesFlow(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	subject := testNames.RawSubject("s0")
	messages := []*nats.Msg{
		{Subject: subject, Data: []byte("no header")},
		{Subject: subject, Data: []byte("another's id"), Header: nats.Header{wire.HeaderMsgID: {"order-17"}}},
		{Subject: subject}, // nothing at all
		{Subject: subject, Header: nats.Header{"Status": {"408"}}, Data: []byte("looks like a status")},
		{Subject: subject, Data: make([]byte, 1<<20)}, // as large as the server takes
	}
	want := map[string]bool{}
	for _, m := range messages {
		want[string(m.Data)] = true
		if _, err := c.js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	k := c.consume(c.url())
	ids := map[wire.ID]bool{}
	for range messages {
		d := next(t, k)
		if !want[string(d.Payload)] || d.ID.IsZero() || ids[d.ID] {
			t.Errorf("%.20q with id %v", d.Payload, d.ID)
		}
		ids[d.ID] = true
		delete(want, string(d.Payload))
		d.Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
}

// nats.go's own ways to consume stall for 30 s every few million messages; the
// Fetch loop has no such gap. A gap would show as a deadline missed.
func TestManySmallMessagesFlowWithoutAStall(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	const n, workers = manyMessages, 4
	k := c.consume(c.url())
	var (
		got     atomic.Int64
		running sync.WaitGroup
	)
	ctx, cancel := context.WithCancel(t.Context())
	for range workers {
		running.Go(func() {
			for {
				d, err := k.Next(ctx)
				if err != nil {
					return
				}
				d.Ack()
				got.Add(1)
			}
		})
	}
	c.fill(0, n, 1)
	for last := int64(0); last < n; {
		eventually(t, fmt.Sprintf("more than %d of %d messages", last, n), func() bool { return got.Load() > last })
		last = got.Load()
	}
	cancel()
	running.Wait()
	eventually(t, "everything is acknowledged", c.empty)
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

const (
	// AckWait is how long the server waits for an answer before it gives a
	// message to somebody else; a held message says InProgress at a third of it.
	AckWait = 30 * time.Second
	// MaxAckPending bounds what all instances of a service hold together, in messages.
	MaxAckPending = 4096

	// DefaultPrefetch bounds what one Consumer holds, in bytes of payload.
	DefaultPrefetch = 64 << 20

	// Fetches overlap, so that a pull request is always waiting at the server
	// while another one's end is on its way.
	fetchers = 2
	// A fetch ends when it has this much, in bytes and messages, or is this old.
	fetchBytes    = 4 << 20
	fetchMessages = 256
	fetchExpires  = time.Second

	// A message delivered more often than this without an answer is processed
	// alone; if that gives no answer either, it is a dead letter.
	suspectAfter = 5

	// settledKept is how many settled messages are remembered, so that one whose
	// ack was lost is acked again instead of processed again.
	settledKept = 1 << 16
)

// ReasonCrashes is the reason code of a message that was delivered again and
// again without an answer: presumably whoever takes it dies of it.
const ReasonCrashes = "crashes_consumer"

// ConsumerOptions name a durable consumer.
type ConsumerOptions struct {
	Stream  string
	Durable string
	// Stage that dead letters are written for.
	Stage string
	// MaxBytes bounds the payloads held at a time; zero is DefaultPrefetch.
	MaxBytes int64
}

// Consumer takes messages from a durable pull consumer that all instances of a
// service share.
type Consumer struct {
	conn     *Conn
	o        ConsumerOptions
	log      *slog.Logger
	budget   *semaphore.Weighted
	fetched  chan *Delivery // from fetchers to dispatch
	out      chan *Delivery // from dispatch to Next
	stop     context.CancelFunc
	stopped  context.Context
	fetching sync.WaitGroup
	running  sync.WaitGroup

	mu       sync.Mutex
	held     map[wire.ID]*Delivery // fetched and not settled
	taken    int                   // handed out by dispatch and not settled
	settled  map[wire.ID]struct{}
	old      map[wire.ID]struct{} // the generation before settled
	changed  chan struct{} // something was settled
}

// Delivery is one message, held until Ack or Release. A held message is kept
// alive: the server gives it to nobody else while its holder runs.
type Delivery struct {
	ID          wire.ID
	Subject     string
	Payload     []byte
	Traceparent string
	Tracestate  string
	// Attempts counts this delivery too.
	Attempts int
	// Stored is when the bus stored the message.
	Stored time.Time

	msg      jetstream.Msg
	consumer *Consumer
	taken    bool
}

// Consume starts to fetch from a consumer that exists (see package topology).
// Close it.
func (c *Conn) Consume(o ConsumerOptions) *Consumer {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultPrefetch
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &Consumer{
		conn: c, o: o, log: c.log.With("stream", o.Stream),
		budget:  semaphore.NewWeighted(o.MaxBytes),
		fetched: make(chan *Delivery), out: make(chan *Delivery),
		stop: cancel, stopped: ctx,
		held: map[wire.ID]*Delivery{}, settled: map[wire.ID]struct{}{}, changed: make(chan struct{}, 1),
	}
	for range fetchers {
		k.fetching.Go(func() { k.fetchLoop(ctx) })
	}
	k.running.Go(func() { k.dispatch(ctx) })
	k.running.Go(func() { k.keepAlive(ctx) })
	return k
}

// Next waits for a message. It fails with ErrClosed, or as ctx does.
func (k *Consumer) Next(ctx context.Context) (*Delivery, error) {
	select {
	case d := <-k.out:
		return d, nil
	case <-k.stopped.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // the caller's own
	}
}

// Close stops fetching and gives back what Next did not hand out. What it did
// hand out can still be settled, but is no longer kept alive.
func (k *Consumer) Close() {
	k.stop()
	k.fetching.Wait()
	k.running.Wait()
	k.mu.Lock()
	var back []*Delivery
	for _, d := range k.held {
		if !d.taken {
			back = append(back, d)
		}
	}
	k.mu.Unlock()
	for _, d := range back {
		d.Release(0)
	}
}

// fetchLoop asks for messages as long as there is room for them. nats.go's own
// Consume and Messages can lose their wake-up and stall for 30 s; Fetch cannot.
func (k *Consumer) fetchLoop(ctx context.Context) {
	pause := publishPause
	for ctx.Err() == nil {
		if err := k.budget.Acquire(ctx, fetchBytes); err != nil {
			return
		}
		err := k.fetch(ctx)
		if err == nil {
			pause = publishPause
			continue
		}
		if ctx.Err() != nil {
			return
		}
		k.log.Debug("fetch", "error", err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, publishPauseMax)
		case <-ctx.Done():
		}
	}
}

// fetch makes one pull request and passes on what it brings. It has fetchBytes
// of the budget, of which each message keeps its own size until it is settled.
func (k *Consumer) fetch(ctx context.Context) error {
	left := int64(fetchBytes)
	defer func() { k.budget.Release(left) }()
	consumer, err := k.conn.js.Consumer(ctx, k.o.Stream, k.o.Durable)
	if err != nil {
		return fmt.Errorf("consumer %s: %w", k.o.Durable, err)
	}
	for ctx.Err() == nil {
		batch, err := consumer.Fetch(fetchMessages, jetstream.FetchMaxBytes(fetchBytes), jetstream.FetchMaxWait(fetchExpires))
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		for msg := range batch.Messages() {
			d := k.delivery(msg)
			if d == nil {
				continue
			}
			left -= d.size()
			select {
			case k.fetched <- d:
			case <-ctx.Done(): // Close gives it back
			}
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		if used := fetchBytes - left; used > 0 {
			// A budget that is short stops this fetcher until something is settled.
			if err := k.budget.Acquire(ctx, used); err != nil {
				return nil //nolint:nilerr // Close was called
			}
			left = fetchBytes
		}
	}
	return nil
}

func (d *Delivery) size() int64 { return int64(len(d.Payload)) }

// delivery registers a message as held. It returns nil for a message that is
// held or settled already.
func (k *Consumer) delivery(msg jetstream.Msg) *Delivery {
	headers := msg.Headers()
	d := &Delivery{
		Subject: msg.Subject(), Payload: msg.Data(), msg: msg, consumer: k,
		Traceparent: headers.Get(wire.HeaderTraceparent), Tracestate: headers.Get(wire.HeaderTracestate),
	}
	var ok bool
	if d.ID, ok = wire.ParseID(headers.Get(wire.HeaderMsgID)); !ok {
		d.ID = wire.PayloadID(d.Payload) // not ours, but it must not stop the stream
	}
	if meta, err := msg.Metadata(); err == nil {
		d.Attempts, d.Stored = int(meta.NumDelivered), meta.Timestamp //nolint:gosec // a small count
	}
	k.mu.Lock()
	_, held := k.held[d.ID]
	done := k.isSettled(d.ID)
	if !held && !done {
		k.held[d.ID] = d
	}
	k.mu.Unlock()
	if done {
		k.settle("ack", msg.Ack()) // its ack was lost
	}
	if held || done {
		return nil
	}
	return d
}

// isSettled wants mu held.
func (k *Consumer) isSettled(id wire.ID) bool {
	if _, ok := k.settled[id]; ok {
		return true
	}
	_, ok := k.old[id]
	return ok
}

// dispatch hands deliveries to Next in the order they came, except that one
// delivered too often waits until it is alone.
func (k *Consumer) dispatch(ctx context.Context) {
	var suspects []*Delivery
	for {
		fetched := k.fetched
		if len(suspects) > 0 && k.inHand() == 0 {
			d := suspects[0]
			suspects = suspects[1:]
			if d.Attempts > suspectAfter+1 {
				k.bury(ctx, d)
				continue
			}
			if !k.handOut(ctx, d) || !k.awaitSettled(ctx) {
				return
			}
			continue
		}
		if len(suspects) > 0 {
			fetched = nil // hand out nothing more until the suspect is through
		}
		select {
		case d := <-fetched:
			if d.Attempts > suspectAfter {
				k.log.Warn("message was delivered without an answer before, processing it alone", "id", d.ID, "attempts", d.Attempts)
				suspects = append(suspects, d)
			} else if !k.handOut(ctx, d) {
				return
			}
		case <-k.changed:
		case <-ctx.Done():
			return
		}
	}
}

func (k *Consumer) inHand() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.taken
}

func (k *Consumer) awaitSettled(ctx context.Context) bool {
	for k.inHand() > 0 {
		select {
		case <-k.changed:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (k *Consumer) handOut(ctx context.Context, d *Delivery) bool {
	k.mu.Lock()
	d.taken = true
	k.taken++
	k.mu.Unlock()
	select {
	case k.out <- d:
		return true
	case <-ctx.Done():
		k.mu.Lock()
		d.taken = false
		k.taken--
		k.mu.Unlock()
		return false
	}
}

// bury makes a dead letter of a message that nobody survives.
func (k *Consumer) bury(ctx context.Context, d *Delivery) {
	err := k.conn.Dead(ctx, d.Dead(k.o.Stage, ReasonCrashes,
		fmt.Sprintf("delivered %d times, the last time alone, and never answered", d.Attempts-1)))
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			k.log.Error("dead letter is not stored, the message stays on the bus", "error", err)
		}
		return
	}
	k.log.Error("message is now a dead letter", "reason", ReasonCrashes, "id", d.ID)
	d.Ack()
}

// Dead begins a dead letter that holds the delivery's payload as it is.
func (d *Delivery) Dead(stage, reason, sentence string) *drainlinev1.DeadBlock {
	id := wire.DeadID(d.ID, stage, reason)
	return &drainlinev1.DeadBlock{
		Id: id[:], Stage: stage, Reason: reason, Sentence: sentence,
		Content: drainlinev1.Content_CONTENT_PAYLOAD, Original: d.Payload,
		Attempts: uint32(d.Attempts), ReceivedNs: d.Stored.UnixNano(), Subject: d.Subject, //nolint:gosec // a small count
		Trace: &drainlinev1.Trace{Traceparent: d.Traceparent, Tracestate: d.Tracestate},
	}
}

// keepAlive tells the server that held messages are being worked on.
func (k *Consumer) keepAlive(ctx context.Context) {
	tick := time.NewTicker(AckWait / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		k.mu.Lock()
		held := make([]*Delivery, 0, len(k.held))
		for _, d := range k.held {
			held = append(held, d)
		}
		k.mu.Unlock()
		for _, d := range held {
			k.settle("in progress", d.msg.InProgress())
		}
	}
}

// Ack says that every event in the message is delivered, dead or dropped.
func (d *Delivery) Ack() {
	if d.consumer.forget(d, true) {
		d.consumer.settle("ack", d.msg.Ack())
	}
}

// Release gives a message back, of which nothing was taken, to be delivered
// again after delay.
func (d *Delivery) Release(delay time.Duration) {
	if d.consumer.forget(d, false) {
		d.consumer.settle("release", d.msg.NakWithDelay(delay))
	}
}

func (k *Consumer) settle(what string, err error) {
	switch {
	case err == nil,
		errors.Is(err, jetstream.ErrMsgAlreadyAckd): // between keepAlive's look and its word
	default:
		// The connection is away; the message comes again and is recognised.
		k.log.Debug("settle", "what", what, "error", err)
	}
}

// forget ends the hold on d and reports whether there was one.
func (k *Consumer) forget(d *Delivery, done bool) bool {
	k.mu.Lock()
	if k.held[d.ID] != d {
		k.mu.Unlock()
		return false
	}
	delete(k.held, d.ID)
	if d.taken {
		k.taken--
	}
	if done {
		if len(k.settled) >= settledKept/2 {
			k.old, k.settled = k.settled, make(map[wire.ID]struct{}, settledKept/2)
		}
		k.settled[d.ID] = struct{}{}
	}
	k.mu.Unlock()
	k.budget.Release(d.size())
	select {
	case k.changed <- struct{}{}:
	default:
	}
	return true
}

package bus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// AckWait is how long the server waits for an answer before it gives a
	// message to somebody else; a held message says InProgress at a third of it.
	AckWait = 30 * time.Second
	// MaxAckPending bounds what all instances of a service hold together, in messages.
	MaxAckPending = 4096
	// MaxOrderedPending is the same for an ordered shard, whose blocks wait for others
	// that come after them.
	MaxOrderedPending = 16384

	// prefetch bounds what one Consumer holds, in bytes of payload, unless it has bounds
	// of its own. It is more than all fetchers ask for at a time.
	prefetch = 2 * fetchers * fetchBytes
)

// ConsumerOptions name a durable consumer.
type ConsumerOptions struct {
	Stream  string
	Durable string
	// Stage that dead letters are written for; empty for what only moves messages
	// and never looks into them.
	Stage string
	// Prefetch bounds what is held, in bytes of payload: 16 MiB if it is zero, and never less.
	Prefetch int64
	// Ordered is for a durable that the server pins to one of all instances at a time
	// (PinnedGroup). Next hands messages out in the order in which they were stored;
	// it waits for as long as another instance has the pin. Messages that come again
	// (released, or held by an instance that died) come when they do, after newer
	// ones. So do those in the hand of whoever closes before it has settled them.
	Ordered bool
	// Buried, if there is one, is called with a message that is a dead letter because
	// whoever takes it dies (ReasonCrashes), before it is acknowledged. Until it
	// returns nothing else is handed out.
	Buried func(ctx context.Context, d *Delivery)
}

// Consumer takes messages from a durable pull consumer that all instances of a
// service share.
type Consumer struct {
	conn     *Conn
	o        ConsumerOptions
	log      *slog.Logger
	budget   *semaphore.Weighted
	fetched  chan *Delivery     // from fetchers to dispatch
	out      chan *Delivery     // from dispatch to Next
	ackWait  chan time.Duration // the server's, from fetchers to keepAlive
	changed  chan struct{}      // something was settled
	life     context.Context    //nolint:containedctx // until Close
	stop     context.CancelFunc
	halt     context.CancelFunc // what Pause ends
	fetching sync.WaitGroup
	running  sync.WaitGroup

	mu    sync.Mutex
	held  map[wire.ID]*Delivery // fetched and not settled
	taken int                   // handed out by dispatch and not settled
	// Messages whose ack may be lost are acked again, not processed again.
	acked recent
	last  lastAcks
	// Messages given back here are survivable, however often they are delivered.
	released recent

	pin    pin          // of an ordered durable
	served atomic.Int64 // the server's AckWait, for dispatch; zero until it is known
	newer  Alarm
}

// Consume starts to fetch from a consumer that exists (see package topology).
// Close it.
func (c *Conn) Consume(o ConsumerOptions) *Consumer {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Consumer{
		conn: c, o: o, log: c.log.With("stream", o.Stream),
		budget:  semaphore.NewWeighted(max(o.Prefetch, prefetch)),
		fetched: make(chan *Delivery), out: make(chan *Delivery),
		ackWait: make(chan time.Duration), changed: make(chan struct{}, 1),
		life: ctx, stop: cancel,
		held: map[wire.ID]*Delivery{},
		last: lastAcks{most: MaxAckPending},
	}
	if o.Ordered {
		k.last.most = MaxOrderedPending
	}
	k.running.Go(func() { k.keepAlive(ctx) })
	k.Resume()
	return k
}

// Resume fetches again after Pause.
func (k *Consumer) Resume() {
	var ctx context.Context
	ctx, k.halt = context.WithCancel(k.life)
	asking := fetchers
	if k.o.Ordered {
		asking = 1 // what comes by two ways has no order
	}
	for range asking {
		k.fetching.Go(func() { k.fetchLoop(ctx) })
	}
	k.fetching.Go(func() { k.dispatch(ctx) })
}

// Pause stops fetching and gives back what Next did not hand out. What it did hand out is
// kept alive, and known when it comes again. It takes up to a second, until the server
// has let go of the last pull request: messages that are already on their way would
// otherwise wait for AckWait. Pause, Resume and Close want one caller at a time.
func (k *Consumer) Pause() {
	k.halt()
	k.fetching.Wait()
	k.mu.Lock()
	var back []*Delivery
	for _, d := range k.held {
		if !d.taken {
			back = append(back, d)
		}
	}
	k.mu.Unlock()
	inOrder(back)
	for _, d := range back {
		d.Release(0)
	}
}

// Next waits for a message. It fails with ErrClosed, or as ctx does.
func (k *Consumer) Next(ctx context.Context) (*Delivery, error) {
	select {
	case d := <-k.out:
		return d, nil
	case <-k.life.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // the caller's own
	}
}

// Close stops fetching as Pause does, for good. What Next did hand out can still be
// settled, but is no longer kept alive. An ordered consumer then gives up its pin, which
// takes a second more at most.
func (k *Consumer) Close() {
	k.Pause()
	k.stop()
	k.running.Wait()
	k.unpin()
}

// register holds a message. It returns nil for one that is held or settled already.
func (k *Consumer) register(msg jetstream.Msg) *Delivery {
	d := newDelivery(k, msg)
	k.mu.Lock()
	_, held := k.held[d.ID]
	acked := k.acked.has(d.ID)
	if !held && !acked {
		k.held[d.ID] = d
	}
	k.mu.Unlock()
	if acked {
		k.answer("ack again", msg.Ack())
	}
	if held || acked {
		return nil
	}
	return d
}

// dispatch hands deliveries to Next in the order they came, except that one
// delivered too often waits until it is alone.
func (k *Consumer) dispatch(ctx context.Context) {
	for {
		select {
		case d := <-k.fetched:
			if k.isSuspect(d) {
				k.try(ctx, d)
			} else {
				k.handOut(ctx, d)
			}
		case <-ctx.Done():
			return
		}
	}
}

// awaitEmpty waits until nothing is in hand. It reports false when ctx ended first.
func (k *Consumer) awaitEmpty(ctx context.Context) bool {
	for {
		k.mu.Lock()
		taken := k.taken
		k.mu.Unlock()
		if taken == 0 {
			return true
		}
		select {
		case <-k.changed:
		case <-ctx.Done():
			return false
		}
	}
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

// keepAlive tells the server that held messages are being worked on.
func (k *Consumer) keepAlive(ctx context.Context) {
	tick := time.NewTicker(AckWait / 3)
	defer tick.Stop()
	for {
		select {
		case wait := <-k.ackWait:
			if wait > 0 {
				tick.Reset(wait / 3)
			}
			continue
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if k.conn.link.Load() == nil {
			continue // it would be kept and sent late
		}
		k.mu.Lock()
		held := make([]*Delivery, 0, len(k.held))
		for _, d := range k.held {
			held = append(held, d)
		}
		k.mu.Unlock()
		for _, d := range held {
			k.answer("in progress", d.msg.InProgress())
		}
	}
}

// answer looks at what became of an answer to the server.
func (k *Consumer) answer(what string, err error) {
	if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) { // between keepAlive's look and its word
		// The connection is away; the message comes again and is recognised.
		k.log.Debug("no answer to the bus", "what", what, "error", err)
	}
}

// forget ends the hold on d, remembers how if that matters, and reports whether
// there was one.
func (k *Consumer) forget(d *Delivery, done *recent) bool {
	k.mu.Lock()
	if k.held[d.ID] != d {
		k.mu.Unlock()
		return false
	}
	delete(k.held, d.ID)
	if d.taken {
		k.taken--
	}
	if done != nil {
		done.add(d.ID)
	}
	k.mu.Unlock()
	k.budget.Release(d.size())
	select {
	case k.changed <- struct{}{}:
	default:
	}
	return true
}

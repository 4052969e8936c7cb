package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// PinnedGroup is the priority group of durables that are consumed in order: the
	// server pins it to one Consumer at a time and gives all messages to that
	// (pinned_client).
	PinnedGroup = "ordered"
	// PinnedTTL is how long the server waits for a pinned Consumer that asks for
	// nothing before it pins another.
	PinnedTTL = 5 * time.Second

	// handOver bounds the giving up of a pin.
	handOver = time.Second

	headerPin = "Nats-Pin-Id"
)

// pin is the server's word that this Consumer is the one that gets the messages.
type pin struct {
	mu    sync.Mutex
	id    string // empty while it is another's, as far as is known
	asked time.Time
}

// keep notes the pin that a message was delivered under.
func (p *pin) keep(msg jetstream.Msg) {
	if id := msg.Headers().Get(headerPin); id != "" {
		p.mu.Lock()
		p.id = id
		p.mu.Unlock()
	}
}

// lost reports whether err says that the pin is no longer ours, and forgets it then.
func (p *pin) lost(err error) bool {
	if !errors.Is(err, jetstream.ErrPinIDMismatch) {
		return false
	}
	p.mu.Lock()
	p.id = ""
	p.mu.Unlock()
	return true
}

func (p *pin) mine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// asks notes that messages are asked for, by which the server knows that we live.
func (p *pin) asks() {
	p.mu.Lock()
	p.asked = time.Now()
	p.mu.Unlock()
}

// silent reports whether the pin is ours and nothing was asked for that long.
func (p *pin) silent(long time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id != "" && time.Since(p.asked) >= long
}

// askPinned is one fetch of a durable that is consumed in order, once it may be ours.
// nats.go repeats the pin in each, and forgets it when the server says that it is
// another's (423).
func (k *Consumer) askPinned(ctx context.Context, consumer jetstream.Consumer) (jetstream.MessageBatch, error) {
	if err := k.awaitPin(ctx, consumer); err != nil {
		return nil, err
	}
	k.pin.asks()
	// A fetch that JetStream ends because the next message is too large for what is left
	// would move that message behind others that wait for redelivery.
	return consumer.Fetch(wholeMessages, jetstream.FetchMaxWait(fetchExpires), jetstream.FetchPriorityGroup(PinnedGroup)) //nolint:wrapcheck // by the caller
}

// awaitPin waits while the durable is pinned to another. A pull request that waits
// beside the pinned one's would do, too, but each time JetStream passes over it, it
// moves the first message that waits for redelivery behind the others.
func (k *Consumer) awaitPin(ctx context.Context, consumer jetstream.Consumer) error {
	for isPinned(consumer.CachedInfo()) && k.pin.mine() == "" {
		info, err := consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("consumer %s: %w", k.o.Durable, err)
		}
		if pinnedTo(info) == "" {
			return nil
		}
		select {
		case <-time.After(fetchExpires):
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // Close was called
		}
		if k.conn.link.Load() == nil {
			return errAway
		}
	}
	return nil
}

// isPinned reports whether the server gives a durable to one at a time. That of a
// spool, which has one consumer only, it does not.
func isPinned(info *jetstream.ConsumerInfo) bool {
	return info.Config.PriorityPolicy == jetstream.PriorityPolicyPinned
}

// pinnedTo is the pin that holds, empty for none.
func pinnedTo(info *jetstream.ConsumerInfo) string {
	for _, group := range info.PriorityGroups {
		if group.Group == PinnedGroup {
			return group.PinnedClientID
		}
	}
	return ""
}

// holdPin begins to keep the pin that this Consumer has or comes to have.
func (k *Consumer) holdPin(ctx context.Context, consumer jetstream.Consumer) (stop func()) {
	info := consumer.CachedInfo()
	if !isPinned(info) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { k.keepPin(ctx, consumer, info.Config.PinnedTTL) })
	return func() {
		cancel()
		keeping.Wait()
	}
}

// keepPin asks in the fetcher's place while that waits for room, or for a suspect
// to be settled: the pin would go to another, who would overtake what is held here.
// No message is as small as what it asks for; at worst one that waits for redelivery
// is moved behind the others.
func (k *Consumer) keepPin(ctx context.Context, consumer jetstream.Consumer, ttl time.Duration) {
	often := max(ttl/8, time.Millisecond)
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !k.pin.silent(2*often) || k.conn.link.Load() == nil {
			continue
		}
		nothing, err := consumer.Fetch(1, jetstream.FetchMaxBytes(1), jetstream.FetchMaxWait(fetchExpires), jetstream.FetchPriorityGroup(PinnedGroup))
		if err == nil {
			for range nothing.Messages() {
				continue
			}
			err = nothing.Error()
		}
		if err != nil && !k.pin.lost(err) {
			k.log.Debug("the pin is not kept", "error", err)
		}
	}
}

// unpin lets another instance go on at once, instead of after PinnedTTL.
func (k *Consumer) unpin() {
	mine := k.pin.mine()
	if mine == "" || k.conn.link.Load() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOver)
	defer cancel()
	if err := k.giveUp(ctx, mine); err != nil {
		k.log.Debug("the pin is not given up, another instance goes on later", "error", err)
	}
}

func (k *Consumer) giveUp(ctx context.Context, pin string) error {
	s, err := k.conn.js.Stream(ctx, k.o.Stream)
	if err != nil {
		return err //nolint:wrapcheck // only logged
	}
	consumer, err := s.Consumer(ctx, k.o.Durable)
	if err != nil || pinnedTo(consumer.CachedInfo()) != pin {
		return err //nolint:wrapcheck // only logged
	}
	return s.UnpinConsumer(ctx, k.o.Durable, PinnedGroup) //nolint:wrapcheck // only logged
}

// inOrder sorts deliveries as the stream has them.
func inOrder(deliveries []*Delivery) {
	slices.SortFunc(deliveries, func(a, b *Delivery) int { return cmp.Compare(a.sequence, b.sequence) })
}

package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// Fetches overlap, so that a pull request is always waiting at the server
	// while another one's end is on its way.
	fetchers = 2
	// A fetch ends when it has this much, in bytes and messages, or is this old.
	fetchBytes    = 4 << 20
	fetchMessages = 64
	fetchExpires  = time.Second
	// wholeMessages are as many as fetchBytes has room for, however large they are.
	wholeMessages = fetchBytes / wire.ServerPayload
)

// fetchLoop asks for messages as long as there is room for them. nats.go's own
// Consume and Messages can lose their wake-up and stall for 30 s; Fetch cannot.
func (k *Consumer) fetchLoop(ctx context.Context) {
	pause := publishPause
	var consumer jetstream.Consumer // one for good: it knows the pin
	for {
		if err := k.budget.Acquire(ctx, fetchBytes); err != nil {
			return
		}
		began := time.Now()
		err := k.fetch(ctx, &consumer)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > publishPauseMax {
			pause = publishPause // it had worked until then
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if next := min(2*pause, publishPauseMax); next != pause {
			if pause = next; pause == publishPauseMax {
				k.log.Warn("no messages come from the bus, trying on", "error", err)
			}
		}
	}
}

// fetch pulls until something fails or ctx ends. It has fetchBytes of the
// budget, of which each message keeps its own size until it is settled.
func (k *Consumer) fetch(ctx context.Context, consumer *jetstream.Consumer) error {
	left := int64(fetchBytes)
	defer func() { k.budget.Release(left) }()
	if k.conn.link.Load() == nil {
		return errAway
	}
	info, err := k.lookUp(ctx, consumer)
	if err != nil {
		return fmt.Errorf("consumer %s: %w", k.o.Durable, err)
	}
	connects := k.conn.Connects()
	if err := k.last.repeat(k.conn, info); err != nil {
		return fmt.Errorf("repeat acknowledgements: %w", err)
	}
	wait := info.Config.AckWait
	k.served.Store(int64(wait))
	select {
	case k.ackWait <- wait:
	case <-ctx.Done():
	}
	if k.o.Ordered {
		defer k.holdPin(ctx, *consumer)()
	}
	for ctx.Err() == nil {
		batch, err := k.ask(ctx, *consumer, isReplicated(info))
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		used := k.pass(ctx, batch.Messages())
		left -= used
		if err := batch.Error(); err != nil && !k.pin.lost(err) {
			return fmt.Errorf("fetch: %w", err)
		}
		// A budget that is short stops this fetcher until something is settled.
		if err := k.budget.Acquire(ctx, used); err != nil {
			return err //nolint:wrapcheck // Close was called
		}
		left += used
		if k.conn.link.Load() == nil || k.conn.Connects() != connects {
			return errAway
		}
	}
	return nil
}

// lookUp asks for the durable as it is now.
func (k *Consumer) lookUp(ctx context.Context, consumer *jetstream.Consumer) (*jetstream.ConsumerInfo, error) {
	if *consumer != nil {
		return (*consumer).Info(ctx) //nolint:wrapcheck // by the caller
	}
	found, err := k.conn.js.Consumer(ctx, k.o.Stream, k.o.Durable)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	*consumer = found
	return found.CachedInfo(), nil
}

// isReplicated reports whether several servers of a cluster keep what a durable has delivered.
func isReplicated(info *jetstream.ConsumerInfo) bool {
	return info.Cluster != nil && len(info.Cluster.Replicas) > 0
}

// ask sends one pull request.
//
// One that is bounded by messages and bytes ends with a note when it has its messages. A
// server delivers those of a replicated durable only once the others know of it, but sends
// the note at once, so that nats.go stops listening and nobody has the messages until
// AckWait is over. So there it is bounded by messages alone, which ends without a note. (A
// durable that becomes replicated is noticed by that very error.)
func (k *Consumer) ask(ctx context.Context, consumer jetstream.Consumer, replicated bool) (jetstream.MessageBatch, error) {
	switch {
	case k.o.Ordered:
		return k.askPinned(ctx, consumer)
	case replicated:
		return consumer.Fetch(wholeMessages, jetstream.FetchMaxWait(fetchExpires)) //nolint:wrapcheck // by the caller
	}
	return consumer.Fetch(fetchMessages, jetstream.FetchMaxBytes(fetchBytes), jetstream.FetchMaxWait(fetchExpires)) //nolint:wrapcheck // by the caller
}

// pass registers messages as they come and hands them on as dispatch takes them:
// a message that waits here is held like any other. It returns their size once
// all are handed on, or have come and ctx has ended.
func (k *Consumer) pass(ctx context.Context, messages <-chan jetstream.Msg) int64 {
	var (
		used  int64
		queue []*Delivery
		stop  = ctx.Done()
	)
	for messages != nil || (len(queue) > 0 && stop != nil) {
		var (
			next    *Delivery
			fetched chan<- *Delivery
		)
		if len(queue) > 0 && stop != nil {
			next, fetched = queue[0], k.fetched
		}
		select {
		case msg, ok := <-messages:
			if !ok {
				messages = nil
				continue
			}
			k.pin.keep(msg)
			if d := k.register(msg); d != nil {
				used += d.size()
				queue = append(queue, d)
			}
		case fetched <- next:
			queue[0] = nil
			queue = queue[1:]
		case <-stop:
			stop = nil // Close gives back what is held
		}
	}
	return used
}

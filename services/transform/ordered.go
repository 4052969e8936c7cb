package transform

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/tracing"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// heldDelivery is a block of which lines may wait for others. It is acknowledged when
// none does any more and what they became is stored: blocks that are not acknowledged
// are all that joining knows, and a crash loses none of it.
type heldDelivery struct {
	*bus.Delivery

	lines int // that wait
	// touched says that lines of it are in the output in hand.
	touched bool
	// span is that of working on the block, until it is acknowledged.
	span trace.Span
}

func (h *heldDelivery) hold() { h.lines++ }

// again says that the block has come before.
func (h *heldDelivery) again() bool { return h.Delivery != nil && h.Attempts > 1 }

func (h *heldDelivery) release() { h.lines, h.touched = h.lines-1, true }

// errNotStored is why blocks are given back.
var errNotStored = errors.New("what became of the block is not stored")

// orderedWorker takes the blocks of an ordered shard one after the other and joins their
// lines.
type orderedWorker struct {
	worker

	joiner *join.Joiner[heldLine]
	held   []*heldDelivery // oldest first
	// again says that the last block had been delivered before.
	again bool
}

// workInOrder is work for an ordered shard.
func (t *Transform) workInOrder(ctx, work context.Context, consumer *bus.Consumer) {
	w := orderedWorker{worker: worker{Transform: t}, joiner: join.New[heldLine](maxHeld)}
	var next time.Time // when lines have waited long enough
	for {
		d, err := w.next(ctx, consumer, next)
		switch {
		case err == nil:
			w.take(work, d)
		case ctx.Err() != nil || errors.Is(err, bus.ErrClosed):
			// What waits is shipped: given back, all of its blocks would be sent again.
			w.flush(work)
			return
		}
		next = w.expire(work)
	}
}

// next waits for a block, until lines have waited long enough.
func (w *orderedWorker) next(ctx context.Context, consumer *bus.Consumer, until time.Time) (*bus.Delivery, error) {
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	return consumer.Next(ctx)
}

// take carries a block on, all but the lines that wait.
func (w *orderedWorker) take(ctx context.Context, d *bus.Delivery) {
	w.current()
	// What somebody else held comes late: it must not go on what is newer.
	if again := d.Attempts > 1; again != w.again {
		w.flush(ctx)
		w.again = again
	}
	requests, err := w.read(d)
	if errors.Is(err, bus.ErrNewer) {
		return
	}
	traced, span := process(ctx, d, requests)
	if err != nil {
		defer span.End()
		w.transformer.books.start() // nobody knows what was in it
		w.settle(traced, d, dead(d, bus.ReasonDamaged, err))
		return
	}
	h := &heldDelivery{Delivery: d, touched: true, span: span}
	w.held = append(w.held, h)
	w.round(ctx, wire.ToID(w.block.GetId()), func(t *transformer) {
		t.joining.delivery, t.again = h, h.again()
		for _, r := range requests {
			t.request(r)
		}
	})
	if d.Attempts > maxWaits {
		w.flush(ctx)
	}
}

// maxWaits is how often a block is delivered before its lines do not wait any more: the
// bus is about to try it alone, and waits for its end.
const maxWaits = 3

// flush ships what waits.
func (w *orderedWorker) flush(ctx context.Context) {
	w.round(ctx, wire.ID{}, func(t *transformer) { w.joiner.Flush(t.shipGroup) })
}

// expire ships what has waited long enough, and says when the next will have.
func (w *orderedWorker) expire(ctx context.Context) (next time.Time) {
	w.round(ctx, wire.ID{}, func(t *transformer) { next = w.joiner.Expire(time.Now(), t.shipGroup) })
	return next
}

// round has the transformer make something of a block, or of lines that have waited
// where there is none, stores it, and acknowledges the blocks that are done with then.
func (w *orderedWorker) round(ctx context.Context, block wire.ID, ship func(*transformer)) {
	t, begun := w.current(), time.Now()
	t.joining.joiner = w.joiner
	t.start(block)
	ship(t)
	out, err := t.finish()
	defer w.trim()
	origin, ctx := w.origin(ctx)
	if err == nil {
		w.totals.made(ctx, block, out.Batches, begun)
		err = w.storeAll(ctx, origin, out)
	}
	if err != nil {
		w.o.Log.WarnContext(ctx, "transform: blocks of an ordered shard stay on the bus", "error", err)
		w.letGo(ctx)
		return
	}
	w.totals.add(out, w.transformer.ruleNames())
	w.books.Post(&t.books.tally)
	w.held = slices.DeleteFunc(w.held, func(h *heldDelivery) bool {
		h.touched = false
		if h.lines > 0 {
			return false
		}
		h.span.End()
		w.books.Settle(h.Ack)
		w.totals.Blocks.Add(1)
		return true
	})
}

// origin is the last of the blocks that the output in hand was made of, with its span.
func (w *orderedWorker) origin(ctx context.Context) (*bus.Delivery, context.Context) {
	origin := &bus.Delivery{}
	for _, h := range w.held {
		if h.touched {
			origin, ctx = h.Delivery, trace.ContextWithSpan(ctx, h.span)
		}
	}
	return origin, ctx
}

// storeAll stores an output. Of one that can never be stored the blocks it was made of
// become dead letters.
func (w *orderedWorker) storeAll(ctx context.Context, origin *bus.Delivery, out output) error {
	published, err := w.store(ctx, origin, out)
	if !isPermanent(err) {
		return err
	}
	w.transformer.books.unpublished(out.Batches[:published])
	w.o.Log.ErrorContext(ctx, "transform: blocks of an ordered shard can not be carried on and become dead letters", "error", err)
	var letters output
	for _, h := range w.held {
		if h.touched {
			letters.Dead = append(letters.Dead, h.Dead(wire.StageTransform, reasonUnpublishable, err.Error()))
		}
	}
	_, err = w.store(ctx, origin, letters)
	return err
}

// letGo leaves the blocks to the bus of which something could not be stored. Lines of
// them that wait are shipped all the same: twice is better than never.
func (w *orderedWorker) letGo(ctx context.Context) {
	w.held = slices.DeleteFunc(w.held, func(h *heldDelivery) bool {
		if h.touched && ctx.Err() == nil {
			h.Release(bus.AckWait)
		}
		if h.touched {
			tracing.End(h.span, errNotStored)
		}
		return h.touched
	})
}

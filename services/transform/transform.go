// Package transform is the middle service: it turns raw blocks into batches of
// events, one a destination, and publishes them.
package transform

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/internal/tracing"
)

// drainTime bounds how long blocks in hand are carried on at shutdown.
const drainTime = 10 * time.Second

// Options are what transform needs.
type Options struct {
	Config  *config.Config
	Bus     *bus.Conn
	Metrics *telemetry.Metrics
	Log     *slog.Logger
}

// Transform is the service.
type Transform struct {
	o        Options
	settings atomic.Pointer[settings]
	totals   Totals
	books    *ledger.Ledger
	untold   bus.Alarm
}

// New makes the service. It fails when no destination is configured.
func New(o Options) (*Transform, error) {
	t := &Transform{
		o: o, totals: newTotals(o.Metrics),
		books: ledger.New(ledger.Options{Bus: o.Bus, Stage: wire.StageTransform, Log: o.Log}),
	}
	commit, err := t.Reload(o.Config)
	if err != nil {
		return nil, err
	}
	commit()
	return t, nil
}

// Reload prepares other rules, destinations, drains and ways to find an app; the streams
// of the destinations have to exist when commit puts them in force, between two blocks.
// What limits have counted begins anew. It fails as Check does, and when there is no
// destination: blocks would come to nothing.
func (t *Transform) Reload(c *config.Config) (commit func(), err error) {
	s, err := newSettings(c)
	if err != nil {
		return nil, err
	}
	return func() { t.settings.Store(s) }, nil
}

// Totals gives the counters.
func (t *Transform) Totals() Totals { return t.totals }

// Ledger gives the books.
func (t *Transform) Ledger() *ledger.Ledger { return t.books }

// Run transforms until ctx ends, then finishes the blocks in hand. What it does
// not get done within ten seconds stays on the bus.
func (t *Transform) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })()

	shards := topology.Shards(t.o.Config)
	// Two workers a core: one waits for the disk while the other computes.
	shared := max(2*runtime.GOMAXPROCS(0)/shards, 1)
	ordered := topology.OrderedShards(t.o.Config)
	consumers := make([]*bus.Consumer, 0, shards+ordered)
	var workers, closing sync.WaitGroup
	for n := range shards {
		consumer := t.consume(wire.Shard(n), false)
		consumers = append(consumers, consumer)
		for range shared {
			workers.Go(func() { t.work(ctx, work, consumer) })
		}
	}
	for n := range ordered {
		consumer := t.consume(wire.OrderedShard(n), true)
		consumers = append(consumers, consumer)
		workers.Go(func() { t.workInOrder(ctx, work, consumer) })
	}
	workers.Wait()
	t.books.Flush()
	for _, consumer := range consumers {
		closing.Go(consumer.Close)
	}
	closing.Wait()
	return nil
}

func (t *Transform) consume(shard string, ordered bool) *bus.Consumer {
	return t.o.Bus.Consume(bus.ConsumerOptions{
		Stream: t.o.Bus.Names().RawStream(shard), Durable: wire.TransformConsumer, Stage: wire.StageTransform,
		Ordered: ordered, Buried: t.tellBuried,
	})
}

// work transforms one block after another. Taking ends with ctx; what is taken
// may go on until work ends.
func (t *Transform) work(ctx, work context.Context, consumer *bus.Consumer) {
	w := worker{Transform: t}
	for {
		d, err := consumer.Next(ctx)
		if err != nil {
			return
		}
		w.delivery(work, d)
	}
}

// worker is one goroutine's buffers.
type worker struct {
	*Transform

	transformer *transformer
	message     []byte
	block       drainlinev1.RawBlock
}

// delivery carries one block to the end: every batch and dead letter stored,
// then acknowledged. If ctx ends before, the block stays on the bus and is done
// again; batches that were stored are recognised by their ids.
func (w *worker) delivery(ctx context.Context, d *bus.Delivery) {
	w.current().again = d.Attempts > 1
	begun := time.Now()
	requests, err := w.read(d)
	if errors.Is(err, bus.ErrNewer) {
		return
	}
	ctx, span := process(ctx, d, requests)
	defer span.End()
	var out output
	if err == nil {
		out, err = w.transformer.transform(&w.block)
	}
	if err == nil {
		w.totals.made(ctx, w.transformer.block, out.Batches, begun)
	} else {
		out = dead(d, bus.ReasonDamaged, err)
		w.transformer.books.start() // nobody knows what was in it
	}
	w.settle(ctx, d, out)
	w.trim()
}

// current is a transformer with the settings that are in force.
func (w *worker) current() *transformer {
	if current := w.settings.Load(); w.transformer == nil || w.transformer.settings != current {
		w.transformer = newTransformer(current)
	}
	return w.transformer
}

// trim lets go of what a rare large block has made.
func (w *worker) trim() {
	proto.Reset(&w.block)
	if cap(w.message) > keptBuffer {
		w.message = nil
	}
	w.transformer.trim()
}

// read reads a block, and returns the requests in it.
func (w *worker) read(d *bus.Delivery) ([]*drainlinev1.Request, error) {
	message, err := d.Open(w.message)
	if err != nil {
		return nil, err
	}
	w.message = message
	if err := wire.UnmarshalBlock(message, &w.block); err != nil {
		return nil, err
	}
	return w.block.GetRequests(), nil
}

// dead is the output for a block that is a dead letter as a whole.
func dead(d *bus.Delivery, reason string, err error) output {
	return output{Dead: []*drainlinev1.DeadBlock{d.Dead(wire.StageTransform, reason, err.Error())}}
}

// settle acknowledges a block once its output is stored. Storing gives up only at
// shutdown, and then the block stays on the bus, or on what can never be stored.
func (w *worker) settle(ctx context.Context, d *bus.Delivery, out output) {
	published, err := w.store(ctx, d, out)
	if isPermanent(err) {
		w.transformer.books.unpublished(out.Batches[:published])
		w.o.Log.ErrorContext(ctx, "transform: a block can not be carried on and becomes a dead letter", "id", d.ID, "error", err)
		routed := out.Routed
		out = dead(d, reasonUnpublishable, err)
		out.Routed = routed
		if _, err = w.store(ctx, d, out); err == nil {
			w.tellLost(ctx, routed)
		}
	}
	if err != nil {
		tracing.Fail(trace.SpanFromContext(ctx), err)
		w.o.Log.WarnContext(ctx, "transform: a block stays on the bus", "id", d.ID, "error", err)
		if isPermanent(err) {
			d.Release(bus.AckWait)
		}
		return
	}
	w.books.Post(&w.transformer.books.tally)
	w.books.Settle(d.Ack)
	w.totals.Blocks.Add(1)
	w.totals.add(out, w.transformer.ruleNames())
}

// tellLost says of batches that requests were told to wait for that they are
// settled: their events are in a dead letter.
func (w *worker) tellLost(ctx context.Context, routed []*drainlinev1.Routed) {
	var lost []wire.ID
	for _, r := range routed {
		for _, batch := range r.GetBatches() {
			lost = append(lost, wire.ToID(batch))
		}
	}
	if err := w.o.Bus.TellSettled(ctx, lost); err != nil && w.untold.Due() {
		w.o.Log.ErrorContext(ctx, untold, "error", err)
	}
}

// store stores the dead letters first: a request whose events are all dead counts as
// indexed from when its routes are told. The routes come before the batches: whoever
// hears that a batch is settled has to know whose it is. It says how many batches it
// has published.
func (w *worker) store(ctx context.Context, d *bus.Delivery, out output) (published int, err error) {
	for _, letter := range out.Dead {
		letter.Attempts, letter.Subject = uint32(d.Attempts), d.Subject
		if err := w.o.Bus.Dead(ctx, letter); err != nil {
			return 0, err
		}
	}
	if err := w.tell(ctx, out.Routed); err != nil {
		return 0, err
	}
	for i := range out.Batches {
		b := &out.Batches[i]
		names := w.o.Bus.Names()
		err := w.o.Bus.Publish(ctx, bus.Msg{
			ID: b.ID, Subject: names.EventsSubject(b.Destination), Payload: b.Payload,
			Trace: bus.Trace{Stream: names.EventsStream(b.Destination), Carries: b.Carries, Messages: b.Events},
		})
		if err != nil {
			return i, err
		}
	}
	return len(out.Batches), nil
}

const untold = "transform: senders will not hear that their events are delivered, and send them again"

// tell says where requests went whose senders will ask. Logs do not wait for it: the
// bus tells it later, and a sender that never hears sends them again. It fails only
// when ctx ends first.
func (t *Transform) tell(ctx context.Context, routed []*drainlinev1.Routed) error {
	if len(routed) == 0 {
		return nil
	}
	err := t.o.Bus.TellRouted(ctx, routed)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if t.untold.Due() {
		t.o.Log.ErrorContext(ctx, untold, "error", err)
	}
	return nil
}

// tellBuried says of the requests of a block that nobody survives that none of their
// events is in a batch. It does no more with the block than it must.
func (t *Transform) tellBuried(ctx context.Context, d *bus.Delivery) {
	var block drainlinev1.RawBlock
	message, err := wire.Open(nil, d.Payload)
	if err == nil {
		err = proto.Unmarshal(message, &block)
	}
	if err != nil {
		t.o.Log.Warn("transform: senders of a dead block, if they wait, are not told and send it again", "id", d.ID, "error", err)
		return
	}
	var routed []*drainlinev1.Routed
	for _, r := range block.GetRequests() {
		if a := r.GetAck(); a != nil {
			routed = append(routed, &drainlinev1.Routed{Ack: a})
		}
	}
	_ = t.tell(ctx, routed) // fails only when ctx ends
}

func isPermanent(err error) bool {
	_, permanent := errors.AsType[*bus.PermanentError](err)
	return permanent
}

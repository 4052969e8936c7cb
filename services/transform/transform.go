// Package transform is the middle service: it turns raw blocks into batches of
// events, one a destination, and publishes them.
package transform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	// newerPause is how long a block of a newer schema is left to newer instances.
	newerPause = 30 * time.Second
	// alarmEvery spaces alarms of the same kind.
	alarmEvery = time.Minute
	// drainTime bounds how long blocks in hand are carried on at shutdown.
	drainTime = 10 * time.Second
)

// Options are what transform needs.
type Options struct {
	Config  *config.Config
	Bus     *bus.Conn
	Metrics *telemetry.Metrics
	Log     *slog.Logger
}

// Transform is the service.
type Transform struct {
	o            Options
	destinations atomic.Pointer[[]string]
	totals       Totals
	alarmed      atomic.Int64 // when the last alarm of a newer schema was given
}

// Totals count what transform has done since its start.
type Totals struct {
	Blocks *telemetry.Counter
	Events *telemetry.Counter
	Bad    *telemetry.Counter
	Dead   *telemetry.Counter
}

// New makes the service. It fails when no destination is configured.
func New(o Options) (*Transform, error) {
	t := &Transform{o: o, totals: Totals{
		Blocks: o.Metrics.Counter("drainline_transform_blocks", "{block}", "Raw blocks transformed."),
		Events: o.Metrics.Counter("drainline_transform_events", "{event}", "Events made from frames, before they are copied to destinations."),
		Bad:    o.Metrics.Counter("drainline_transform_bad_frames", "{frame}", "Frames and unframed remainders that became dead letters."),
		Dead:   o.Metrics.Counter("drainline_transform_dead_letters", "{letter}", "Dead letters stored by transform."),
	}}
	commit, err := t.Reload(o.Config)
	if err != nil {
		return nil, err
	}
	commit()
	return t, nil
}

// Reload prepares another set of destinations; their streams have to exist when
// commit puts them in force. It fails when there is none: without a destination
// blocks would come to nothing.
func (t *Transform) Reload(c *config.Config) (commit func(), err error) {
	if err := c.RequireDestination(); err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	names := topology.Destinations(c)
	return func() { t.destinations.Store(&names) }, nil
}

// Totals gives the counters.
func (t *Transform) Totals() Totals { return t.totals }

// Run transforms until ctx ends, then finishes the blocks in hand. What it does
// not get done within ten seconds stays on the bus.
func (t *Transform) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })()

	var workers sync.WaitGroup
	for n := range t.o.Config.Bus.Raw.Shards {
		consumer := t.o.Bus.Consume(bus.ConsumerOptions{
			Stream: t.o.Bus.Names().RawStream(wire.Shard(n)), Durable: wire.TransformConsumer, Stage: wire.StageTransform,
		})
		defer consumer.Close()
		// Two workers a core: one waits for the disk while the other computes.
		for range 2 * runtime.GOMAXPROCS(0) {
			workers.Go(func() { t.work(ctx, work, consumer) })
		}
	}
	workers.Wait()
	return nil
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
	transformer  *Transformer
	destinations *[]string
	message      []byte
	block        drainlinev1.RawBlock
}

// delivery carries one block to the end: every batch and dead letter stored,
// then acknowledged. If ctx ends before, the block stays on the bus and is done
// again; batches that were stored are recognised by their ids.
func (w *worker) delivery(ctx context.Context, d *bus.Delivery) {
	if current := w.Transform.destinations.Load(); w.destinations != current {
		w.destinations, w.transformer = current, NewTransformer(*current)
	}
	message, err := wire.Open(w.message, d.Payload)
	if _, newer := errors.AsType[*wire.NewerSchemaError](err); newer {
		w.alarmNewer(err)
		d.Release(newerPause)
		return
	}
	if err == nil {
		w.message = message
		err = proto.Unmarshal(message, &w.block)
	}
	if err != nil {
		w.settle(ctx, d, Output{Dead: []*drainlinev1.DeadBlock{d.Dead(wire.StageTransform, ReasonDamaged, err.Error())}})
		return
	}
	w.settle(ctx, d, w.transformer.Transform(&w.block))
}

func (w *worker) settle(ctx context.Context, d *bus.Delivery, out Output) {
	for i := range out.Batches {
		b := &out.Batches[i]
		err := w.o.Bus.Publish(ctx, bus.Msg{
			ID: b.ID, Subject: w.o.Bus.Names().EventsSubject(b.Destination), Payload: b.Payload,
			Traceparent: d.Traceparent, Tracestate: d.Tracestate,
		})
		if err != nil {
			w.unsettled(err)
			return
		}
	}
	for _, letter := range out.Dead {
		letter.Attempts, letter.Subject = uint32(d.Attempts), d.Subject
		if err := w.o.Bus.Dead(ctx, letter); err != nil {
			w.unsettled(err)
			return
		}
	}
	d.Ack()
	w.totals.Blocks.Add(1)
	w.totals.Events.Add(out.Counts.Events)
	w.totals.Bad.Add(out.Counts.Bad)
	w.totals.Dead.Add(len(out.Dead))
}

// unsettled says why a block stays on the bus. Publishing gives up only at
// shutdown, or on what can never be stored.
func (w *worker) unsettled(err error) {
	if _, permanent := errors.AsType[*bus.PermanentError](err); permanent {
		w.o.Log.Error("transform: a block can not be carried on and stays on the bus", "error", err)
		return
	}
	w.o.Log.Warn("transform: a block stays on the bus for the next start", "error", err)
}

func (t *Transform) alarmNewer(err error) {
	now := time.Now().UnixNano()
	last := t.alarmed.Load()
	if now-last > int64(alarmEvery) && t.alarmed.CompareAndSwap(last, now) {
		t.o.Log.Error("transform: a block was written by a newer version and waits for an upgraded instance", "error", err)
	}
}

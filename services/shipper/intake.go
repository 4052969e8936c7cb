package shipper

import (
	"context"
	"errors"
	"sync"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

const (
	// One delivery is packed while the next is being decoded.
	decoders = 2
	// What a decoder keeps for the next delivery: room for several times the usual
	// block. A rare larger one must not hold its memory for ever.
	keptMessage = 8 * wire.MaxBlock
	keptEvents  = 16 << 10
)

// opened is a decoded delivery. The events point into message.
type opened struct {
	ticket  *batch.Ticket
	message []byte
	batch   wire.Batch
}

// intake takes deliveries from the bus and decodes them.
type intake struct {
	destination *destination
	out         chan *opened // closed at the end
	spare       chan *opened
	shedAlarm   bus.Alarm
}

func newIntake(d *destination) *intake {
	in := &intake{destination: d, out: make(chan *opened), spare: make(chan *opened, decoders)}
	for range decoders {
		in.spare <- &opened{}
	}
	return in
}

// giveBack takes back what was opened, when its events are not needed any more.
func (in *intake) giveBack(o *opened) {
	if cap(o.message) > keptMessage {
		o.message = nil
	}
	if cap(o.batch.Events) > keptEvents {
		o.batch = wire.Batch{}
	}
	o.ticket = nil
	in.spare <- o
}

// run takes deliveries until ctx ends, then gives back to the bus what was
// fetched ahead. While the destination is parked it takes none and gives back, too,
// unless its oldest events may have to be shed.
func (in *intake) run(ctx context.Context) {
	defer close(in.out)
	names := in.destination.bus.Names()
	//nolint:contextcheck // the consumer outlives ctx: what it handed out is still to be settled
	consumer := in.destination.bus.Consume(bus.ConsumerOptions{
		Stream: names.EventsStream(in.destination.name), Durable: wire.ShipperConsumer, Stage: wire.StageShipper,
		Buried: in.destination.tellBuried, Prefetch: in.prefetch(),
	})
	defer consumer.Close()
	for ctx.Err() == nil {
		in.consume(ctx, consumer)
		// One consumer for good: what it handed out is kept alive while nothing is taken.
		consumer.Pause()
		in.await(ctx, false)
		if ctx.Err() == nil {
			consumer.Resume()
		}
	}
}

// idle reports whether nothing is to be taken from the bus. Changed is closed when the
// destination is parked or cured.
func (in *intake) idle() (idle bool, changed <-chan struct{}) {
	changed, why := in.destination.parking.state()
	return why != nil && !in.destination.settings().sheds(), changed
}

// await returns when the intake is idle, or is not any more, or ctx ends.
func (in *intake) await(ctx context.Context, want bool) {
	for ctx.Err() == nil {
		replaced := in.destination.settings().replaced
		idle, changed := in.idle()
		if idle == want {
			return
		}
		select {
		case <-changed:
		case <-replaced:
		case <-ctx.Done():
		}
	}
}

// prefetch bounds the deliveries in hand, in bytes; zero leaves it to the bus. What Splunk
// has to acknowledge is in hand for as long as that takes, often ten seconds and more.
func (in *intake) prefetch() int64 {
	const whileAwaited = 64 << 20
	if in.destination.settings().config.Ack == config.AckOn {
		return whileAwaited
	}
	return 0
}

// consume takes deliveries until ctx ends or the intake is idle.
func (in *intake) consume(ctx context.Context, consumer *bus.Consumer) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		in.await(ctx, true)
		stop()
	})
	defer watching.Wait()
	defer stop()
	for {
		delivery, err := consumer.Next(ctx)
		if err != nil {
			return
		}
		if !in.take(ctx, delivery) {
			delivery.Release(0)
			return
		}
	}
}

// take decodes a delivery and hands it on. It reports false when ctx ended before
// anybody took it.
func (in *intake) take(ctx context.Context, delivery *bus.Delivery) bool {
	select {
	case o := <-in.spare:
		err := o.decode(delivery)
		if err == nil {
			o.ticket = batch.NewTicket(delivery)
			if o.batch.Ack {
				o.ticket.Awaited = o.batch.ID
			}
			if in.handOn(ctx, o) {
				return true
			}
			in.giveBack(o)
			return false
		}
		var awaited wire.ID
		if o.batch.Ack { // it was read as far as that
			awaited = o.batch.ID
		}
		in.spare <- o
		return in.reject(ctx, delivery, awaited, err)
	case <-ctx.Done():
		return false
	}
}

// handOn gives a delivery to the packer, or sheds it when that is asked for first.
func (in *intake) handOn(ctx context.Context, o *opened) bool {
	d := in.destination
	for {
		out := in.out
		changed, why := d.parking.state()
		if why != nil {
			out = nil
		}
		select {
		case out <- o:
			return true
		case mine := <-d.turns:
			if !in.shed(ctx, o) {
				mine <- 0
				continue
			}
			mine <- len(o.ticket.Delivery.Payload)
			in.giveBack(o)
			return true
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (o *opened) decode(delivery *bus.Delivery) error {
	o.batch.Ack = false // of the last delivery, when this one cannot be opened
	message, err := delivery.Open(o.message)
	if err != nil {
		return err
	}
	o.message = message
	if err := wire.ScanBatch(message, &o.batch); err != nil {
		return err
	}
	return nil
}

// reject settles a delivery that cannot be read.
func (in *intake) reject(ctx context.Context, delivery *bus.Delivery, awaited wire.ID, err error) bool {
	if errors.Is(err, bus.ErrNewer) {
		return true
	}
	d := in.destination
	letter := delivery.Dead(wire.StageShipper, bus.ReasonDamaged, err.Error())
	letter.Destination = d.name
	if !d.bury(ctx, ctx.Done(), letter) {
		return false
	}
	d.meters.dead.Add(1)
	d.log.Error("a message is damaged and now a dead letter", "id", delivery.ID, "error", err)
	d.settle(ctx, &batch.Ticket{Delivery: delivery, Awaited: awaited})
	return true
}

package shipper

import (
	"context"
	"errors"

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
// fetched ahead.
func (in *intake) run(ctx context.Context) {
	names := in.destination.bus.Names()
	//nolint:contextcheck // the consumer outlives ctx: what it handed out is still to be settled
	consumer := in.destination.bus.Consume(bus.ConsumerOptions{
		Stream: names.EventsStream(in.destination.name), Durable: wire.ShipperConsumer, Stage: wire.StageShipper,
		Buried: in.destination.tellBuried,
	})
	defer consumer.Close()
	defer close(in.out)
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
			select {
			case in.out <- o:
				return true
			case <-ctx.Done():
				return false
			}
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
	d.log.Error("a message is damaged and now a dead letter", "id", delivery.ID, "error", err)
	d.settle(ctx, &batch.Ticket{Delivery: delivery, Awaited: awaited})
	return true
}

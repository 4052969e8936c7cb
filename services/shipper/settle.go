package shipper

import (
	"context"
	"errors"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// settle acknowledges deliveries on the bus, of which every event is delivered or
// dead, when that is in the books. Whoever waits for one of them is told first, if that can be done soon, or as
// soon as it can; whom a crash keeps from it sends the events again, to be sure.
func (d *destination) settle(ctx context.Context, tickets ...*batch.Ticket) {
	var awaited []wire.ID
	for _, t := range tickets {
		if t.Awaited.IsZero() {
			d.books.Settle(t.Delivery.Ack)
		} else {
			awaited = append(awaited, t.Awaited)
		}
	}
	if len(awaited) == 0 {
		return
	}
	if err := d.bus.TellSettled(ctx, awaited); err != nil {
		d.meters.untold.Add(bus.Untold(err, len(awaited)))
		if d.untold.Due() {
			d.log.WarnContext(ctx, "HEC clients are not told that their events are delivered, and will send them again", "error", err)
		}
	}
	for _, t := range tickets {
		if !t.Awaited.IsZero() {
			d.books.Settle(t.Delivery.Ack)
		}
	}
}

// tellBuried says of a batch that nobody survives that it is settled, whether
// anybody waits for it or not: looking would be one more way to die of it.
func (d *destination) tellBuried(ctx context.Context, delivery *bus.Delivery) {
	err := d.bus.TellSettled(ctx, []wire.ID{delivery.ID}) // which is the batch's
	if _, nobody := errors.AsType[*bus.PermanentError](err); err != nil && !nobody {
		d.log.WarnContext(ctx, "HEC clients may not be told that their events are a dead letter, and send them again", "id", delivery.ID, "error", err)
	}
}

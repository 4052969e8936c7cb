package shipper

import (
	"context"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// settle acknowledges deliveries on the bus, of which every event is delivered or
// dead. Whoever waits for one of them is told first, if that can be done soon;
// otherwise he will send the events again, to be sure.
func (d *destination) settle(ctx context.Context, tickets ...*batch.Ticket) {
	var awaited []wire.ID
	for _, t := range tickets {
		if t.Awaited.IsZero() {
			t.Delivery.Ack()
		} else {
			awaited = append(awaited, t.Awaited)
		}
	}
	if len(awaited) == 0 {
		return
	}
	if err := d.bus.TellSettled(ctx, awaited); err != nil {
		d.meters.untold.Add(len(awaited))
		if d.untold.Due() {
			d.log.Warn("HEC clients are not told that their events are delivered, and will send them again", "error", err)
		}
	}
	for _, t := range tickets {
		if !t.Awaited.IsZero() {
			t.Delivery.Ack()
		}
	}
}

package shipper

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

const (
	// tellTime bounds how long settling waits until those who wait for it are told.
	tellTime = 2 * time.Second
	// hastyTime is the same when the last try failed less than tellAgain ago:
	// delivery must not become slow because acknowledgement does not work.
	hastyTime = 50 * time.Millisecond
	tellAgain = 10 * time.Second
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
	if err := d.acks.tell(ctx, d.bus, awaited); err != nil {
		d.meters.untold.Add(len(awaited))
		if d.acks.alarm.Due() {
			d.log.Warn("HEC clients are not told that their events are delivered, and will send them again", "error", err)
		}
	}
	for _, t := range tickets {
		if !t.Awaited.IsZero() {
			t.Delivery.Ack()
		}
	}
}

// acks is how telling goes.
type acks struct {
	alarm  bus.Alarm
	failed atomic.Int64 // when it last did, nanoseconds since 1970, zero once it works
}

func (a *acks) tell(ctx context.Context, b *bus.Conn, batches []wire.ID) error {
	limit := tellTime
	if failed := a.failed.Load(); failed > 0 && time.Since(time.Unix(0, failed)) < tellAgain {
		limit = hastyTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := b.TellSettled(ctx, batches)
	if err != nil {
		a.failed.Store(time.Now().UnixNano())
	} else {
		a.failed.Store(0)
	}
	return err
}

package shipper

import (
	"context"
	"fmt"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
)

// A stream that is nine tenths full is made so much emptier that it is not at once full
// again. In percent of its size.
const (
	highWater = 90
	lowWater  = 85
	fullWater = 97 // a message that does not fit may be large
)

// watchEvery is how often it is looked how full the stream is.
const watchEvery = time.Second

// turn lets the intake shed one message. It is answered with the bytes of what went, 0
// when nothing did.
type turn chan int

// watchStream looks how full the stream is. It gives turns while that is too full and the
// destination is to drop or bury its oldest events then, else it tells.
func (d *destination) watchStream(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		held, most, err := d.bus.Held(ctx, d.bus.Names().EventsStream(d.name))
		if err != nil || most <= 0 {
			continue // what is wrong with the bus is told by those who carry events
		}
		if d.settings().sheds() {
			d.fullness.note(nil)
			if held >= most*highWater/100 {
				d.giveTurns(ctx, held-most*lowWater/100)
			}
			continue
		}
		d.noteFullness(held, most)
	}
}

// noteFullness tells when the stream is as good as full and nothing may go.
func (d *destination) noteFullness(held, most int64) {
	if held < most*fullWater/100 {
		d.fullness.note(nil)
		return
	}
	full := fmt.Errorf("the stream is full, %d of %d bytes: everything waits, for other destinations too "+
		"(when_full: block): raise max_bytes, or let when_full decide", held, most)
	if d.fullness.note(full) {
		d.log.Error("what is for this destination finds no room", "error", full)
	}
}

// giveTurns has so many bytes shed, or as much as can be before the next look.
func (d *destination) giveTurns(ctx context.Context, excess int64) {
	look := time.NewTimer(watchEvery)
	defer look.Stop()
	for excess > 0 {
		next := make(turn, 1) // the intake does not wait
		select {
		case d.turns <- next:
		case <-look.C:
			return
		case <-ctx.Done():
			return
		}
		select {
		case n := <-next:
			if n == 0 {
				return
			}
			excess -= int64(n)
		case <-ctx.Done():
			return
		}
	}
}

// shed drops or buries a message as when_full says now. It reports false when that says
// neither, or the dead letter could not be stored: then the message is carried on.
func (in *intake) shed(ctx context.Context, o *opened) bool {
	d := in.destination
	policy := d.settings().config.WhenFull
	delivery, events := o.ticket.Delivery, len(o.batch.Events)
	came := dropped
	switch policy {
	case config.FullDead:
		letter := delivery.Dead(wire.StageShipper, ReasonStreamFull, "the destination's stream was full")
		letter.Destination = d.name
		if d.buryOnce(ctx, letter) != nil {
			return false
		}
		d.meters.dead.Add(events)
		came = dead
	case config.FullDropOldest:
		d.meters.dropped.Add(events)
	default:
		return false
	}
	if in.shedAlarm.Due() {
		d.log.Warn("the destination's stream is full, its oldest events go to make room", "when_full", policy)
	}
	var booked account
	for i := range o.batch.Events {
		booked.add(o.ticket, &o.batch, &o.batch.Events[i], came)
	}
	d.books.Post(&booked.tally)
	d.settle(ctx, o.ticket)
	return true
}

package batch

import (
	"sync/atomic"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Ticket is one delivery on its way: it counts who still has events of it, the
// requests and whoever fills them. The last of them has to settle the delivery.
// A request that is given up keeps its hold, so the delivery is never settled so.
type Ticket struct {
	Delivery *bus.Delivery
	// Awaited is the id of the delivery's batch if somebody waits to hear that it is
	// settled, else zero.
	Awaited wire.ID

	holders   atomic.Int32
	touched   atomic.Bool
	givenBack atomic.Bool
}

// NewTicket makes a ticket that its maker holds.
func NewTicket(d *bus.Delivery) *Ticket {
	t := &Ticket{Delivery: d}
	t.Hold()
	return t
}

// Hold adds a holder.
func (t *Ticket) Hold() { t.holders.Add(1) }

// Done ends one hold, and reports whether it was the last: then the delivery is to
// be settled. One that was given back is not.
func (t *Ticket) Done() bool { return t.holders.Add(-1) == 0 && !t.givenBack.Load() }

// Touch notes that something of the delivery was taken: delivered, or made a dead letter.
func (t *Ticket) Touch() { t.touched.Store(true) }

// Untouched reports whether nothing of the delivery was taken yet.
func (t *Ticket) Untouched() bool { return !t.touched.Load() }

// GiveBack gives the delivery back to the bus, to be delivered again.
func (t *Ticket) GiveBack() {
	if !t.givenBack.Swap(true) {
		t.Delivery.Release(0)
	}
}

// GivenBack reports whether the delivery is not ours any more.
func (t *Ticket) GivenBack() bool { return t.givenBack.Load() }

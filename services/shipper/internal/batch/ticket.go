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

	holders atomic.Int32
}

// NewTicket makes a ticket that its maker holds.
func NewTicket(d *bus.Delivery) *Ticket {
	t := &Ticket{Delivery: d}
	t.Hold()
	return t
}

// Hold adds a holder.
func (t *Ticket) Hold() { t.holders.Add(1) }

// Done ends one hold, and reports whether it was the last.
func (t *Ticket) Done() bool { return t.holders.Add(-1) == 0 }

package batch

import (
	"sync/atomic"

	"github.com/drainline/drainline/services/internal/bus"
)

// Ticket is one delivery on its way: it counts who still has events of it, the
// requests and whoever fills them, and settles the delivery after the last.
// A request that is given up keeps its hold, so the delivery is never settled so.
type Ticket struct {
	Delivery *bus.Delivery

	settle  func()
	holders atomic.Int32
}

// NewTicket makes a ticket that its maker holds. Settle is called once.
func NewTicket(d *bus.Delivery, settle func()) *Ticket {
	t := &Ticket{Delivery: d, settle: settle}
	t.Hold()
	return t
}

// Hold adds a holder.
func (t *Ticket) Hold() { t.holders.Add(1) }

// Done ends one hold.
func (t *Ticket) Done() {
	if t.holders.Add(-1) == 0 {
		t.settle()
	}
}

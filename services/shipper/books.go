package shipper

import (
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// knownRows is how many rows are looked for before the names of an event are.
const knownRows = 4

// account gathers how events of a destination are booked, whose outcome they share.
type account struct {
	tally ledger.Tally

	// The rows that the latest events of the delivery in hand have.
	ticket *batch.Ticket
	known  [knownRows]knownRow
	next   int
}

type knownRow struct {
	row               *ledger.Row
	origin            uint32
	index, sourcetype string
}

// row is where an event of a delivery is booked, whose batch b stays as it is until an event
// of another is. An index that the event was sent to in place of its own is the event's by then.
func (a *account) row(t *batch.Ticket, b *wire.Batch, e *wire.Event) *ledger.Row {
	if a.ticket != t {
		a.forget()
		a.ticket = t
	}
	for i := range a.known {
		k := &a.known[i]
		if k.row != nil && k.origin == e.Origin && k.sourcetype == e.Sourcetype && k.index == e.Index {
			return k.row
		}
	}
	from := &b.Origins[e.Origin]
	row := a.tally.Row(ledger.Key{
		Input: ledger.Input(from.App, from.DrainToken, from.Credential), Credential: from.Credential,
		Destination: b.Destination, Index: e.Index, Sourcetype: e.Sourcetype,
	})
	row.Seen(time.Unix(0, from.ReceivedNS).UTC())
	a.known[a.next%knownRows] = knownRow{row, e.Origin, e.Index, e.Sourcetype}
	a.next++
	return row
}

// forget has nothing remembered of a batch whose memory is used again.
func (a *account) forget() {
	a.ticket = nil
	clear(a.known[:])
}

func (a *account) reset() {
	a.forget()
	a.tally.Reset()
}

// outcome is the amount of a row that an outcome is booked in.
type outcome func(*ledger.Row) *ledger.Amount

func delivered(r *ledger.Row) *ledger.Amount { return &r.Delivered }
func dead(r *ledger.Row) *ledger.Amount      { return &r.Dead }
func dropped(r *ledger.Row) *ledger.Amount   { return &r.Dropped }

// add books an event of a delivery.
func (a *account) add(t *batch.Ticket, b *wire.Batch, e *wire.Event, came outcome) {
	row, bytes := a.row(t, b, e), hec.LicenseBytes(e)
	came(row).Add(1, bytes)
	if t.Delivery.Attempts > 1 {
		row.Redelivered.Add(1, bytes)
	}
}

// accountOf is how the events of an attempt are booked that was taken. That of all
// contents was made when they were packed.
func (s *shipment) accountOf(a *attempt) *account {
	if s.account != nil && !a.fallback && a.events.Len() == s.contents.Len() {
		return s.account
	}
	made := &account{}
	for event := range a.events.Events() {
		e, err := s.read(event)
		if err != nil {
			return made // this machine's memory is at fault, as the books will show
		}
		if a.fallback {
			e.Index = s.destination.settings().config.FallbackIndex
		}
		t, _ := s.contents.Source(event)
		made.add(t, &s.source.opened.batch, e, delivered)
	}
	return made
}

// book books one more event of the contents, as delivered: mostly it will be.
func (s *shipment) book(t *batch.Ticket, b *wire.Batch, e *wire.Event) {
	if s.account == nil {
		s.account = &account{}
	}
	s.account.add(t, b, e, delivered)
}

package app

import (
	"fmt"
	"strings"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/ledger"
)

// FactLedger is the name under which GET /status has what this process has booked since
// its start: a list of ledger.Row, those of one service after those of another, not added
// up. So the Last of what the shipper has delivered is seen.
const FactLedger = "ledger"

// ShowBooks shows what the services of this process book, as a fact and as metrics.
func (p *Process) ShowBooks(books ...*ledger.Ledger) {
	rows := func() []ledger.Row {
		all := []ledger.Row{}
		for _, b := range books {
			all = append(all, b.Rows()...)
		}
		return all
	}
	p.Tell(FactLedger, func() any { return rows() })
	p.Check("books", false, func() error {
		for _, b := range books {
			if since := b.Late(); !since.IsZero() {
				return fmt.Errorf("the bus has not stored them since %s: they are late, and events go on without; "+
					"see that the stream of the ledger is there (drainline streams show)", since.UTC().Format(time.RFC3339))
			}
		}
		return nil
	})
	observe := func(name string, amount func(a *ledger.Amount) int64) {
		p.Metrics.Observe(name, func(tell func(value float64, values ...string)) {
			tellRows(ledger.Merge(rows()), amount, tell)
		})
	}
	observe("drainline_ledger_events", func(a *ledger.Amount) int64 { return a.Events })
	observe("drainline_ledger_license", func(a *ledger.Amount) int64 { return a.Bytes })
}

// tellRows tells the amounts of rows about events by input, destination and booking. What
// is true of several destinations is told of all of them together: each alone would count
// it again.
func tellRows(rows []ledger.Row, amount func(a *ledger.Amount) int64, tell func(value float64, values ...string)) {
	for i := range rows {
		r := &rows[i]
		if r.Rule != "" {
			continue
		}
		for n, name := range drainlinev1.Booking_name {
			if a := r.Of(drainlinev1.Booking(n)); a != nil && a.Events > 0 {
				tell(float64(amount(a)), r.Input, r.Destination, strings.ToLower(strings.TrimPrefix(name, "BOOKING_")))
			}
		}
	}
}

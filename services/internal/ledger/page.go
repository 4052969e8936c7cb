package ledger

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// hour is the books of one hour. Its rows are in pages by their numbers.
type hour struct {
	*sheet

	begin   time.Time
	changed []bool // by page: it is to be stored
}

func newHour(begin time.Time) *hour { return &hour{sheet: newSheet(), begin: begin} }

func (h *hour) add(r *Row) {
	h.sheet.add(r, func(row int) {
		part := row / partRows
		if part == len(h.changed) {
			h.changed = append(h.changed, false)
		}
		h.changed[part] = true
	})
}

func (h *hour) dirty() bool {
	for _, changed := range h.changed {
		if changed {
			return true
		}
	}
	return false
}

// page is rows of an hour, as they are to be stored.
type page struct {
	hour *hour
	part int
	rows []Row
}

// pages takes what is to be stored, and forgets hours that are. It wants mu held.
func (l *Ledger) pages() []page {
	var pages []page
	kept := l.hours[:0]
	for i, h := range l.hours {
		before := len(pages)
		for part, changed := range h.changed {
			if changed {
				pages = append(pages, h.page(part))
				h.changed[part] = false
			}
		}
		if i == len(l.hours)-1 || len(pages) > before {
			kept = append(kept, h)
		}
	}
	clear(l.hours[len(kept):])
	l.hours = kept
	return pages
}

func (h *hour) page(part int) page {
	rows := h.rows[part*partRows : min((part+1)*partRows, len(h.rows))]
	p := page{hour: h, part: part, rows: make([]Row, len(rows))}
	for i, r := range rows {
		p.rows[i] = *r
	}
	return p
}

func (p *page) seal(stage, instance string) ([]byte, error) {
	message := &drainlinev1.LedgerPage{Stage: stage, Instance: instance, Hour: p.hour.begin.Unix()}
	for i := range p.rows {
		message.Rows = append(message.Rows, p.rows[i].message())
	}
	encoded, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("books of %v: %w", p.hour.begin, err)
	}
	return wire.Seal(nil, encoded), nil
}

func (r *Row) message() *drainlinev1.LedgerRow {
	m := &drainlinev1.LedgerRow{
		Input: r.Input, Credential: r.Credential, Destination: r.Destination, Index: r.Index, Sourcetype: r.Sourcetype, Rule: r.Rule,
	}
	if !r.Last.IsZero() {
		m.LastNs = r.Last.UnixNano()
	}
	for b := firstBooking; b <= lastBooking; b++ {
		if a := r.Of(b); *a != (Amount{}) {
			m.Entries = append(m.Entries, &drainlinev1.LedgerEntry{Booking: b, Events: a.Events, Bytes: a.Bytes})
		}
	}
	return m
}

func rowOf(m *drainlinev1.LedgerRow) Row {
	r := Row{Key: Key{
		Input: m.GetInput(), Credential: m.GetCredential(), Destination: m.GetDestination(), Index: m.GetIndex(),
		Sourcetype: m.GetSourcetype(), Rule: m.GetRule(),
	}}
	if ns := m.GetLastNs(); ns != 0 {
		r.Last = time.Unix(0, ns).UTC()
	}
	for _, e := range m.GetEntries() {
		if a := r.Of(e.GetBooking()); a != nil {
			a.plus(Amount{Events: e.GetEvents(), Bytes: e.GetBytes()})
		}
	}
	return r
}

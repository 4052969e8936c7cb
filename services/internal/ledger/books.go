package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Books are what all instances have booked, added up.
type Books struct {
	// From is when the first hour begins that there is something of; zero without any.
	From time.Time `json:"from,omitzero"`
	// Rows have the same names once, in the order of these.
	Rows []Row `json:"rows"`
	// Unreadable counts pages that are damaged or of a newer version.
	Unreadable int `json:"unreadable,omitempty"`

	hours map[time.Time]*Group
}

// Read adds up the books that the bus keeps, from the hour on that since is in; zero is
// for all of them. It fails when they cannot be read, and not when there are none.
func Read(ctx context.Context, conn *bus.Conn, since time.Time) (*Books, error) {
	since = since.UTC().Truncate(time.Hour)
	stored := since
	if !stored.IsZero() {
		stored = stored.Add(-time.Hour) // the bus has a clock of its own
	}
	books, pages := &Books{}, map[string]*drainlinev1.LedgerPage{} // by subject: a later one replaces it
	err := conn.Read(ctx, bus.ReadOptions{Stream: conn.Names().LedgerStream(), Since: stored}, func(k *bus.Kept) error {
		page := &drainlinev1.LedgerPage{}
		message, err := wire.Open(nil, k.Payload)
		if err == nil {
			err = proto.Unmarshal(message, page)
		}
		if err != nil {
			books.Unreadable++
			return nil //nolint:nilerr // the others can be read
		}
		pages[k.Subject] = page
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the books cannot be read: %w", err)
	}
	books.add(pages, since)
	return books, nil
}

func (b *Books) add(pages map[string]*drainlinev1.LedgerPage, since time.Time) {
	rows := map[Key]*Row{}
	b.hours = map[time.Time]*Group{}
	for _, page := range pages {
		hour := time.Unix(page.GetHour(), 0).UTC()
		if hour.Before(since) {
			continue
		}
		if b.From.IsZero() || hour.Before(b.From) {
			b.From = hour
		}
		if b.hours[hour] == nil {
			b.hours[hour] = &Group{Name: hour.Format("2006-01-02T15:04Z")}
		}
		for _, m := range page.GetRows() {
			r := rowOf(m)
			if r.Rule == "" {
				b.hours[hour].add(&r)
			}
			if sum, known := rows[r.Key]; known {
				sum.add(&r)
			} else {
				rows[r.Key] = &r
			}
		}
	}
	b.Rows = make([]Row, 0, len(rows))
	for _, r := range rows {
		b.Rows = append(b.Rows, *r)
	}
	slices.SortFunc(b.Rows, func(x, y Row) int { return x.compare(&y.Key) })
}

func (k *Key) compare(other *Key) int {
	return cmp.Or(
		cmp.Compare(k.Rule, other.Rule), cmp.Compare(k.Input, other.Input), cmp.Compare(k.Destination, other.Destination),
		cmp.Compare(k.Index, other.Index), cmp.Compare(k.Sourcetype, other.Sourcetype), cmp.Compare(k.Credential, other.Credential),
	)
}

// Balance is what became of the events of one input for one destination.
type Balance struct {
	Input       string `json:"input"`
	Destination string `json:"destination"`
	Sums

	// Open is the Difference.
	Open int64     `json:"open"`
	Last time.Time `json:"last,omitzero"`
}

// Balances are the books by input and destination, in the order of these. What comes
// before any destination (duplicates, what was lost upstream) is under an empty one.
func (b *Books) Balances() []Balance {
	type pair struct{ input, destination string }
	at := map[pair]*Balance{}
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Rule != "" {
			continue
		}
		for d := range strings.SplitSeq(r.Destination, separator) {
			p := pair{r.Input, d}
			if at[p] == nil {
				at[p] = &Balance{Input: r.Input, Destination: d}
			}
			at[p].Plus(&r.Sums)
			at[p].Last = later(at[p].Last, r.Last)
		}
	}
	list := make([]Balance, 0, len(at))
	for _, balance := range at {
		balance.Open = balance.Difference()
		list = append(list, *balance)
	}
	slices.SortFunc(list, func(a, b Balance) int {
		return cmp.Or(cmp.Compare(a.Input, b.Input), cmp.Compare(a.Destination, b.Destination))
	})
	return list
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

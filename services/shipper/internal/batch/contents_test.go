package batch_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// placed is an event of a delivery.
type placed struct {
	ticket   *batch.Ticket
	position int
}

// Whatever events of whatever deliveries contents are made of, each is found again, what
// is picked is what was selected, and each delivery is settled once, after the last who
// had a part of it.
func TestContents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tickets := make([]*batch.Ticket, rapid.IntRange(1, 5).Draw(t, "deliveries"))
		var (
			c    batch.Contents
			want []placed
		)
		oldest, logged := int64(1<<40), int64(0)
		for i := range tickets {
			tickets[i] = batch.NewTicket(nil)
			positions := rapid.SliceOfNDistinct(rapid.IntRange(0, 20), 0, 10, rapid.ID).Draw(t, "positions")
			slices.Sort(positions)
			for _, position := range positions {
				received := rapid.Int64Range(1, 1000).Draw(t, "received")
				oldest = min(oldest, received)
				at := rapid.Int64Range(0, 1000).Draw(t, "logged") // 0: not known
				if at != 0 && (logged == 0 || at < logged) {
					logged = at
				}
				c.Add(tickets[i], position, received, at)
				want = append(want, placed{tickets[i], position})
			}
		}
		if c.Len() != len(want) || len(want) > 0 && c.OldestNS() != oldest || c.LoggedNS() != logged {
			t.Fatalf("%d events, the oldest of %d, logged at %d; want %d, %d, %d", c.Len(), c.OldestNS(), c.LoggedNS(), len(want), oldest, logged)
		}
		wantContents(t, &c, want)

		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, max(0, len(want)-1)), 0, len(want), rapid.ID).Draw(t, "chosen")
		slices.Sort(chosen)
		if len(want) == 0 {
			chosen = nil
		}
		picked := c.Pick(selectionOf(chosen))
		var part []placed
		for _, event := range chosen {
			part = append(part, want[event])
		}
		wantContents(t, &picked, part)
		wantTickets(t, &c, selectionOf(chosen), part)

		settled := map[*batch.Ticket]int{}
		settle := func(some []*batch.Ticket) {
			for _, ticket := range some {
				settled[ticket]++
			}
		}
		settle(c.Settle())
		for _, ticket := range tickets {
			if ticket.Done() {
				settled[ticket]++
			}
		}
		for _, ticket := range tickets {
			held := slices.ContainsFunc(part, func(p placed) bool { return p.ticket == ticket })
			if n := settled[ticket]; held && n != 0 || !held && n != 1 {
				t.Fatalf("a delivery is settled %d times, held by others: %v", n, held)
			}
		}
		settle(picked.Settle())
		for _, ticket := range tickets {
			if settled[ticket] != 1 {
				t.Fatalf("a delivery is settled %d times in the end", settled[ticket])
			}
		}
	})
}

func wantContents(t *rapid.T, c *batch.Contents, want []placed) {
	for event, p := range want {
		if ticket, position := c.Source(event); ticket != p.ticket || position != p.position {
			t.Fatalf("event %d comes from another place", event)
		}
	}
	if n := c.All().Len(); n != len(want) {
		t.Fatalf("%d events, want %d", n, len(want))
	}
}

func wantTickets(t *rapid.T, c *batch.Contents, s batch.Selection, part []placed) {
	var got []*batch.Ticket
	c.Tickets(s, func(ticket *batch.Ticket) {
		if !slices.Contains(got, ticket) {
			got = append(got, ticket)
		}
	})
	var want []*batch.Ticket
	for _, p := range part {
		if !slices.Contains(want, p.ticket) {
			want = append(want, p.ticket)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the selection has parts of %d deliveries, want %d", len(got), len(want))
	}
}

func TestTicketSettlesOnce(t *testing.T) {
	t.Parallel()
	ticket := batch.NewTicket(nil)
	var (
		holders sync.WaitGroup
		last    atomic.Int32
	)
	for range 100 {
		ticket.Hold()
		holders.Go(func() {
			if ticket.Done() {
				last.Add(1)
			}
		})
	}
	holders.Wait()
	if last.Load() != 0 {
		t.Fatal("settled while its maker holds it")
	}
	if !ticket.Done() {
		t.Fatal("not settled by the last")
	}
}

package batch_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// The packing loop as the shipper has it, over any deliveries and limits: no
// event is lost, repeated or moved, every request keeps its limits, and every
// delivery is settled once, after the last request that has a part of it.
func TestPacking(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits := batch.Limits{MaxBytes: rapid.IntRange(1, 400).Draw(t, "bytes"), MaxEvents: rapid.IntRange(1, 12).Draw(t, "events")}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 6).Draw(t, "deliveries")
		settled := make([]int, len(sizes))
		var (
			want     []string
			requests []*batch.Request
			tickets  = make([]*batch.Ticket, 0, len(sizes))
			current  = &batch.Request{}
		)
		for n, size := range sizes {
			ticket := batch.NewTicket(nil)
			tickets = append(tickets, ticket)
			for i := range size {
				e := &wire.Event{Text: []byte(fmt.Sprintf("%d/%d", n, i) + strings.Repeat("x", rapid.IntRange(0, 150).Draw(t, "length")))}
				want = append(want, string(hec.AppendEvent(nil, e)))
				received := int64(1000 - len(want))
				if !current.Add(ticket, i, e, received, limits) {
					requests = append(requests, current)
					current = &batch.Request{}
					if !current.Add(ticket, i, e, received, limits) {
						t.Fatal("an empty request takes any event")
					}
				}
				if current.OldestNS() != received {
					t.Fatalf("oldest %d, want %d: events get older", current.OldestNS(), received)
				}
			}
			if ticket.Done() {
				settled[n]++
			}
		}
		if !current.Empty() {
			requests = append(requests, current)
		}

		got := make([]string, 0, len(want))
		for _, r := range requests {
			got = append(got, envelopes(t, r, limits, tickets)...)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("packed %d events, want %d in order", len(got), len(want))
		}
		for n, r := range requests {
			checkSettled(t, settled, sizes, requests[n:], tickets)
			for _, ticket := range r.Settle() {
				settled[slices.Index(tickets, ticket)]++
			}
		}
		checkSettled(t, settled, sizes, nil, tickets)
	})
}

// envelopes checks one request and returns its envelopes.
func envelopes(t *rapid.T, r *batch.Request, l batch.Limits, tickets []*batch.Ticket) []string {
	all := r.All()
	body := r.Body(all)
	if all.Len() > l.MaxEvents || (len(body) > l.MaxBytes && all.Len() > 1) {
		t.Fatalf("%d events in %d bytes, over %+v", all.Len(), len(body), l)
	}
	one := make([]string, 0, all.Len())
	for i := range all.Len() {
		envelope := string(r.Body(batch.Span{From: i, To: i + 1}))
		one = append(one, envelope)
		ticket, position := r.Source(i)
		var e struct {
			Event string `json:"event"`
		}
		if err := json.Unmarshal([]byte(envelope), &e); err != nil {
			t.Fatal(err)
		}
		var n, at int
		if _, err := fmt.Sscanf(e.Event, "%d/%d", &n, &at); err != nil || tickets[n] != ticket || position != at {
			t.Fatalf("event %s has position %d of another delivery", e.Event, position)
		}
	}
	if strings.Join(one, "") != string(body) {
		t.Fatal("the spans of one event do not make the body")
	}
	return one
}

// checkSettled wants settled what no outstanding request has a part of.
func checkSettled(t *rapid.T, settled, sizes []int, outstanding []*batch.Request, tickets []*batch.Ticket) {
	open := map[*batch.Ticket]bool{}
	for _, r := range outstanding {
		for i := range r.All().Len() {
			ticket, _ := r.Source(i)
			open[ticket] = true
		}
	}
	for n := range sizes {
		want := 1
		if open[tickets[n]] {
			want = 0
		}
		if settled[n] != want {
			t.Fatalf("delivery %d settled %d times, want %d", n, settled[n], want)
		}
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	e := &wire.Event{Text: []byte("12345")}
	size := len(hec.AppendEvent(nil, e))
	f := func(l batch.Limits, adds int, want bool) {
		t.Helper()
		var r batch.Request
		for i := range adds {
			if !r.Add(batch.NewTicket(nil), i, e, 0, l) {
				t.Errorf("%+v: event %d does not fit", l, i)
			}
		}
		if r.Full(l) != want {
			t.Errorf("%+v, %d events: full is %v", l, adds, !want)
		}
	}
	f(batch.Limits{MaxBytes: 10 * size, MaxEvents: 3}, 2, false)
	f(batch.Limits{MaxBytes: 10 * size, MaxEvents: 3}, 3, true)
	f(batch.Limits{MaxBytes: 3 * size, MaxEvents: 9}, 2, false)
	f(batch.Limits{MaxBytes: 3 * size, MaxEvents: 9}, 3, true)
	f(batch.Limits{MaxBytes: 3*size + 1, MaxEvents: 9}, 3, false)
	f(batch.Limits{MaxBytes: 1, MaxEvents: 9}, 1, true)
}

func TestReset(t *testing.T) {
	t.Parallel()
	l := batch.Limits{MaxBytes: 100, MaxEvents: 10}
	var r batch.Request
	f := func(length int, keeps bool) {
		t.Helper()
		r.Add(batch.NewTicket(nil), 0, &wire.Event{Text: bytes.Repeat([]byte("x"), length)}, 0, l)
		before := r.Body(r.All())
		r.Reset(l)
		if !r.Empty() || r.Full(l) || len(r.Body(r.All())) != 0 {
			t.Error("not empty after Reset")
		}
		r.Add(batch.NewTicket(nil), 0, &wire.Event{Text: []byte("y")}, 0, l)
		if kept := &before[0] == &r.Body(r.All())[0]; kept != keeps {
			t.Errorf("after an event of %d bytes the memory is kept: %v", length, kept)
		}
		r.Reset(l)
	}
	f(50, true)
	f(100_000, false)
}

func TestHalves(t *testing.T) {
	t.Parallel()
	for n := 2; n < 100; n++ {
		first, second := batch.Span{From: 7, To: 7 + n}.Halves()
		if first.From != 7 || first.To != second.From || second.To != 7+n || first.Len() == 0 || second.Len() == 0 {
			t.Errorf("%d events: %v and %v", n, first, second)
		}
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

func TestGzip(t *testing.T) {
	t.Parallel()
	g := batch.NewGzip()
	var out bytes.Buffer
	for _, text := range []string{"", "a", strings.Repeat("line after line, ", 100_000), "short again"} {
		g.Compress(&out, []byte(text))
		r, err := gzip.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes come back as %d: %v", len(text), len(got), err)
		}
	}
}

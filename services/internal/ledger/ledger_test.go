package ledger_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/telemetry"
)

func start(t *testing.T) (*bustest.Bus, *bus.Conn) {
	t.Helper()
	b := bustest.Start(t, bustest.Config(t, nil))
	return b, b.Connect("transform")
}

func newLedger(t *testing.T, conn *bus.Conn, stage string) *ledger.Ledger {
	t.Helper()
	l := ledger.New(ledger.Options{Bus: conn, Stage: stage, Log: bustest.Log(t)})
	t.Cleanup(l.Flush)
	return l
}

// tallied is a tally of rows.
func tallied(rows ...ledger.Row) *ledger.Tally {
	t := &ledger.Tally{}
	for i := range rows {
		r := t.Row(rows[i].Key)
		r.Plus(&rows[i].Sums)
		r.Seen(rows[i].Last)
	}
	return t
}

func read(t *testing.T, conn *bus.Conn, since time.Time) *ledger.Books {
	t.Helper()
	books, err := ledger.Read(t.Context(), conn, since)
	if err != nil {
		t.Fatal(err)
	}
	return books
}

func amount(events, bytes int64) ledger.Amount { return ledger.Amount{Events: events, Bytes: bytes} }

// What several instances of all stages post adds up, and balances by input and destination.
func TestBooksAddUp(t *testing.T) {
	b, conn := start(t)
	at := time.Unix(1_700_000_000, 0).UTC()
	shop := ledger.Key{Input: "shop", Credential: "heroku", Destination: ledger.Each([]string{"archive", "splunk"})}
	web := ledger.Key{Input: "shop", Credential: "heroku", Destination: "splunk", Index: "web", Sourcetype: "heroku:router"}
	onlyArchive := ledger.Key{Input: "shop", Credential: "heroku", Destination: "archive"}
	rule := ledger.Key{Rule: "health checks"}
	early := ledger.Key{Input: "shop", Credential: "heroku"}
	first, second := newLedger(t, conn, wire.StageTransform), newLedger(t, b.Connect("transform"), wire.StageTransform)
	shipper := newLedger(t, b.Connect("shipper"), wire.StageShipper)
	operator := newLedger(t, b.Connect("operator"), wire.StageShipper)
	for _, posted := range []struct {
		to    *ledger.Ledger
		tally *ledger.Tally
	}{
		{first, tallied(
			ledger.Row{Key: shop, Sums: ledger.Sums{Accepted: amount(10, 100), Merged: amount(2, 20), Redelivered: amount(10, 100)}, Last: at},
			ledger.Row{Key: onlyArchive, Sums: ledger.Sums{Filtered: amount(1, 5)}},
			ledger.Row{Key: rule, Sums: ledger.Sums{Matched: amount(3, 0)}},
			ledger.Row{Key: early, Sums: ledger.Sums{LostUpstream: amount(7, 0)}},
		)},
		{first, tallied(ledger.Row{Key: shop, Sums: ledger.Sums{Accepted: amount(1, 10)}, Last: at.Add(time.Second)})},
		{second, tallied(ledger.Row{Key: shop, Sums: ledger.Sums{Accepted: amount(4, 40), Split: amount(1, 3)}, Last: at})},
		{shipper, tallied(ledger.Row{Key: web, Sums: ledger.Sums{Delivered: amount(12, 240), Dead: amount(1, 9), Dropped: amount(1, 1)}})},
		{shipper, tallied(ledger.Row{Key: onlyArchive, Sums: ledger.Sums{Delivered: amount(12, 240)}})},
		{operator, tallied(ledger.Row{Key: web, Sums: ledger.Sums{Replayed: amount(1, 9)}})},
		{shipper, tallied(ledger.Row{Key: web, Sums: ledger.Sums{Delivered: amount(1, 9)}})}, // the dead one, again
	} {
		posted.to.Post(posted.tally)
		posted.to.Flush()
	}
	books := read(t, conn, time.Time{})
	wantRows := []ledger.Row{
		{Key: early, Sums: ledger.Sums{LostUpstream: amount(7, 0)}},
		{Key: onlyArchive, Sums: ledger.Sums{Filtered: amount(1, 5), Delivered: amount(12, 240)}},
		{
			Key: shop, Last: at.Add(time.Second),
			Sums: ledger.Sums{Accepted: amount(15, 150), Merged: amount(2, 20), Split: amount(1, 3), Redelivered: amount(10, 100)},
		},
		{Key: web, Sums: ledger.Sums{Delivered: amount(13, 249), Dead: amount(1, 9), Dropped: amount(1, 1), Replayed: amount(1, 9)}},
		{Key: rule, Sums: ledger.Sums{Matched: amount(3, 0)}},
	}
	if diff := cmp.Diff(wantRows, books.Rows); diff != "" {
		t.Errorf("rows (- wanted, + read):\n%s", diff)
	}
	if age := time.Since(books.From); age < 0 || age > 2*time.Hour {
		t.Errorf("the books begin at %v", books.From)
	}
	open := map[string]int64{}
	for _, balance := range books.Balances() {
		open[balance.Input+"→"+balance.Destination] = balance.Open
	}
	// 15 + 1 = 2 + 1 + 12, and one more waits; 15 + 1 + 1 again = 2 + 13 + 1 + 1.
	if diff := cmp.Diff(map[string]int64{"shop→": 0, "shop→archive": 1, "shop→splunk": 0}, open); diff != "" {
		t.Errorf("what is open (- wanted, + read):\n%s", diff)
	}
	if later := read(t, conn, time.Now().Add(time.Hour)); len(later.Rows) > 0 || !later.From.IsZero() {
		t.Errorf("books of an hour to come: %+v", later)
	}
}

// Each hour has its own sums, without what is about rules.
func TestBooksByHour(t *testing.T) {
	_, conn := start(t)
	hour := time.Now().UTC().Truncate(time.Hour)
	for n, events := range []int64{3, 4} {
		at := hour.Add(time.Duration(-n) * time.Hour)
		for part, row := range []*drainlinev1.LedgerRow{
			{Input: "shop", LastNs: at.UnixNano(), Entries: []*drainlinev1.LedgerEntry{{Booking: drainlinev1.Booking_BOOKING_ACCEPTED, Events: events}}},
			{Input: "blog", Entries: []*drainlinev1.LedgerEntry{{Booking: drainlinev1.Booking_BOOKING_ACCEPTED, Events: 10}}},
			{Rule: "r", Entries: []*drainlinev1.LedgerEntry{{Booking: drainlinev1.Booking_BOOKING_FILTERED, Events: 100}}},
		} {
			page, err := proto.Marshal(&drainlinev1.LedgerPage{Hour: at.Unix(), Rows: []*drainlinev1.LedgerRow{row}})
			if err != nil {
				t.Fatal(err)
			}
			m := bus.Msg{ID: wire.RandomID(), Subject: conn.Names().LedgerSubject(at, wire.StageTransform, "i", part), Payload: wire.Seal(nil, page)}
			if err := conn.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []ledger.Group{
		{Name: hour.Add(-time.Hour).Format("2006-01-02T15:04Z"), Sums: ledger.Sums{Accepted: amount(14, 0)}, Last: hour.Add(-time.Hour)},
		{Name: hour.Format("2006-01-02T15:04Z"), Sums: ledger.Sums{Accepted: amount(13, 0)}, Last: hour},
	}
	if diff := cmp.Diff(want, read(t, conn, time.Time{}).By("hour")); diff != "" {
		t.Errorf("by hour (- wanted, + read):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:], read(t, conn, hour).By("hour")); diff != "" {
		t.Errorf("by hour, of the last (- wanted, + read):\n%s", diff)
	}
}

// An ack comes only when what was posted before it is on the bus.
func TestSettleWaitsForTheBooks(t *testing.T) {
	b, conn := start(t)
	l := newLedger(t, conn, wire.StageTransform)
	key := ledger.Key{Input: "shop", Destination: "splunk"}
	const posts = 200
	reader := b.Connect("operator")
	var settled atomic.Int64
	var checking sync.WaitGroup
	for n := range posts {
		l.Post(tallied(ledger.Row{Key: key, Sums: ledger.Sums{Accepted: amount(1, 1)}}))
		checking.Add(1)
		l.Settle(func() {
			defer checking.Done()
			settled.Add(1)
			if n%50 != 0 {
				return
			}
			if got := read(t, reader, time.Time{}).Rows[0].Accepted.Events; got < int64(n+1) {
				t.Errorf("settled with %d events in the books, of %d", got, n+1)
			}
		})
	}
	checking.Wait()
	if n := settled.Load(); n != posts {
		t.Errorf("%d acks, of %d", n, posts)
	}
	now := false
	l.Settle(func() { now = true })
	if !now {
		t.Error("an ack waits for nothing")
	}
}

// Books that the bus does not store hold nothing up for long, and are stored later.
func TestBooksAreLate(t *testing.T) {
	_, conn := start(t)
	l := newLedger(t, conn, wire.StageTransform)
	name := conn.Names().LedgerStream()
	stream, err := conn.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	kept := stream.CachedInfo().Config
	if err := conn.JetStream().DeleteStream(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	key := ledger.Key{Input: "shop", Destination: "splunk"}
	for range 2 { // the second does not wait for as long again
		began, settled := time.Now(), make(chan struct{})
		l.Post(tallied(ledger.Row{Key: key, Sums: ledger.Sums{Accepted: amount(1, 1)}}))
		l.Settle(func() { close(settled) })
		select {
		case <-settled:
		case <-time.After(bustest.Patience):
			t.Fatalf("nothing is settled %v after the books were refused", time.Since(began))
		}
	}
	if _, err := conn.JetStream().CreateStream(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	bustest.Await(t, "the books are not stored by themselves", func() bool {
		rows := read(t, conn, time.Time{}).Rows
		return len(rows) == 1 && rows[0].Accepted.Events == 2
	})
}

// A service that stops waits for a bus that does not take its books once and shortly, and
// says what it gives up.
func TestFlushGivesUp(t *testing.T) {
	_, conn := start(t)
	var said strings.Builder
	l := ledger.New(ledger.Options{Bus: conn, Stage: wire.StageTransform, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err := conn.JetStream().DeleteStream(t.Context(), conn.Names().LedgerStream()); err != nil {
		t.Fatal(err)
	}
	settled := false
	began := time.Now()
	l.Post(tallied(
		ledger.Row{Key: ledger.Key{Input: "shop", Destination: "splunk"}, Sums: ledger.Sums{Accepted: amount(1, 1)}},
		ledger.Row{Key: ledger.Key{Input: "cart", Destination: "splunk"}, Sums: ledger.Sums{Accepted: amount(1, 1)}},
	))
	l.Settle(func() { settled = true })
	l.Flush()
	if took := time.Since(began); !settled || took > 4500*time.Millisecond {
		t.Errorf("after %v settled is %v", took, settled)
	}
	if late := l.Late(); late.Before(began.Add(-time.Second)) || late.After(time.Now()) {
		t.Errorf("late since %v", late)
	}
	began = time.Now()
	l.Flush()
	if took := time.Since(began); took > time.Second {
		t.Errorf("books that are late are tried once more for %v", took)
	}
	conn.Close() // which ends the tries
	l.Flush()
	if text := said.String(); !strings.Contains(text, "rows=2") {
		t.Error(text)
	}
}

// Names from outside are bounded, and no event is lost by that.
func TestBooksAreBounded(t *testing.T) {
	const maxInputs = 1000
	_, conn := start(t)
	l := newLedger(t, conn, wire.StageShipper)
	for n := range 3 * maxInputs {
		for _, index := range []string{"a", "b", "c", fmt.Sprint(n)} {
			l.Post(tallied(ledger.Row{
				Key:  ledger.Key{Input: fmt.Sprintf("app%d", n), Destination: "splunk", Index: index, Sourcetype: strings.Repeat("x", 1000) + "\xff"},
				Sums: ledger.Sums{Delivered: amount(1, 2)},
			}))
		}
	}
	l.Flush()
	inputs, rows, total := map[string]bool{}, 0, ledger.Sums{}
	for _, r := range read(t, conn, time.Time{}).Rows {
		inputs[r.Input] = true
		rows++
		total.Plus(&r.Sums)
	}
	if len(inputs) != maxInputs+1 || !inputs[telemetry.Other] || rows > 9000 {
		t.Errorf("%d inputs in %d rows", len(inputs), rows)
	}
	if want := amount(12*maxInputs, 24*maxInputs); total.Delivered != want {
		t.Errorf("%+v delivered, want %+v", total.Delivered, want)
	}
	if live := l.Rows(); len(live) != maxInputs+1 {
		t.Errorf("%d live rows", len(live))
	}
}

package ledger

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bustest"
)

// Of hours that the bus does not store the latest 24 are kept, and stored when it does.
func TestHoursAreBounded(t *testing.T) {
	conn := bustest.Start(t, bustest.Config(t, nil)).Connect("transform")
	var log bytes.Buffer
	l := New(Options{Bus: conn, Stage: wire.StageTransform, Log: slog.New(slog.NewTextHandler(&log, nil))})
	name := conn.Names().LedgerStream()
	stream, err := conn.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.JetStream().DeleteStream(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	const more = 6
	now := time.Now().Truncate(time.Hour)
	for n := range mostHours + more {
		var tally Tally
		tally.Row(Key{Input: "shop"}).Of(drainlinev1.Booking_BOOKING_ACCEPTED).Add(1, 1)
		l.post(&tally, now.Add(time.Duration(n-mostHours-more)*time.Hour))
	}
	settled := make(chan struct{})
	l.Settle(func() { close(settled) })
	<-settled // a try with all of them has failed
	if _, err := conn.JetStream().CreateStream(t.Context(), stream.CachedInfo().Config); err != nil {
		t.Fatal(err)
	}
	// It goes on trying, which Flush does not wait for while the books are late.
	deadline, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	var books *Books
	for got := int64(0); got != mostHours; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d hours are in the books", got)
		}
		var err error
		if books, err = Read(t.Context(), conn, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if len(books.Rows) > 0 {
			got = books.Rows[0].Accepted.Events
		}
	}
	if want := now.Add(-mostHours * time.Hour); !books.From.Equal(want) {
		t.Errorf("the books begin at %v instead of %v", books.From, want)
	}
	if n := strings.Count(log.String(), "the books of an hour are lost"); n != more {
		t.Errorf("%d times it is told that an hour is lost:\n%s", n, &log)
	}
}

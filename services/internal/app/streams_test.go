package app

import (
	"context"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/topology"
)

// A stream that somebody deletes is made again while services run.
func TestDeletedStreamsComeBack(t *testing.T) {
	c := bustest.Config(t, nil)
	conn := bustest.Start(t, c).Connect("transform")
	s := &streams{
		conn: conn, timeout: patience, log: bustest.Log(t), config: c, ensured: conn.Connects(),
		ensure: func(ctx context.Context, c *config.Config) error { return topology.New(c, 0).Apply(ctx, conn) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keep(ctx, 10*time.Millisecond)
	}()
	name := conn.Names().LedgerStream()
	if err := conn.JetStream().DeleteStream(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		_, err := conn.JetStream().Stream(t.Context(), name)
		return err == nil
	})
	cancel()
	<-ended
}

// Books that the bus does not store are told of, and make no process unready.
func TestLateBooksAreTold(t *testing.T) {
	p := testProcess(t, config.Loader{})
	conn := bustest.Start(t, bustest.Config(t, nil)).Connect("transform")
	books := ledger.New(ledger.Options{Bus: conn, Stage: "transform", Log: p.Log})
	p.ShowBooks(books)
	if r := p.readiness(); !r.Ready || r.Checks["books"] != "ok" {
		t.Errorf("%+v", r)
	}
	if err := conn.JetStream().DeleteStream(t.Context(), conn.Names().LedgerStream()); err != nil {
		t.Fatal(err)
	}
	tally := &ledger.Tally{}
	tally.Row(ledger.Key{Input: "shop", Destination: "splunk"}).Accepted.Add(1, 1)
	books.Post(tally)
	books.Flush()
	if r := p.readiness(); !r.Ready || r.Checks["books"] == "ok" {
		t.Errorf("%+v", r)
	}
	conn.Close()
	books.Flush()
}

package ack_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/shipper/internal/ack"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// With the shipper's own client, over a network: an indexer restarts, and what is lost
// is sent again until everything is acknowledged.
func TestClient(t *testing.T) {
	t.Parallel()
	const requests, senders = 200, 4
	c := &collector{indexing: after(50 * time.Millisecond)}
	c.begin()
	server := httptest.NewServer(c)
	defer server.Close()
	client, err := endpoint.New(&config.Destination{
		URLs: []string{server.URL}, Token: "t", Ack: config.AckOn, Timeout: minute, Concurrency: config.Concurrency{Max: senders},
	}, endpoint.Options{Channel: "11111111-2222-4333-8444-555555555555", Version: "1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	queue := make(chan int, requests)
	settled := make(chan int, requests)
	tracker := ack.New(ack.Options[int]{
		Acked: func(n int) { settled <- n },
		Lost:  func(n int, _ error) { queue <- n },
		Log:   slog.New(slog.DiscardHandler),
	})
	tracker.SetTimeout(2 * second)
	for n := range requests {
		queue <- n
	}
	restart := sync.OnceFunc(c.restart)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for n := range queue {
				receipt, err := client.Send(t.Context(), &endpoint.Request{Body: fmt.Appendf(nil, `{"event":%d}`, n)})
				if err != nil || receipt.Session == nil {
					t.Errorf("%v, session %v", err, receipt.Session)
					settled <- n
					continue
				}
				tracker.Track(receipt.Session, receipt.Answer.AckID, n)
				if n == requests/2 {
					restart()
				}
			}
		})
	}
	seen := map[int]bool{}
	for range requests {
		seen[<-settled] = true
	}
	close(queue)
	sending.Wait()
	if left := tracker.Drain(t.Context()); len(seen) != requests || len(left) > 0 {
		t.Errorf("%d of %d settled, %d left", len(seen), requests, len(left))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.told) != requests {
		t.Errorf("%d of %d acknowledged", len(c.told), requests)
	}
}

package e2e

import (
	"strconv"
	"testing"
)

// What the kills happen in the middle of.
const (
	killDrains  = 16
	killFrames  = 20
	killTotal   = 20_000
	killRate    = 8_000
	kills       = 3
	killBatch   = 200 // events in a HEC request
	killFlights = 4   // HEC requests at once
)

// What a kill may cause to be sent twice, in messages.
const (
	// Requests that were stored and not answered when ingest died are sent again.
	// The next ingest recognises them by what is still in the raw stream, which
	// transform may have emptied meanwhile.
	twiceIngest = killDrains * killFrames
	// Requests whose answer did not come, and those that were answered while the
	// blocks their events are from were not: a block may be spread over two.
	twiceShipper = 2 * killFlights * killBatch
)

// Nothing that was answered 2xx is lost when any of the processes is killed at
// any time.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		victim string
		deploy func(t *testing.T, settings ...string) *deployment
		twice  int // what one kill may cause to be sent twice
	}{
		{"ingest", apart, twiceIngest},
		{"transform", apart, 0},
		{"shipper", apart, twiceShipper},
		{"nats-server", apart, 0},
		{"drainline", together, twiceIngest + twiceShipper},
	} {
		t.Run(c.victim, func(t *testing.T) {
			t.Parallel()
			d := c.deploy(t, "destinations.splunk.batch.max_events="+strconv.Itoa(killBatch),
				"destinations.splunk.concurrency.max="+strconv.Itoa(killFlights))
			sender := send(t, d.url, "--count", strconv.Itoa(killTotal), "--drains", strconv.Itoa(killDrains),
				"--frames", strconv.Itoa(killFrames), "--rate", strconv.Itoa(killRate))
			for n := range kills {
				eventually(t, "the next part is accepted", func() bool {
					return lines(sender.ledger) >= (n+1)*killTotal/(kills+1) || sender.hasEnded()
				})
				if sender.hasEnded() {
					t.Errorf("kill %d comes too late", n+1)
				}
				d.strike(c.victim)
			}
			accepted := sender.accepted()
			d.bus.settle()
			books(t, accepted, d.splunk.indexed(), kills*c.twice)
			if len(accepted) != killTotal {
				t.Errorf("%d were accepted of %d", len(accepted), killTotal)
			}
		})
	}
}

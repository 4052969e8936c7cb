package e2e

import (
	"math"
	"strconv"
	"testing"
)

// What the kills happen in the middle of.
const (
	killDrains  = 16
	killFrames  = 20
	killTotal   = 20_000
	killRate    = 8_000
	killBatch   = 200 // events in a HEC request
	killFlights = 4   // HEC requests at once
	kills       = 2
)

// droppedIngest is what the sender may have dropped, in messages. A kill costs a
// request that is on its way one of Logplex's three tries, and the next one if the
// system closes the connection before the listener.
const droppedIngest = killDrains * killFrames

// What the kills may cause to be indexed twice, in messages.
const (
	// Requests that were stored and not answered when ingest died are sent again.
	// The next ingest recognises them by what is still in the raw stream, which
	// transform may have emptied meanwhile.
	twiceIngest = kills * killDrains * killFrames
	// Requests whose answer did not come, and what was answered of blocks that are
	// partly in these or in the next: a block holds one request a drain at most.
	twiceShipper = kills * (killFlights + 1) * (killBatch + killDrains*killFrames)
	// When the server dies as well, so do the acks that it has not worked off: each
	// is a write to the disk for which nobody waits. What the streams still hold
	// then is delivered again.
	twiceAny = math.MaxInt
)

// Nothing that was answered 2xx is lost when any of the processes is killed at
// any time.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		victim  string
		deploy  func(t *testing.T, settings ...string) *deployment
		dropped int
		twice   int
	}{
		{"ingest", apart, droppedIngest, twiceIngest},
		{"transform", apart, 0, 0},
		{"shipper", apart, 0, twiceShipper},
		{"nats-server", apart, 0, 0},
		{"drainline", together, droppedIngest, twiceAny},
	} {
		t.Run(c.victim, func(t *testing.T) {
			t.Parallel()
			d := c.deploy(t, "destinations.splunk.batch.max_events="+strconv.Itoa(killBatch),
				"destinations.splunk.concurrency.max="+strconv.Itoa(killFlights))
			accepted := d.sendUnderFire(c.victim)
			if n := killTotal - len(accepted); n > c.dropped {
				t.Errorf("the sender has dropped %d messages, where %d may be", n, c.dropped)
			}
			d.bus.settle()
			books(t, accepted, d.splunk.indexed(), c.twice)
		})
	}
}

// sendUnderFire sends killTotal messages and kills a process several times
// meanwhile, which is back at once. It returns what was accepted.
func (d *deployment) sendUnderFire(victim string) ledger {
	d.t.Helper()
	s := send(d.t, d.url, "--count", strconv.Itoa(killTotal), "--drains", strconv.Itoa(killDrains),
		"--frames", strconv.Itoa(killFrames), "--rate", strconv.Itoa(killRate))
	for n := range kills {
		eventually(d.t, "the next part is accepted", func() bool {
			return lines(s.ledger) >= (n+1)*killTotal/(kills+1) || s.hasEnded()
		})
		if s.hasEnded() {
			d.t.Errorf("kill %d comes too late", n+1)
		}
		d.strike(victim)
	}
	s.exit() // 1 if anything was dropped
	return readLedger(d.t, s.ledger)
}

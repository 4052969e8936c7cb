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
	// kills are fewer than Logplex's tries, of which each kill may cost one.
	kills = 2
)

// What the kills may cause to be sent twice, in messages.
const (
	// Requests that were stored and not answered when ingest died are sent again.
	// The next ingest recognises them by what is still in the raw stream, which
	// transform may have emptied meanwhile.
	twiceIngest = kills * killDrains * killFrames
	// Requests whose answer did not come, and those that were answered while the
	// blocks their events are from were not: a block may be spread over two.
	twiceShipper = kills * 2 * killFlights * killBatch
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
		victim string
		deploy func(t *testing.T, settings ...string) *deployment
		twice  int
	}{
		{"ingest", apart, twiceIngest},
		{"transform", apart, 0},
		{"shipper", apart, twiceShipper},
		{"nats-server", apart, 0},
		{"drainline", together, twiceAny},
	} {
		t.Run(c.victim, func(t *testing.T) {
			t.Parallel()
			d := c.deploy(t, "destinations.splunk.batch.max_events="+strconv.Itoa(killBatch),
				"destinations.splunk.concurrency.max="+strconv.Itoa(killFlights))
			accepted := d.sendUnderFire(c.victim)
			d.bus.settle()
			books(t, accepted, d.splunk.indexed(), c.twice)
		})
	}
}

// While everything that was stored is still in the raw stream, an ingest that
// was killed recognises every retry after its restart.
func TestKilledIngestRecognisesRetries(t *testing.T) {
	t.Parallel()
	d := apart(t)
	d.processes["transform"].stop()
	accepted := d.sendUnderFire("ingest")
	d.processes["transform"].again().ready()
	d.bus.settle()
	books(t, accepted, d.splunk.indexed(), 0)
}

// sendUnderFire sends killTotal messages and kills a process several times
// meanwhile. Since it is back at once, the sender has to drop nothing.
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
	accepted := s.accepted()
	if len(accepted) != killTotal {
		d.t.Errorf("%d were accepted of %d", len(accepted), killTotal)
	}
	return accepted
}

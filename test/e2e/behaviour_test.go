package e2e

import (
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// Each behaviour of Splunk gets the same numbered events, at a destination of its own in
// one Drainline: none is lost, poison is in the dead letters and nowhere else, and what
// is indexed again is what the behaviour forces. What one suffers the others do not feel.
func TestBehaviours(t *testing.T) {
	t.Parallel()
	sites := []*site{}
	address := port.Free(t)
	settings := append(hecTokens(), "bus.embedded.listen="+address)
	for _, b := range behaviours() {
		s := b.serve(t)
		sites = append(sites, s)
		settings = append(settings, s.configuration()...)
	}
	run := service(t, "drainline run", settings...).start(t).ready()
	posting := postNumbered(t, hecDoor(run.hecURL(), text), postedAtOnce, 16)
	for _, s := range sites {
		if s.healing != nil {
			s.healing(s, run)
		}
	}
	posting.accepted()
	if n := posting.refused.Load(); n > 0 {
		t.Errorf("%d requests were refused", n)
	}
	bus := lookAt(t, "nats://"+address)
	for _, s := range sites {
		bus.settleOf(s.name)
	}
	letters := bus.letters()
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) { s.expect(t, run, letters[s.name]) })
	}
}

// settleOf waits until all that was accepted for a destination is delivered, dead or
// dropped.
func (b *bus) settleOf(destination string) {
	b.t.Helper()
	for _, queue := range []struct{ stream, consumer string }{
		{"drainline_raw_s0", "transform"}, {"drainline_events_" + destination, "shipper"},
	} {
		eventually(b.t, queue.stream+" is empty", func() bool {
			c, err := b.js.Consumer(b.t.Context(), queue.stream, queue.consumer)
			if err != nil {
				return false // the server is away
			}
			info := c.CachedInfo()
			return info.NumPending == 0 && info.NumAckPending == 0
		})
	}
}

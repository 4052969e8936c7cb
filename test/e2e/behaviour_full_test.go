package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// stuck is a Splunk that takes requests and never answers, until it is well.
func stuck(name string, settings ...string) behaviour {
	return behaviour{name: name, settings: append([]string{"timeout=10s"}, settings...), before: func(s *site) {
		s.single.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Stall: true} })
	}}
}

// well ends what a stuck one suffers from.
func (s *site) well() { s.single.SetFault(nil) }

// duo is a Drainline with a healthy destination and others that are not.
type duo struct {
	*process

	bus     *bus
	healthy *site
	others  []*site
}

func startDuo(t *testing.T, settings []string, others ...behaviour) *duo {
	t.Helper()
	address := port.Free(t)
	settings = append(append(settings, hecTokens()...), "bus.embedded.listen="+address)
	d := &duo{healthy: behaviour{name: "healthy"}.serve(t)}
	settings = append(settings, d.healthy.configuration()...)
	for _, b := range others {
		s := b.serve(t)
		d.others = append(d.others, s)
		settings = append(settings, s.configuration()...)
	}
	d.process = service(t, "drainline run", settings...).start(t).ready()
	d.bus = lookAt(t, "nats://"+address)
	return d
}

// hasAll says whether a Splunk has every event.
func (s *site) hasAll() bool { return s.sim().Ledger().Distinct() == numbered }

// One destination takes nothing, from the first event to the last. The other one has
// everything meanwhile, and what is for the first waits on its stream.
func TestStuckDestination(t *testing.T) {
	t.Parallel()
	d := startDuo(t, nil, stuck("stuck"))
	stuck := d.others[0]
	postNumbered(t, hecDoor(d.hecURL(), text), postedAtOnce, 4).accepted()
	eventually(t, "the healthy destination has everything", d.healthy.hasAll)
	stream, err := d.bus.js.Stream(t.Context(), "drainline_events_stuck")
	if err != nil {
		t.Fatal(err)
	}
	if held := stream.CachedInfo().State; stuck.single.Count() > 0 || held.Msgs != held.LastSeq || held.Msgs == 0 {
		t.Errorf("the stuck destination has %d events, its stream %d of %d messages", stuck.single.Count(), held.Msgs, held.LastSeq)
	}
	eventually(t, "readiness tells of it", func() bool { return strings.Contains(d.admin("/readyz", http.StatusOK), "stuck") })
	stuck.well()
	for _, s := range []*site{d.healthy, stuck} {
		d.bus.settleOf(s.name)
		s.expect(t, d.process, nil)
	}
}

// When a stream is full that blocks, requests are held and refused. When its destination
// is well again both have everything.
func TestFullStreamBlocks(t *testing.T) {
	t.Parallel()
	d := startDuo(t, []string{"bus.raw.max_bytes=1MiB", "ingest.hold=100ms", "ingest.behind_proxy=true"}, stuck("stuck", "max_bytes=1MiB"))
	posting := postNumbered(t, logplexDoor(d.drainURL(secret), randomText), postedAtOnce, 4)
	eventually(t, "a request is refused", func() bool { return posting.refused.Load() > 0 })
	if n := d.others[0].single.Count(); n > 0 {
		t.Errorf("the stuck destination has %d events", n)
	}
	d.others[0].well()
	posting.accepted()
	for _, s := range append(d.others, d.healthy) {
		d.bus.settleOf(s.name)
		s.expect(t, d.process, nil)
	}
	t.Logf("%d requests were refused", posting.refused.Load())
}

// When a stream is full that does not block, its oldest events go, and are counted or
// kept as dead letters. Nobody else is held up.
func TestFullStreamSheds(t *testing.T) {
	t.Parallel()
	d := startDuo(t, nil, stuck("dropping", "max_bytes=1MiB", "when_full=drop_oldest"), stuck("burying", "max_bytes=1MiB", "when_full=dead"))
	posting := postNumbered(t, hecDoor(d.hecURL(), randomText), numbered/1000, 1)
	posting.accepted()
	eventually(t, "the healthy destination has everything", d.healthy.hasAll)
	for _, s := range d.others {
		if n := s.single.Count(); n > 0 {
			t.Errorf("%s has %d events", s.name, n)
		}
		if err := d.bus.shedOldest("drainline_events_" + s.name); err != nil {
			t.Error(err)
		}
		s.well()
	}
	for _, s := range append(d.others, d.healthy) {
		d.bus.settleOf(s.name)
	}
	if n := posting.refused.Load(); n > 0 {
		t.Errorf("%d requests were refused", n)
	}
	letters := d.bus.letters()
	d.healthy.expect(t, d.process, letters["healthy"])
	for _, s := range d.others {
		s.expectShed(t, d.process, letters[s.name])
	}
}

// expectShed holds what a destination has got against what it has not, which is old.
func (s *site) expectShed(t *testing.T, run *process, letters map[int][]string) {
	t.Helper()
	seen := s.sim().Ledger()
	dropped, dead := run.shipperCount("dropped", s.name), run.shipperCount("dead", s.name)
	t.Logf("%s: %d indexed, %d dropped, %d dead", s.name, seen.Distinct(), dropped, dead)
	if int64(seen.Distinct())+dropped+dead != int64(numbered) || dropped+dead == 0 || seen.Duplicates() > 0 {
		t.Errorf("%s: %d indexed and %d again, %d dropped, %d dead", s.name, seen.Distinct(), seen.Duplicates(), dropped, dead)
	}
	if int64(len(letters)) != dead {
		t.Errorf("%s: %d events in dead letters, counted are %d", s.name, len(letters), dead)
	}
	for n, reasons := range letters {
		if got := strings.Join(reasons, " "); got != "stream_full" || seen.Times(id(n)) > 0 {
			t.Fatalf("%s: %s is dead of %q and indexed %d times", s.name, id(n), got, seen.Times(id(n)))
		}
	}
}

// shedOldest fails unless what a stream has lost is older than what it holds, but for
// what is in flight. Fetches of 64 messages overlap, so that one may be passed over.
func (b *bus) shedOldest(stream string) error {
	const fetch = 64
	s, err := b.js.Stream(b.t.Context(), stream)
	if err != nil {
		return err
	}
	info, err := s.Info(b.t.Context(), jetstream.WithDeletedDetails(true))
	if err != nil {
		return err
	}
	held := info.State
	last := len(held.Deleted) - 1
	if last < 0 {
		return fmt.Errorf("%s has lost nothing", stream)
	}
	passed := int(held.Deleted[last]-held.Deleted[0]) - last
	if passed > fetch || held.Msgs < 2*fetch {
		return fmt.Errorf("%s holds %d messages of %d to %d, %d of them are older than the newest it has lost",
			stream, held.Msgs, held.FirstSeq, held.LastSeq, passed)
	}
	return nil
}

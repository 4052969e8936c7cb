package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// The shipper is killed, or the bus restarted, while requests are in flight and
// acknowledgements pending. What is sent again is what the bus had no ack of.
func TestKillWithAcksPending(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		victim string
		strike func(p *process)
	}{
		{"shipper", (*process).kill},
		{"nats-server", func(p *process) { p.signal(syscall.SIGTERM); p.exit() }},
	} {
		t.Run(c.victim, func(t *testing.T) {
			t.Parallel()
			s := newSiege(t)
			s.fill()
			s.processes["shipper"] = service(t, "shipper", s.settings...).start(t).ready()
			eventually(t, "a part is indexed and acknowledgements are pending", func() bool {
				for _, site := range s.sites {
					if site.sim().Count() < int64(numbered/5) {
						return false
					}
				}
				return true
			})
			c.strike(s.processes[c.victim])
			s.back(c.victim)
			for _, site := range s.sites {
				s.bus.settleOf(site.name)
			}
			s.expect(c.victim)
		})
	}
}

// siege is three services and a bus, with several destinations that are slow to say that
// they have indexed.
type siege struct {
	t         *testing.T
	bus       *bus
	settings  []string
	processes map[string]*process
	sites     []*site
	messages  map[string]uint64 // on the streams, before anything was shipped
	forced    map[string]int64  // events that have to be sent again
}

// siegeWait is how long the server waits for what a killed shipper held.
const siegeWait = 15 * time.Second

func newSiege(t *testing.T) *siege {
	t.Helper()
	s := &siege{t: t, processes: map[string]*process{}, messages: map[string]uint64{}, forced: map[string]int64{}}
	nats, url := startNATS(t, "")
	s.processes["nats-server"] = nats
	s.bus = lookAt(t, url)
	s.settings = append(hecTokens(), "bus.url="+url)
	const work = 50 * time.Millisecond
	late := splunk.Options{Work: work, Acks: splunk.AckOptions{Delay: 2 * time.Second}}
	for _, b := range []behaviour{
		{name: "plain", splunk: splunk.Options{Work: work}},
		{name: "acks", ack: true, splunk: late},
		{name: "cluster", ack: true, splunk: late, indexers: 3, sticky: splunk.StickyCookie},
	} {
		site := b.serve(t)
		s.sites = append(s.sites, site)
		s.settings = append(s.settings, site.configuration()...)
		s.bus.queue("drainline_events_"+b.name, "drainline.events."+b.name, 32<<20, time.Minute)
		s.bus.durable("drainline_events_"+b.name, "shipper", siegeWait)
	}
	return s
}

// fill puts the numbered events on the bus, a request's in a message.
func (s *siege) fill() {
	s.t.Helper()
	transform := service(s.t, "transform", s.settings...).start(s.t).ready()
	ingest := service(s.t, "ingest", s.settings...).start(s.t).ready()
	postNumbered(s.t, hecDoor(ingest.hecURL(), text), postedAtOnce, 1).accepted()
	eventually(s.t, "everything is transformed", func() bool { return s.bus.messages("drainline_raw_s0") == 0 })
	ingest.stop()
	transform.stop()
	for _, site := range s.sites {
		s.messages[site.name] = s.bus.messages("drainline_events_" + site.name)
	}
}

// back starts a victim again, once it is known what that forces.
func (s *siege) back(victim string) {
	s.t.Helper()
	if victim == "nats-server" {
		s.processes[victim] = s.processes[victim].again()
		s.processes[victim].line(`.* Server is ready`)
		return
	}
	each := uint64(numbered) / s.messages[s.sites[0].name]
	for _, site := range s.sites {
		eventually(s.t, "nothing is in flight", func() bool { return site.busy.Load() == 0 })
		acked := s.messages[site.name] - s.bus.messages("drainline_events_"+site.name)
		s.forced[site.name] = site.sim().Count() - int64(acked*each)
	}
	s.processes[victim] = s.processes[victim].again().ready()
}

func (s *siege) expect(victim string) {
	s.t.Helper()
	for _, site := range s.sites {
		stats := site.sim().Stats()
		s.t.Logf("%s: %d messages, %d events indexed again of %d", site.name, s.messages[site.name], stats.Duplicates, s.forced[site.name])
		if n := site.sim().Ledger().Distinct(); n != numbered {
			s.t.Errorf("%s: %d events are indexed, want %d", site.name, n, numbered)
		}
		if stats.Duplicates > s.forced[site.name] {
			s.t.Errorf("%s: %d events are indexed again, where %d may be", site.name, stats.Duplicates, s.forced[site.name])
		}
		if victim == "shipper" && s.forced[site.name] == 0 && site.ack {
			s.t.Errorf("%s: no acknowledgement was pending", site.name)
		}
		report(s.t, "times Splunk was sent what a careful client does not send", stats.FirstViolations)
	}
}

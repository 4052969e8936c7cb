package top

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper"
)

// remember is how long an instance that does not answer is not taken for gone: it may be
// busy.
const remember = 10 * time.Second

// Meter turns counts into rates. Instances may come and go: one that is new has no rate
// before its second sample, unless it was started since the last.
type Meter struct {
	last      time.Time
	instances map[string]*instance
	// waits says since when, without a delivery, more came in than out, by app and
	// destination.
	waits map[way]*wait
}

// way is that of an app's events to a destination.
type way struct{ app, destination string }

type wait struct {
	events int64
	since  time.Time
}

// instance is what one said last.
type instance struct {
	at      time.Time
	said    Instance
	apps    map[string]counts
	ways    map[way]passage
	shipped map[string]int64 // by destination
}

// counts are of an app, since the start of an instance.
type counts struct{ in, bytes, out, filtered, dead, dropped, lost int64 }

// passage is what came for a destination and was delivered there, since the start of an
// instance, and when the latest that was had been received.
type passage struct {
	open, out int64
	last      time.Time
}

// Frame works out what happened since the sample before.
func (m *Meter) Frame(s Sample) Frame {
	f := Frame{At: s.At, Streams: s.Streams, Unread: s.Unread}
	apps, ways, shipped := map[string]*App{}, map[way]passage{}, map[string]float64{}
	now := make(map[string]*instance, len(s.Instances))
	for i := range s.Instances {
		said := newInstance(s.At, &s.Instances[i])
		now[said.said.ID] = said
		if said.said.Ready {
			f.Ready++
		}
		m.measure(said, apps, ways, shipped)
	}
	for id, before := range m.instances {
		if now[id] == nil && s.At.Sub(before.at) < remember {
			now[id] = before
		}
	}
	m.instances, m.last, f.Instances = now, s.At, len(now)
	destinations := map[string]Destination{}
	for _, id := range slices.Sorted(maps.Keys(now)) {
		now[id].total(apps)
		now[id].merge(destinations)
		f.Versions = append(f.Versions, now[id].said.Version)
	}
	slices.Sort(f.Versions)
	f.Versions = slices.Compact(f.Versions)
	m.late(s.At, apps, ways)
	f.Total.Lag = -1
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		f.Apps = append(f.Apps, *apps[name])
		f.Total.add(apps[name])
	}
	for _, name := range slices.Sorted(maps.Keys(destinations)) {
		d := destinations[name]
		d.Out = shipped[name]
		f.Destinations = append(f.Destinations, d)
	}
	return f
}

func newInstance(at time.Time, said *Instance) *instance {
	i := &instance{at: at, said: *said, apps: map[string]counts{}, ways: map[way]passage{}, shipped: map[string]int64{}}
	for r := range said.Rows {
		row := &said.Rows[r]
		if row.Rule != "" {
			continue
		}
		c := i.apps[row.Input]
		c.in += row.Accepted.Events
		c.bytes += row.Accepted.Bytes
		c.out += row.Delivered.Events
		if row.Accepted.Events > 0 { // it is of all destinations, others of some
			c.filtered += row.Filtered.Events
		}
		c.dead += row.Dead.Events
		c.dropped += row.Dropped.Events
		c.lost += row.LostUpstream.Events
		i.apps[row.Input] = c
		for destination := range strings.SplitSeq(row.Destination, ",") {
			i.pass(way{row.Input, destination}, row)
		}
	}
	for _, d := range said.Destinations {
		i.shipped[d.Name] = d.Delivered
	}
	return i
}

func (i *instance) pass(w way, row *ledger.Row) {
	p := i.ways[w]
	p.open += row.Difference()
	p.out += row.Delivered.Events
	if row.Delivered.Events > 0 && row.Last.After(p.last) {
		p.last = row.Last
	}
	i.ways[w] = p
}

// measure adds what an instance did since it was heard last.
func (m *Meter) measure(now *instance, apps map[string]*App, ways map[way]passage, shipped map[string]float64) {
	before, known := m.instances[now.said.ID]
	if !known {
		before = now
		if started := now.said.Started; !m.last.IsZero() && started.After(m.last) {
			before = &instance{at: started}
		}
	}
	seconds := now.at.Sub(before.at).Seconds()
	rate := func(now, before int64) float64 {
		if seconds <= 0 {
			return 0
		}
		return max(0, float64(now-before)/seconds)
	}
	for name, c := range now.apps {
		b := before.apps[name]
		a := at(apps, name)
		a.In += rate(c.in, b.in)
		a.Bytes += rate(c.bytes, b.bytes)
		a.Out += rate(c.out, b.out)
		a.Filtered += rate(c.filtered, b.filtered)
		a.Failing += rate(c.dead+c.dropped+c.lost, b.dead+b.dropped+b.lost)
	}
	for w, p := range now.ways {
		b := before.ways[w]
		sum := ways[w]
		sum.open += p.open - b.open
		sum.out += p.out - b.out
		if p.last.After(sum.last) {
			sum.last = p.last
		}
		ways[w] = sum
	}
	for name, out := range now.shipped {
		shipped[name] += rate(out, before.shipped[name])
	}
}

func at(apps map[string]*App, name string) *App {
	a := apps[name]
	if a == nil {
		a = &App{Name: name, Lag: -1}
		apps[name] = a
	}
	return a
}

// total adds what counts since the start.
func (i *instance) total(apps map[string]*App) {
	for name, c := range i.apps {
		a := at(apps, name)
		a.Dead += c.dead
		a.Dropped += c.dropped
		a.Lost += c.lost
	}
}

// late tells the lag of each app, which is that on its slowest way.
func (m *Meter) late(now time.Time, apps map[string]*App, ways map[way]passage) {
	waits := map[way]*wait{}
	for w, p := range ways {
		since := p.last
		if p.out <= 0 {
			waiting := m.waits[w]
			if waiting == nil {
				waiting = &wait{since: now}
			}
			waiting.events += p.open
			if waiting.events <= 0 {
				continue // nothing came that has not ended
			}
			waits[w] = waiting
			if waiting.since.Equal(now) {
				continue // what came just now is on its way
			}
			if since.IsZero() {
				since = waiting.since
			}
		}
		if a := apps[w.app]; a != nil {
			a.Lag = max(a.Lag, now.Sub(since).Seconds(), 0)
		}
	}
	m.waits = waits
}

// worse orders the states of a destination.
var worse = map[string]int{shipper.StateShipping: 1, shipper.StateRetrying: 2, shipper.StateParked: 3} //nolint:gochecknoglobals // constant

func (i *instance) merge(destinations map[string]Destination) {
	for _, d := range i.said.Destinations {
		sum := destinations[d.Name]
		sum.Name = d.Name
		sum.InFlight += d.InFlight
		sum.Window += d.Window
		if worse[d.State] > worse[sum.State] {
			sum.State = d.State
		}
		if !d.ParkedSince.IsZero() && (sum.ParkedSince.IsZero() || d.ParkedSince.Before(sum.ParkedSince)) {
			sum.ParkedSince = d.ParkedSince
		}
		sum.Error = cmp.Or(sum.Error, d.Error)
		destinations[d.Name] = sum
	}
}

func (a *App) add(b *App) {
	a.In += b.In
	a.Bytes += b.Bytes
	a.Out += b.Out
	a.Filtered += b.Filtered
	a.Failing += b.Failing
	a.Dead += b.Dead
	a.Dropped += b.Dropped
	a.Lost += b.Lost
	a.Lag = max(a.Lag, b.Lag)
}

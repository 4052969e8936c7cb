package top_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/drainline/drainline/services/cmd/drainline/internal/top"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// sample is one of so many seconds past noon.
func sample(second int, instances ...top.Instance) top.Sample {
	return top.Sample{At: noon.Add(time.Duration(second) * time.Second), Instances: instances}
}

// in is a row of transform: accepted for two destinations, of 100 bytes each.
func in(app string, events int64, more ...func(*ledger.Row)) ledger.Row {
	r := ledger.Row{Key: ledger.Key{Input: app, Destination: "audit,splunk"}}
	r.Accepted = ledger.Amount{Events: events, Bytes: 100 * events}
	for _, set := range more {
		set(&r)
	}
	return r
}

// out is a row of the shipper, of which the latest had been received so many seconds past noon.
func out(app, destination string, events int64, second int) ledger.Row {
	r := ledger.Row{Key: ledger.Key{Input: app, Destination: destination}, Last: noon.Add(time.Duration(second) * time.Second)}
	r.Delivered.Events = events
	return r
}

func instance(id string, started int, rows ...ledger.Row) top.Instance {
	return top.Instance{ID: id, Ready: true, Version: "v1", Started: noon.Add(time.Duration(started) * time.Second), Rows: rows}
}

// apps is the last frame's, by name.
func apps(samples ...top.Sample) (top.Frame, map[string]top.App) {
	var m top.Meter
	var f top.Frame
	for _, s := range samples {
		f = m.Frame(s)
	}
	byName := map[string]top.App{}
	for _, a := range f.Apps {
		byName[a.Name] = a
	}
	return f, byName
}

func TestRates(t *testing.T) {
	t.Parallel()
	filtered := func(n int64) func(*ledger.Row) { return func(r *ledger.Row) { r.Filtered.Events = n } }
	for name, c := range map[string]struct {
		samples []top.Sample
		want    top.App // of shop
	}{
		"one sample tells no rate": {
			[]top.Sample{sample(0, instance("a", -9, in("shop", 500), out("shop", "splunk", 300, 0)))},
			top.App{Lag: -1},
		},
		"two do": {
			[]top.Sample{sample(0, instance("a", -9, in("shop", 500))), sample(2, instance("a", -9, in("shop", 520, filtered(4))))},
			top.App{In: 10, Bytes: 1000, Filtered: 2, Lag: -1},
		},
		"every destination's deliveries count": {
			[]top.Sample{
				sample(0, instance("a", -9, in("shop", 0))),
				sample(2, instance("a", -9, in("shop", 10), out("shop", "audit", 10, 1), out("shop", "splunk", 10, 2))),
			},
			top.App{In: 5, Bytes: 500, Out: 10, Lag: 1},
		},
		"instances add up": {
			[]top.Sample{
				sample(0, instance("a", -9, in("shop", 100)), instance("b", -9, in("shop", 5))),
				sample(2, instance("a", -9, in("shop", 102)), instance("b", -9, in("shop", 9))),
			},
			top.App{In: 3, Bytes: 300, Lag: -1},
		},
		"an instance that was there unseen": {
			[]top.Sample{sample(0, instance("a", -9, in("shop", 100))), sample(2, instance("a", -9, in("shop", 102)), instance("b", -9, in("shop", 9000)))},
			top.App{In: 1, Bytes: 100, Lag: -1},
		},
		"an instance that was just started": {
			[]top.Sample{sample(0, instance("a", -9, in("shop", 100))), sample(2, instance("b", 1, in("shop", 50)))},
			top.App{In: 50, Bytes: 5000, Lag: -1},
		},
		"an instance that missed an answer": {
			[]top.Sample{sample(0, instance("a", -9, in("shop", 100))), sample(2), sample(4, instance("a", -9, in("shop", 140)))},
			top.App{In: 10, Bytes: 1000, Lag: -1},
		},
		"what failed is counted from the start": {
			[]top.Sample{
				sample(0, instance("a", -9, in("shop", 0, func(r *ledger.Row) { r.Dead.Events, r.Dropped.Events, r.LostUpstream.Events = 3, 4, 5 }))),
				sample(2, instance("a", -9, in("shop", 0, func(r *ledger.Row) { r.Dead.Events, r.Dropped.Events, r.LostUpstream.Events = 4, 4, 6 }))),
			},
			top.App{Failing: 1, Dead: 4, Dropped: 4, Lost: 6, Lag: -1},
		},
		"rules are no apps": {
			[]top.Sample{sample(0, instance("a", -9, in("shop", 0), ledger.Row{Key: ledger.Key{Rule: "r"}}))},
			top.App{Lag: -1},
		},
	} {
		f, byName := apps(c.samples...)
		c.want.Name = "shop"
		if diff := cmp.Diff(c.want, byName["shop"]); diff != "" || len(byName) != 1 {
			t.Errorf("%s: %d apps (- wanted, + got):\n%s", name, len(byName), diff)
		}
		c.want.Name = ""
		if diff := cmp.Diff(c.want, f.Total); diff != "" {
			t.Errorf("%s: total (- wanted, + got):\n%s", name, diff)
		}
	}
}

func TestLag(t *testing.T) {
	t.Parallel()
	one := func(app string, n int64) ledger.Row {
		r := in(app, n)
		r.Destination = "splunk"
		return r
	}
	for name, c := range map[string]struct {
		samples []top.Sample
		want    float64
	}{
		"what is delivered was received a minute ago": {
			[]top.Sample{sample(60, instance("a", 0, one("shop", 9), out("shop", "splunk", 2, 0))), sample(62, instance("a", 0, one("shop", 9), out("shop", "splunk", 4, 2)))},
			60,
		},
		"nothing comes and nothing goes": {
			[]top.Sample{sample(60, instance("a", 0, one("shop", 9), out("shop", "splunk", 9, 0))), sample(62, instance("a", 0, one("shop", 9), out("shop", "splunk", 9, 0)))},
			-1,
		},
		"what came just now is on its way": {
			[]top.Sample{sample(60, instance("a", 0, one("shop", 9), out("shop", "splunk", 9, 0))), sample(62, instance("a", 0, one("shop", 10), out("shop", "splunk", 9, 0)))},
			-1,
		},
		"what does not go on is late": {
			[]top.Sample{
				sample(60, instance("a", 0, one("shop", 9), out("shop", "splunk", 9, 58))),
				sample(62, instance("a", 0, one("shop", 10), out("shop", "splunk", 9, 58))),
				sample(64, instance("a", 0, one("shop", 10), out("shop", "splunk", 9, 58))),
			},
			6,
		},
		"what never went on is late since it was seen": {
			[]top.Sample{sample(60, instance("a", 0)), sample(62, instance("a", 0, one("shop", 10))), sample(70, instance("a", 0, one("shop", 10)))},
			8,
		},
		"what is filtered is not late": {
			[]top.Sample{
				sample(60, instance("a", 0, one("shop", 9), out("shop", "splunk", 9, 58))),
				sample(62, instance("a", 0, one("shop", 9), out("shop", "splunk", 9, 58))),
				sample(64, instance("a", 0, func() ledger.Row { r := one("shop", 19); r.Filtered.Events = 10; return r }(), out("shop", "splunk", 9, 58))),
				sample(66, instance("a", 0, func() ledger.Row { r := one("shop", 19); r.Filtered.Events = 10; return r }(), out("shop", "splunk", 9, 58))),
			},
			-1,
		},
		"the slowest destination counts": {
			[]top.Sample{
				sample(60, instance("a", 0, in("shop", 9), out("shop", "audit", 2, 10), out("shop", "splunk", 8, 59))),
				sample(62, instance("a", 0, in("shop", 9), out("shop", "audit", 3, 12), out("shop", "splunk", 9, 61))),
			},
			50,
		},
		"a clock ahead": {
			[]top.Sample{sample(60, instance("a", 0, out("shop", "splunk", 2, 60))), sample(62, instance("a", 0, out("shop", "splunk", 4, 99)))},
			0,
		},
	} {
		_, byName := apps(c.samples...)
		if got := byName["shop"].Lag; got != c.want {
			t.Errorf("%s: %v seconds, want %v", name, got, c.want)
		}
	}
}

func TestInstancesComeAndGo(t *testing.T) {
	t.Parallel()
	var m top.Meter
	for _, c := range []struct {
		sample           top.Sample
		instances, ready int
	}{
		{sample(0, instance("a", 0, in("shop", 1))), 1, 1},
		{sample(2, instance("a", 0, in("shop", 1)), top.Instance{ID: "b", Version: "v2"}), 2, 1},
		{sample(4), 2, 0},
		{sample(9, instance("a", 0)), 2, 1},
		{sample(12, instance("a", 0)), 1, 1},
		{sample(30), 0, 0},
	} {
		f := m.Frame(c.sample)
		if f.Instances != c.instances || f.Ready != c.ready {
			t.Errorf("%v: %d of %d are ready, want %d of %d", f.At, f.Ready, f.Instances, c.ready, c.instances)
		}
	}
}

func TestDestinationsAddUp(t *testing.T) {
	t.Parallel()
	at := func(second int, delivered ...int64) top.Sample {
		a, b := instance("a", 0), instance("b", 0)
		a.Destinations = []shipper.Destination{{Name: "splunk", State: shipper.StateShipping, Delivered: delivered[0], InFlight: 1, Window: 8}}
		b.Destinations = []shipper.Destination{
			{Name: "splunk", State: shipper.StateParked, ParkedSince: noon, Error: "token", Delivered: delivered[1], InFlight: 2, Window: 8},
			{Name: "audit", State: shipper.StateRetrying},
		}
		return sample(second, a, b)
	}
	f, _ := apps(at(60, 100, 1000), at(62, 140, 1002))
	want := []top.Destination{
		{Name: "audit", State: shipper.StateRetrying},
		{Name: "splunk", State: shipper.StateParked, ParkedSince: noon, Error: "token", Out: 21, InFlight: 3, Window: 16},
	}
	if diff := cmp.Diff(want, f.Destinations); diff != "" {
		t.Errorf("(- wanted, + got):\n%s", diff)
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	list := []top.App{
		{Name: "b", In: 1, Bytes: 9, Lag: 5, Dead: 1},
		{Name: "a", In: 1, Bytes: 2, Lag: -1, Lost: 2},
		{Name: "c", In: 3, Bytes: 1, Lag: 7, Failing: 0.5, Dropped: 1},
	}
	for by, want := range map[top.Order]string{top.ByApp: "abc", top.ByRate: "cab", top.ByBytes: "bac", top.ByLag: "cba", top.ByErrors: "cab"} {
		top.Sort(list, by)
		if got := list[0].Name + list[1].Name + list[2].Name; got != want {
			t.Errorf("by %c: %s, want %s", by, got, want)
		}
	}
}

// What another destination takes is not filtered: with two of them FILT would be IN.
func TestFilteredIsWhatNoDestinationGets(t *testing.T) {
	t.Parallel()
	rows := func(n int64) []ledger.Row {
		routed := ledger.Row{Key: ledger.Key{Input: "shop", Destination: "audit"}}
		routed.Filtered.Events = 90 * n
		return []ledger.Row{in("shop", 100*n, func(r *ledger.Row) { r.Filtered.Events = 10 * n }), routed}
	}
	f, _ := apps(sample(0, instance("a", -9, rows(1)...)), sample(1, instance("a", -9, rows(2)...)))
	if f.Total.In != 100 || f.Total.Filtered != 10 {
		t.Errorf("in %v, filtered %v", f.Total.In, f.Total.Filtered)
	}
}

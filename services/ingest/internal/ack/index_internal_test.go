package ack

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// splunk are Splunk's own bounds.
var splunk = config.Acks{Channels: 1_000_000, Pending: 10_000_000, PendingPerChannel: 1_000_000, Idle: 10 * time.Minute}

type fatal interface{ Fatal(args ...any) }

// deaf makes an index without a bus: a test tells it all that it hears.
func deaf(t fatal, bounds config.Acks) *Index {
	x := reading(t, bounds)
	close(x.ready)
	return x
}

// reading makes an index without a bus that has not read yet what is there: that
// ends when x.ready is closed.
func reading(t fatal, bounds config.Acks) *Index {
	m, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	return newIndex(Options{Config: bounds, Metrics: m})
}

// hear hears what is told now.
func (x *Index) hear(note *drainlinev1.AckNote) { x.Hear(note, time.Now()) }

func batchID(name string) wire.ID { return wire.PayloadID([]byte(name)) }

func channelID(name string) wire.ID { return wire.ChannelID("token", name) }

// routed says where a part of a request on a channel went.
func routed(channel string, id uint64, part, parts uint32, batches ...string) *drainlinev1.AckNote {
	c := channelID(channel)
	r := &drainlinev1.Routed{Ack: &drainlinev1.Ack{Channel: c[:], Id: id, Part: part, Parts: parts}}
	for _, name := range batches {
		b := batchID(name)
		r.Batches = append(r.Batches, b[:])
	}
	return &drainlinev1.AckNote{Routed: []*drainlinev1.Routed{r}}
}

func settledNote(batches ...string) *drainlinev1.AckNote {
	n := &drainlinev1.AckNote{}
	for _, name := range batches {
		b := batchID(name)
		n.Settled = append(n.Settled, b[:])
	}
	return n
}

func reportedNote(channel string, ids ...uint64) *drainlinev1.AckNote {
	c := channelID(channel)
	n := &drainlinev1.AckNote{}
	for _, id := range ids {
		n.Reported = append(n.Reported, &drainlinev1.Ack{Channel: c[:], Id: id})
	}
	return n
}

// ask asks about ids on a channel and returns those that are true.
func ask(x *Index, channel string, ids ...uint64) []uint64 {
	answer, _ := x.take(channelID(channel), ids)
	maps.DeleteFunc(answer, func(_ uint64, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(answer))
}

func TestWhatIsTrue(t *testing.T) {
	t.Parallel()
	type step = func(x *Index, f func(want ...uint64))
	hear := func(notes ...*drainlinev1.AckNote) step {
		return func(x *Index, _ func(...uint64)) {
			for _, n := range notes {
				x.hear(n)
			}
		}
	}
	is := func(want ...uint64) step { return func(_ *Index, f func(...uint64)) { f(want...) } }
	idle := hear(settledNote(), routed("other", 0, 0, 1, "z"))
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"never issued", []step{is(), hear(settledNote("a")), is()}},
		{"routed, settled, once", []step{hear(routed("c", 1, 0, 1, "a")), is(), hear(settledNote("a")), is(1), is()}},
		{"settled before routed", []step{hear(settledNote("a")), is(), hear(routed("c", 1, 0, 1, "a")), is(1), is()}},
		{"another batch is settled", []step{hear(routed("c", 1, 0, 1, "a")), hear(settledNote("b")), is()}},
		{"all filtered", []step{hear(routed("c", 0, 0, 1)), is(0), is()}},
		{"several destinations", []step{
			hear(routed("c", 1, 0, 1, "a", "b", "c")), hear(settledNote("b")), is(), hear(settledNote("a")), is(), hear(settledNote("c")), is(1), is(),
		}},
		{"several parts", []step{
			hear(routed("c", 1, 2, 3, "c"), routed("c", 1, 0, 3, "a"), settledNote("a", "c")), is(),
			hear(routed("c", 1, 1, 3, "b")), is(), hear(settledNote("b")), is(1), is(),
		}},
		{"one part filtered", []step{hear(routed("c", 1, 0, 2)), is(), hear(routed("c", 1, 1, 2, "a")), is(), hear(settledNote("a")), is(1)}},
		{"parts in one batch", []step{hear(routed("c", 1, 0, 2, "a"), routed("c", 1, 1, 2, "a")), is(), hear(settledNote("a")), is(1)}},
		{"requests in one batch", []step{
			hear(routed("c", 1, 0, 1, "a"), routed("c", 2, 0, 1, "a"), routed("c", 3, 0, 1, "a", "b"), settledNote("a")), is(1, 2), hear(settledNote("b")), is(3),
		}},
		{"the last part again and again", []step{hear(routed("c", 1, 1, 2), routed("c", 1, 1, 2), routed("c", 1, 1, 2)), is(), hear(routed("c", 1, 0, 2)), is(1)}},
		{"routed again before settled", []step{hear(routed("c", 1, 0, 1, "a"), routed("c", 1, 0, 1, "a"), settledNote("a")), is(1), is()}},
		{"routed again after settled", []step{hear(routed("c", 1, 0, 1, "a"), settledNote("a"), routed("c", 1, 0, 1, "a")), is(1), is()}},
		{"routed again to more", []step{
			hear(routed("c", 1, 0, 1, "a"), settledNote("a"), routed("c", 1, 0, 1, "a", "b")), is(), hear(settledNote("b")), is(1), is(),
		}},
		{"settled again", []step{hear(routed("c", 1, 0, 1, "a", "b"), settledNote("a"), settledNote("a")), is(), hear(settledNote("b")), is(1)}},
		{"all again after it was reported", []step{
			hear(routed("c", 1, 0, 1, "a"), settledNote("a")), is(1), hear(routed("c", 1, 0, 1, "a"), settledNote("a")), is(),
		}},
		{"reported elsewhere", []step{hear(routed("c", 1, 0, 1, "a"), settledNote("a"), reportedNote("c", 1)), is()}},
		{"reported elsewhere, heard before settled", []step{hear(routed("c", 1, 0, 1, "a"), reportedNote("c", 1), settledNote("a")), is()}},
		{"reported elsewhere, heard before routed", []step{
			hear(routed("c", 2, 0, 1, "b"), reportedNote("c", 1), routed("c", 1, 0, 1, "a"), settledNote("a", "b")), is(2),
		}},
		{"reported of nobody", []step{hear(reportedNote("x", 1)), is()}},
		{"ids in any order", []step{
			hear(routed("c", 3, 0, 1), routed("c", 1, 0, 1), routed("c", 2, 0, 1), routed("c", 0, 0, 1)), is(0, 1, 2, 3), is(),
		}},
		{"another channel", []step{hear(routed("d", 1, 0, 1)), is(), idle, is()}},
		{"one id for two requests", []step{hear(routed("c", 1, 0, 1), routed("c", 1, 0, 2)), is(), hear(routed("c", 1, 1, 2)), is()}},
		{"a part that cannot be", []step{hear(routed("c", 1, 1, 1), routed("c", 2, 0, 0), routed("c", 3, 0, maxParts+1)), is()}},
		{"no channel", []step{hear(&drainlinev1.AckNote{Routed: []*drainlinev1.Routed{{Ack: &drainlinev1.Ack{Id: 1, Parts: 1}}, {}, nil}}), is()}},
		{"a batch without an id", []step{
			hear(&drainlinev1.AckNote{Routed: []*drainlinev1.Routed{{Ack: routed("c", 1, 0, 1).GetRouted()[0].GetAck(), Batches: [][]byte{{1}}}}}),
			hear(&drainlinev1.AckNote{Settled: [][]byte{{1}, nil}}), is(),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := deaf(t, splunk)
			for n, do := range c.steps {
				do(x, func(want ...uint64) {
					if got := ask(x, "c", 0, 1, 2, 3, 3); !slices.Equal(got, want) {
						t.Errorf("step %d: %v are true, want %v", n, got, want)
					}
				})
			}
		})
	}
}

// issued says of all in a note when their ids were issued.
func issued(at int64, n *drainlinev1.AckNote) *drainlinev1.AckNote {
	for _, r := range n.GetRouted() {
		r.Ack.IssuedNs = at
	}
	for _, a := range n.GetReported() {
		a.IssuedNs = at
	}
	return n
}

// Of two requests with one id that was issued later counts.
func TestIdsThatAreGivenAgain(t *testing.T) {
	t.Parallel()
	const old, late = 1000, 2000
	done := func(at int64, id uint64) []*drainlinev1.AckNote {
		batch := fmt.Sprint(at, id)
		return []*drainlinev1.AckNote{issued(at, routed("c", id, 0, 1, batch)), settledNote(batch)}
	}
	given := issued(late, routed("c", 1, 0, 0))
	on := issued(late, routed("c", 1, 0, 1, "a"))
	for _, c := range []struct {
		name  string
		notes [][]*drainlinev1.AckNote
		want  []uint64
	}{
		{"given", [][]*drainlinev1.AckNote{done(old, 1), {given}}, nil},
		{"given, then the old one again", [][]*drainlinev1.AckNote{done(old, 1), {given}, done(old, 1)}, nil},
		{"given, then settled", [][]*drainlinev1.AckNote{done(old, 1), {given}, done(late, 1)}, []uint64{1}},
		{"on its way", [][]*drainlinev1.AckNote{done(old, 1), {on}}, nil},
		{"the old one on its way", [][]*drainlinev1.AckNote{{issued(old, routed("c", 1, 0, 2, "b"))}, {on, settledNote("a")}}, []uint64{1}},
		{"the old one was late", [][]*drainlinev1.AckNote{{on}, done(old, 1)}, nil},
		{"the old one was reported", [][]*drainlinev1.AckNote{done(old, 1), {issued(old, reportedNote("c", 1))}, done(late, 1)}, []uint64{1}},
		{"the old one is reported late", [][]*drainlinev1.AckNote{done(late, 1), {issued(old, reportedNote("c", 1))}}, []uint64{1}},
		{"reported", [][]*drainlinev1.AckNote{done(old, 1), {issued(late, reportedNote("c", 1))}, done(late, 1)}, nil},
		{"reported, then the old one again", [][]*drainlinev1.AckNote{done(late, 1), {issued(late, reportedNote("c", 1))}, done(old, 1)}, nil},
		{"others are true", [][]*drainlinev1.AckNote{done(old, 0), done(old+1, 1), done(old+2, 2), {given}}, []uint64{0, 2}},
		{"others were reported", [][]*drainlinev1.AckNote{
			done(old, 0), done(old+1, 1), done(old+2, 2),
			{issued(old+1, reportedNote("c", 1)), issued(old+2, reportedNote("c", 2))},
			{given},
			done(late+1, 2), done(old+2, 2), done(old+1, 1),
		}, []uint64{0, 2}},
		{"an old one that nobody had heard of", [][]*drainlinev1.AckNote{done(old+1, 1), {given}, done(old, 0)}, nil},
		{"twice", [][]*drainlinev1.AckNote{done(old, 1), done(late, 1), {issued(3000, routed("c", 1, 0, 0))}, done(late, 1)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := deaf(t, splunk)
			for _, n := range slices.Concat(c.notes...) {
				x.hear(n)
			}
			if got := ask(x, "c", 0, 1, 2); !slices.Equal(got, c.want) {
				t.Errorf("%v are true, want %v", got, c.want)
			}
			wantSound(t, x)
		})
	}
}

// wantSound holds the index to what it counts.
func wantSound(t fatal, x *Index) {
	pending, alive := 0, map[wire.ID]int{}
	for _, c := range x.channels.byID {
		live := 0
		for i, s := range c.statuses {
			if i > 0 && c.statuses[i-1].id >= s.id || i < c.head && !s.dropped {
				t.Fatal("statuses are not in order")
			}
			if !s.dropped {
				live++
			}
			for _, b := range s.waits {
				alive[b]++
			}
		}
		if live != c.len() {
			t.Fatal("a channel counts wrongly")
		}
		pending += live
	}
	if pending != x.pending || len(alive) != len(x.batches) {
		t.Fatal("the index counts wrongly", pending, x.pending, len(alive), len(x.batches))
	}
	for id, n := range alive {
		if x.batches[id].alive != n {
			t.Fatal("a batch counts wrongly")
		}
	}
}

// Whatever is lost and repeated: nothing is true for another request with the id.
func TestNoAnswerIsForAnotherRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := deaf(t, splunk)
		last, settled := map[uint64]int64{}, map[string]bool{} // the latest issue of each id
		var all []*drainlinev1.Ack
		next := uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				a, _ := x.give(channelID("c"), next)
				if a.GetIssuedNs() <= last[next] {
					t.Fatal("issued before it was issued before")
				}
				last[next] = a.GetIssuedNs()
				all = append(all, a)
				next++
			case 2:
				next = 0 // the counter is lost
			case 3:
				x.lose()
			default:
				if len(all) == 0 {
					continue
				}
				a := rapid.SampledFrom(all).Draw(t, "request")
				batch := fmt.Sprint(a.GetIssuedNs(), a.GetId())
				if rapid.Bool().Draw(t, "settle") {
					settled[batch] = true
					x.hear(settledNote(batch))
				} else {
					x.hear(issued(a.GetIssuedNs(), routed("c", a.GetId(), 0, 1, batch)))
				}
			}
			wantSound(t, x)
			for _, id := range ask(x, "c", 0, 1, 2, 3, 4, 5, 6) {
				if !settled[fmt.Sprint(last[id], id)] {
					t.Fatalf("%d is true, and is not delivered", id)
				}
			}
		}
	})
}

// What the bus lost is forgotten; what is given here, and not told of yet, is not.
func TestLose(t *testing.T) {
	t.Parallel()
	x := deaf(t, splunk)
	x.hear(issued(11, routed("c", 1, 0, 1)))
	x.hear(issued(12, routed("c", 2, 0, 1, "a")))
	x.hear(issued(15, reportedNote("c", 5)))
	x.hear(issued(10, routed("d", 0, 0, 1)))
	a, again := x.give(channelID("c"), 7)
	x.lose()
	wantSound(t, x)
	if _, pending := x.size(); again || pending != 1 {
		t.Errorf("%d requests", pending)
	}
	x.hear(settledNote("a"))
	x.hear(issued(12, routed("c", 2, 0, 1)))
	x.hear(issued(15, routed("c", 5, 0, 1)))
	x.hear(issued(17, routed("c", 7, 0, 1))) // another one of before
	x.hear(issued(20, routed("c", 1, 0, 1)))
	if got := ask(x, "c", 1, 2, 5, 7); !slices.Equal(got, []uint64{1}) {
		t.Errorf("%v are true", got)
	}
	x.hear(issued(a.GetIssuedNs(), routed("c", 7, 0, 1)))
	if got := ask(x, "c", 7); len(got) != 1 {
		t.Error("what was given is never true")
	}
	if got := ask(x, "d", 0); len(got) != 0 {
		t.Error("another channel is not forgotten")
	}
}

func TestIdleChannelsAreForgotten(t *testing.T) {
	t.Parallel()
	const almost = 10*time.Minute - time.Second
	use := map[string]func(x *Index){
		"sent on here":        func(x *Index) { _ = x.admit(channelID("c")) },
		"sent on elsewhere":   func(x *Index) { x.hear(routed("c", 7, 0, 1)) },
		"asked about here":    func(x *Index) { ask(x, "c", 99) },
		"reported elsewhere":  func(x *Index) { x.hear(reportedNote("c", 98)) },
		"not used":            nil,
		"another one is used": nil,
	}
	for name, touch := range use {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := deaf(t, splunk)
				x.hear(routed("c", 1, 0, 1))
				time.Sleep(almost)
				switch {
				case touch != nil:
					touch(x)
				case name == "another one is used":
					ask(x, "d", 1)
				}
				time.Sleep(almost)
				if got := len(ask(x, "c", 1)) == 1; got != (touch != nil) {
					t.Errorf("true is %v", got)
				}
				time.Sleep(time.Minute)
				time.Sleep(almost)
				wantNothing(t, x)
			})
		})
	}
}

func wantNothing(t *testing.T, x *Index) {
	t.Helper()
	if channels, pending := x.size(); channels != 0 || pending != 0 || len(x.batches) != 0 {
		t.Errorf("%d channels, %d requests, %d batches are kept", channels, pending, len(x.batches))
	}
}

// A client that was with another instance finds here, after a long outage of Splunk's,
// what it had sent before.
func TestChannelsThatWaitAreNotIdle(t *testing.T) {
	t.Parallel()
	const outage = 20 * time.Hour
	last := map[string]func(x *Index){
		"a batch": func(x *Index) { x.hear(settledNote("a")) },
		"a part":  func(x *Index) { x.hear(settledNote("a")); x.hear(routed("c", 1, 1, 2)) },
		"nothing": func(*Index) {},
	}
	for name, end := range last {
		for _, swept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, swept: %v", name, swept), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					x := deaf(t, splunk)
					x.hear(routed("c", 1, 0, 2, "a"))
					if name != "a part" {
						x.hear(routed("c", 1, 1, 2))
					}
					x.hear(routed("c", 2, 0, 1))
					for range int(outage / time.Minute) {
						time.Sleep(time.Minute)
						if swept {
							x.size()
						}
					}
					end(x)
					time.Sleep(splunk.Idle - time.Second)
					want := []uint64{1, 2}
					if name == "nothing" {
						want = []uint64{2}
					}
					if got := ask(x, "c", 1, 2); !slices.Equal(got, want) {
						t.Errorf("%v are true, want %v", got, want)
					}
					time.Sleep(bus.AckAge - outage)
					x.size()
					time.Sleep(splunk.Idle)
					wantNothing(t, x)
				})
			})
		}
	}
}

// What waits counts for the bounds as ever.
func TestWaitingChannelsFillTheIndex(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := deaf(t, config.Acks{Channels: 2, Pending: 9, PendingPerChannel: 9, Idle: time.Minute})
		x.hear(routed("c", 0, 0, 1, "a"))
		x.hear(routed("d", 0, 0, 1, "a"))
		time.Sleep(time.Hour)
		if err := x.admit(channelID("e")); err != ErrFull { //nolint:errorlint // nothing wraps it
			t.Errorf("outcome %v", err)
		}
		x.hear(settledNote("a"))
		time.Sleep(time.Minute)
		if err := x.admit(channelID("e")); err != nil {
			t.Error(err)
		}
	})
}

// note is a note and when it was told.
type note struct {
	after time.Duration
	note  *drainlinev1.AckNote
}

// What is read from the bus after a restart is as old as it is.
func TestReplay(t *testing.T) {
	t.Parallel()
	const m, h = time.Minute, time.Hour
	for _, c := range []struct {
		name  string
		notes []note
		want  []uint64
	}{
		{"settled of late", []note{{-5 * m, routed("c", 1, 0, 1, "a")}, {-4 * m, settledNote("a")}}, []uint64{1}},
		{"nobody asked in time", []note{{-20 * h, routed("c", 1, 0, 1, "a")}, {m - 20*h, settledNote("a")}}, nil},
		{"settled late", []note{{-20 * h, routed("c", 1, 0, 1, "a")}, {-9 * m, settledNote("a")}}, []uint64{1}},
		{"settled late, and nobody asked", []note{{-20 * h, routed("c", 1, 0, 1, "a")}, {-11 * m, settledNote("a")}}, nil},
		{"on its way for an hour", []note{{-h, routed("c", 1, 0, 1, "a")}, {0, settledNote("a")}}, []uint64{1}},
		{"too old", []note{{-25 * h, routed("c", 1, 0, 1, "a")}, {0, settledNote("a")}}, nil},
		{"the channel is in use", []note{{-15 * m, routed("c", 1, 0, 1)}, {-9 * m, routed("c", 2, 0, 1)}}, []uint64{1, 2}},
		{"the channel is in use again", []note{{-15 * m, routed("c", 1, 0, 1)}, {-4 * m, routed("c", 2, 0, 1)}}, []uint64{2}},
		{"its number is given again", []note{{-20 * h, routed("c", 1, 0, 1)}, {-m, routed("c", 1, 0, 1, "a")}}, nil},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, again: %v", c.name, again), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					x := reading(t, splunk)
					if again { // the bus has lost what it had, and others are in use
						close(x.ready)
						_ = x.admit(channelID("other"))
					}
					for n, told := range c.notes {
						if n > 0 && !again {
							_ = x.admit(channelID("other"))
							x.size()
						}
						x.Hear(told.note, time.Now().Add(told.after))
					}
					if !again {
						close(x.ready)
					}
					if got := ask(x, "c", 1, 2); !slices.Equal(got, c.want) {
						t.Errorf("%v are true, want %v", got, c.want)
					}
					x.hear(routed("d", 0, 0, 1))
					time.Sleep(splunk.Idle)
					x.size()
					time.Sleep(bus.AckAge + splunk.Idle)
					x.size()
					time.Sleep(splunk.Idle)
					wantNothing(t, x)
				})
			})
		}
	}
}

// A server whose clock is ahead keeps nothing for longer.
func TestReplayOfTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := reading(t, splunk)
		x.Hear(routed("c", 1, 0, 1), time.Now().Add(time.Hour))
		x.Hear(routed("d", 1, 0, 1), time.Now().Add(time.Hour))
		close(x.ready)
		if got := ask(x, "c", 1); len(got) != 1 {
			t.Error("it is not true")
		}
		time.Sleep(splunk.Idle)
		wantNothing(t, x)
	})
}

// The bound of parts holds for every configuration.
func TestEveryBodyHasRoomForItsParts(t *testing.T) {
	t.Parallel()
	const maxBody, maxEvent = 64 << 20, 1 << 10 // the most and the least that config allows
	lines := "x\n" + strings.Repeat("y", maxEvent+1) + "\n"
	total := uint32(0)
	for range hec.Parts([]byte(strings.Repeat(lines, maxBody/len(lines)+1)[:maxBody]), wire.MaxBlock, maxEvent) {
		total++
	}
	if total < 190_000 || total > maxParts {
		t.Fatalf("%d parts", total)
	}
	x := deaf(t, splunk)
	for part := range uint32(maxParts) {
		if got := ask(x, "c", 1); len(got) > 0 {
			t.Fatalf("true after %d parts", part)
		}
		x.hear(routed("c", 1, part, maxParts))
	}
	if got := ask(x, "c", 1); len(got) != 1 {
		t.Error("it is never true")
	}
}

// A client that asks for ever about what never becomes true does not keep it.
func TestOldRequestsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := deaf(t, splunk)
		x.hear(routed("c", 1, 0, 1, "a"))
		for x.now() <= bus.AckAge {
			if got := ask(x, "c", 1, 2); len(got) > 0 {
				t.Fatal(got)
			}
			time.Sleep(splunk.Idle / 2)
		}
		x.hear(routed("c", 2, 0, 1))
		x.hear(routed("c", 1, 0, 1))
		x.hear(settledNote("a"))
		if got := ask(x, "c", 1, 2); !slices.Equal(got, []uint64{2}) {
			t.Errorf("%v are true", got)
		}
		if x.counts.forgotten.Load() != 1 || len(x.batches) > 0 {
			t.Errorf("%d forgotten, %d batches", x.counts.forgotten.Load(), len(x.batches))
		}
	})
}

func TestBounds(t *testing.T) {
	t.Parallel()
	x := deaf(t, config.Acks{Channels: 3, Pending: 5, PendingPerChannel: 3, Idle: time.Hour})
	admit := func(channel string, want error) {
		t.Helper()
		if got := x.admit(channelID(channel)); got != want { //nolint:errorlint // nothing wraps it
			t.Errorf("channel %s: %v", channel, got)
		}
	}
	for _, c := range []string{"a", "b", "c", "a"} {
		admit(c, nil)
	}
	admit("d", ErrFull)
	for id := range uint64(4) {
		x.hear(routed("a", id, 0, 1, "x"))
	}
	admit("a", ErrFull)
	admit("b", nil)
	x.hear(settledNote("x"))
	if got := ask(x, "a", 0, 1, 2, 3); !slices.Equal(got, []uint64{0, 1, 2}) {
		t.Errorf("%v are true: the fourth is over the bound", got)
	}
	admit("a", nil)
	for id := range uint64(3) {
		x.hear(routed("b", id, 0, 1, "y"))
		x.hear(routed("c", id, 0, 1, "y"))
	}
	admit("a", ErrFull)
	if _, pending := x.size(); pending != 5 {
		t.Errorf("%d requests are pending", pending)
	}
	// What others let in takes the place of what is idle.
	x.hear(routed("e", 0, 0, 1))
	x.hear(settledNote("y"))
	if got := ask(x, "b", 0, 1, 2); len(got) != 3 {
		t.Errorf("%v are true", got)
	}
	for n := range 10 {
		x.hear(routed(fmt.Sprint(n), 0, 0, 1))
	}
	if channels, pending := x.size(); channels != 3 || pending != 3 {
		t.Errorf("%d channels, %d requests", channels, pending)
	}
	if len(ask(x, "9", 0)) != 1 || len(ask(x, "c", 0, 1)) != 0 {
		t.Error("the newest stay")
	}
}

// The memory of settled batches is bounded, and keeps the last.
func TestSettledIsBounded(t *testing.T) {
	t.Parallel()
	var s settled
	id := func(n int) wire.ID { return wire.ID{byte(n >> 16), byte(n >> 8), byte(n), 1} }
	for n := range 3 * settledKept {
		s.add(id(n), 0)
		if len(s.young)+len(s.old) > 2*settledKept {
			t.Fatal("it grows")
		}
		if !s.has(id(n)) || n >= settledKept && !s.has(id(n-settledKept+1)) {
			t.Fatal("it forgot one of the last")
		}
	}
	s.add(id(1), settledAge)
	s.add(id(2), 2*settledAge)
	if s.has(id(3*settledKept-1)) || !s.has(id(1)) {
		t.Error("what is old is forgotten")
	}
}

// Spans against a plain set, which they equal until there are too many.
func TestSpans(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s spans
		model := map[uint64]bool{}
		for _, id := range rapid.SliceOf(rapid.Uint64Range(0, 60)).Draw(t, "ids") {
			s.add(id)
			model[id] = true
			for n := range uint64(62) {
				if s.has(n) != model[n] {
					t.Fatalf("%d: %v in %v", n, s.has(n), s)
				}
			}
		}
	})
	var s spans
	for n := range uint64(10 * maxSpans) {
		s.add(3 * n)
		s.add(^(3 * n)) // and from the other end
		if len(s) > maxSpans || !s.has(3*n) || !s.has(^(3 * n)) {
			t.Fatalf("%d spans after %d", len(s), n)
		}
	}
}

// What a request and a channel take, as the doc of Index says. A client that makes
// a channel for each request and never asks takes both for each.
func TestMemory(t *testing.T) {
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	const many = 50_000
	x := deaf(t, splunk)
	take := func(what string, most int, do func(n string)) {
		before := heap()
		for n := range many {
			do(strconv.Itoa(n))
		}
		each := (heap() - before) / many
		t.Logf("%s: %d bytes", what, each)
		if each > most {
			t.Errorf("%s: %d bytes", what, each)
		}
	}
	id := uint64(0)
	take("a request on its way", 250, func(n string) {
		x.hear(routed("c", id, 0, 1, "own batch "+n))
		id++
	})
	take("a channel with one", 450, func(n string) { x.hear(routed(n, 0, 0, 1, "batch "+n)) })
	before := heap()
	for n := range many {
		x.hear(settledNote("own batch "+strconv.Itoa(n), "batch "+strconv.Itoa(n)))
	}
	x.settled, x.batches = settled{}, map[wire.ID]*batch{} // maps do not shrink
	if each := (heap() - before) / (2 * many); each > -60 {
		t.Errorf("what is settled frees %d bytes", -each)
	}
	runtime.KeepAlive(x)
}

package ack

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// instance is one ingest that has heard what was told up to a place.
type instance struct {
	index *Index
	heard int
	told  map[request]bool // what its clients were told
}

type request struct {
	channel string
	id      uint64
}

// world is what was told, in the order of the bus, and those who hear it.
type world struct {
	notes     []*drainlinev1.AckNote
	instances []*instance
}

// parts of the requests in these tests: one, two or three.
func (r request) parts() uint32 { return uint32(r.id)%3 + 1 }

func requests() []request {
	var all []request
	for _, channel := range []string{"c", "d"} {
		for id := range uint64(4) {
			all = append(all, request{channel, id})
		}
	}
	return all
}

func batchNames() []string { return []string{"a", "b", "c", "d", "e"} }

// truth says, the plain way, what is true after these notes.
func truth(notes []*drainlinev1.AckNote) map[request]bool {
	settled, reported := map[wire.ID]bool{}, map[wire.ID]map[uint64]bool{}
	for _, n := range notes {
		for _, b := range n.GetSettled() {
			settled[wire.ToID(b)] = true
		}
		for _, a := range n.GetReported() {
			id := wire.ToID(a.GetChannel())
			if reported[id] == nil {
				reported[id] = map[uint64]bool{}
			}
			reported[id][a.GetId()] = true
		}
	}
	is := map[request]bool{}
	for _, r := range requests() {
		channel := channelID(r.channel)
		parts, missing := map[uint32]bool{}, false
		for _, n := range notes {
			for _, to := range n.GetRouted() {
				if wire.ToID(to.GetAck().GetChannel()) != channel || to.GetAck().GetId() != r.id {
					continue
				}
				parts[to.GetAck().GetPart()] = true
				for _, b := range to.GetBatches() {
					missing = missing || !settled[wire.ToID(b)]
				}
			}
		}
		is[r] = len(parts) == int(r.parts()) && !missing && !reported[channel][r.id]
	}
	return is
}

// advance lets an instance hear the next n notes.
func (w *world) advance(i *instance, n int) {
	for ; n > 0 && i.heard < len(w.notes); n-- {
		i.index.hear(w.notes[i.heard])
		i.heard++
	}
}

// ask asks an instance about everything and compares with the truth as far as it
// has heard. What it answers true for, it tells.
func (w *world) ask(t *rapid.T, i *instance) {
	want := truth(w.notes[:i.heard])
	for _, channel := range []string{"c", "d"} {
		answer, reported := i.index.take(channelID(channel), []uint64{0, 1, 2, 3, 4})
		for id, got := range answer {
			r := request{channel, id}
			if got != (want[r] && !i.told[r]) {
				t.Fatalf("request %v: %v, told before: %v", r, got, i.told[r])
			}
			i.told[r] = i.told[r] || got
		}
		if len(reported) > 0 {
			w.notes = append(w.notes, &drainlinev1.AckNote{Reported: reported})
		}
	}
}

// However notes are interleaved and repeated, and whichever instance is asked or
// started again: nothing is true before every batch of every part is settled, and
// then it is true once.
func TestTrueOnceAndNotTooEarly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{}
		for range 2 {
			w.instances = append(w.instances, &instance{index: deaf(t, splunk), told: map[request]bool{}})
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			i := rapid.SampledFrom(w.instances).Draw(t, "instance")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				r := rapid.SampledFrom(requests()).Draw(t, "request")
				part := rapid.Uint32Range(0, r.parts()-1).Draw(t, "part")
				to := rapid.SliceOfNDistinct(rapid.SampledFrom(batchNames()), 0, 3, rapid.ID).Draw(t, "batches")
				w.notes = append(w.notes, routed(r.channel, r.id, part, r.parts(), to...))
			case 2:
				w.notes = append(w.notes, settledNote(rapid.SampledFrom(batchNames()).Draw(t, "settled")))
			case 3:
				w.advance(i, rapid.IntRange(1, 20).Draw(t, "notes"))
			case 4:
				w.ask(t, i)
			default: // started again, which replays all there is
				*i = instance{index: deaf(t, splunk), told: map[request]bool{}}
				w.advance(i, len(w.notes))
			}
		}
		w.finish(t)
	})
}

// finish routes and settles everything: then all that was not told is true, at
// whomever one asks, and nothing is afterwards.
func (w *world) finish(t *rapid.T) {
	for _, r := range requests() {
		for part := range r.parts() {
			w.notes = append(w.notes, routed(r.channel, r.id, part, r.parts(), "last "+strconv.FormatUint(r.id, 10)))
			w.notes = append(w.notes, settledNote("last "+strconv.FormatUint(r.id, 10)))
		}
	}
	w.notes = append(w.notes, settledNote(batchNames()...))
	told := slices.DeleteFunc(requests(), func(r request) bool { return truth(w.notes)[r] })
	for _, i := range w.instances {
		w.advance(i, len(w.notes))
		before := maps.Clone(i.told)
		w.ask(t, i)
		for r, is := range i.told {
			if is && !before[r] {
				if slices.Contains(told, r) {
					t.Fatalf("request %v is true again", r)
				}
				told = append(told, r)
			}
		}
	}
	if len(told) != len(requests()) {
		t.Fatalf("only %v were told", told)
	}
	for _, i := range w.instances {
		w.advance(i, len(w.notes))
		for r, is := range truth(w.notes) {
			if is || len(ask(i.index, r.channel, r.id)) > 0 {
				t.Fatalf("request %v is true at last", r)
			}
		}
	}
}

// An index that reads what was told knows what one knows that heard it then.
func TestReplayIsHearing(t *testing.T) {
	t.Parallel()
	pauses := []time.Duration{0, time.Second, splunk.Idle / 2, splunk.Idle - time.Second, splunk.Idle, 3 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		there, later := deaf(t, splunk), reading(t, splunk)
		var notes []note
		for range rapid.IntRange(1, 60).Draw(t, "notes") {
			pause := rapid.SampledFrom(pauses).Draw(t, "pause")
			there.start = there.start.Add(-pause)
			n, now := anyNote(t), time.Now()
			there.Hear(n, now)
			notes = append(notes, note{now.Sub(there.start), n})
		}
		later.start = there.start
		sent := rapid.IntRange(0, len(notes)).Draw(t, "sent")
		for i, n := range notes {
			if i == sent { // the door is open meanwhile
				_ = later.admit(channelID("e"))
			}
			later.Hear(n.note, later.start.Add(n.after))
		}
		close(later.ready)
		for _, channel := range []string{"c", "d"} {
			want, got := ask(there, channel, 0, 1, 2, 3), ask(later, channel, 0, 1, 2, 3)
			if !slices.Equal(got, want) {
				t.Fatalf("channel %s: %v are true, want %v", channel, got, want)
			}
		}
	})
}

func anyNote(t *rapid.T) *drainlinev1.AckNote {
	r := rapid.SampledFrom(requests()).Draw(t, "request")
	switch rapid.IntRange(0, 4).Draw(t, "note") {
	case 0, 1:
		to := rapid.SliceOfNDistinct(rapid.SampledFrom(batchNames()), 0, 2, rapid.ID).Draw(t, "batches")
		return routed(r.channel, r.id, rapid.Uint32Range(0, r.parts()-1).Draw(t, "part"), r.parts(), to...)
	case 2, 3:
		return settledNote(rapid.SampledFrom(batchNames()).Draw(t, "settled"))
	default:
		return reportedNote(r.channel, r.id)
	}
}

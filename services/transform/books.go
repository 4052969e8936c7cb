package transform

import (
	"math/bits"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/transform/internal/rules"
)

// knownMasks is how many sets of destinations an input in hand has rows for without a look
// into a map.
const knownMasks = 4

// books gathers how what is in the output in hand is booked.
type books struct {
	destinations []string
	tally        ledger.Tally
	sets         map[uint64]string // names of destinations, by their bits

	// The input in hand: that of an app and a request.
	app     string
	request *drainlinev1.Request
	row     *ledger.Row // for every destination
	rows    [knownMasks]struct {
		mask uint64
		row  *ledger.Row
	}
}

func newBooks(destinations []string) books {
	return books{destinations: destinations, sets: map[uint64]string{}}
}

func (b *books) start() {
	b.tally.Reset()
	b.request, b.row = nil, nil
}

// of is the row for what is true of an input whatever the destination.
func (b *books) of(app string, r *drainlinev1.Request) *ledger.Row {
	if b.request == r && b.app == app {
		return b.row
	}
	b.app, b.request = app, r
	b.row = b.tally.Row(b.key(allOf(b.destinations)))
	b.row.Seen(time.Unix(0, r.GetReceivedNs()).UTC())
	clear(b.rows[:])
	return b.row
}

// some is the row of the input in hand for some destinations, a bit each.
func (b *books) some(mask uint64) *ledger.Row {
	if mask == allOf(b.destinations) {
		return b.row
	}
	for i := range b.rows {
		switch b.rows[i].mask {
		case mask:
			return b.rows[i].row
		case 0:
			b.rows[i].mask, b.rows[i].row = mask, b.tally.Row(b.key(mask))
			return b.rows[i].row
		}
	}
	return b.tally.Row(b.key(mask))
}

func (b *books) key(mask uint64) ledger.Key {
	return ledger.Key{
		Input:      ledger.Input(b.app, b.request.GetDrainToken(), b.request.GetCredential()),
		Credential: b.request.GetCredential(), Destination: b.set(mask),
	}
}

// keptSets is more than rules that people write come to.
const keptSets = 1024

func (b *books) set(mask uint64) string {
	if name, known := b.sets[mask]; known {
		return name
	}
	if len(b.sets) >= keptSets {
		clear(b.sets)
	}
	names := make([]string, 0, bits.OnesCount64(mask))
	for i, name := range b.destinations {
		if mask>>i&1 != 0 {
			names = append(names, name)
		}
	}
	b.sets[mask] = ledger.Each(names)
	return b.sets[mask]
}

// accept books a frame, an envelope or a line, or what stands in the place of one, with so
// many bytes; again says that its block has come before. The input is that in hand from
// then on.
func (b *books) accept(app string, r *drainlinev1.Request, bytes int, again bool) *ledger.Row {
	row := b.of(app, r)
	row.Accepted.Add(1, bytes)
	if again {
		row.Redelivered.Add(1, bytes)
	}
	return row
}

// bury accepts what becomes a dead letter as it is.
func (t *transformer) bury(reason, sentence string, app string, p part) {
	t.books.accept(app, p.request, len(p.bytes), t.again).Dead.Add(1, len(p.bytes))
	t.kill(reason, sentence, p)
}

// lost books what a line says was lost before it reached us.
func (b *books) lost(l lost, r *drainlinev1.Request) {
	b.tally.Row(ledger.Key{Input: l.input, Credential: r.GetCredential()}).LostUpstream.Add(l.count, 0)
}

// rules books what the rules have done.
func (b *books) rules(names []string, did []rules.Count) {
	for i := range did {
		if c := &did[i]; c.Matched > 0 {
			row := b.tally.Row(ledger.Key{Rule: names[i]})
			row.Matched.Add(c.Matched, 0)
			row.Filtered.Add(c.Dropped+c.Sampled+c.Limited, 0)
			row.Dead.Add(c.Dead, 0)
		}
	}
}

// unpublished books an output again of which a part can never be stored: everything it
// was made of is a dead letter. What was published before that is there in addition.
func (b *books) unpublished(published []sealedBatch) {
	b.tally.Each(func(r *ledger.Row) {
		r.Sums = ledger.Sums{Accepted: r.Accepted, Dead: r.Accepted, Redelivered: r.Redelivered, LostUpstream: r.LostUpstream, Matched: r.Matched}
	})
	for i := range published {
		var batch wire.Batch
		message, err := wire.Open(nil, published[i].Payload)
		if err != nil || wire.ScanBatch(message, &batch) != nil {
			continue // this machine's memory is at fault
		}
		for n := range batch.Events {
			e := &batch.Events[n]
			from := &batch.Origins[e.Origin]
			b.tally.Row(ledger.Key{
				Input: ledger.Input(from.App, from.DrainToken, from.Credential), Credential: from.Credential, Destination: batch.Destination,
			}).Split.Add(1, hec.LicenseBytes(e))
		}
	}
	b.request, b.row = nil, nil
}

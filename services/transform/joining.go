package transform

import (
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/heroku"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// maxHeld bounds the text of the lines that wait for others, in bytes. It is what a
// consumer holds of blocks, about: those are not acknowledged meanwhile.
const maxHeld = 16 << 20

// joining is where lines wait for others that belong to them. The zero value joins
// nothing, as is done with blocks of shards that have no order.
type joining struct {
	joiner   *join.Joiner[heldLine]
	delivery *heldDelivery // the one in hand
	// fields are what a request gives each of its events, one whose lines have waited.
	fields []wire.Field
	source []byte
}

// heldLine is a line that may be the first of several, or one of them.
type heldLine struct {
	request  *drainlinev1.Request
	drain    *drain
	block    wire.ID
	delivery *heldDelivery
	message  logplex.Message
	meaning  heroku.Line
	whole    []byte // the frame with its length
	frame    uint32
}

// joins says whether lines of a kind are joined. Only processes of apps write what
// goes over several lines.
func (j *joining) joins(d *drain, kind heroku.Kind) bool {
	return j.joiner != nil && d.join != nil && kind == heroku.KindApp
}

// join takes a line of a process, and ships what is complete then. From is where the
// request in hand comes from.
func (t *transformer) join(line heldLine, from source) {
	j := &t.joining
	j.source = append(append(append(j.source[:0], line.request.GetDrainToken()...), ' '), line.message.Proc...)
	line.delivery.hold()
	j.joiner.Take(t.names.word(j.source).text, line.drain.join, line.message.Text, line, time.Now(), t.shipGroup)
	t.sealer.request(from)
}

// shipGroup ships the lines that have become one event.
func (t *transformer) shipGroup(g join.Group[heldLine]) {
	first, last := &g.Lines[0], &g.Lines[len(g.Lines)-1]
	if len(g.Lines) > 1 || first.block != t.block {
		t.sealer.seed = wire.JoinedID(t.sealer.seed, first.block, first.frame, last.block, last.frame)
	}
	from := newSource(first.request)
	t.joining.fields = t.appendLineFields(t.joining.fields[:0], first.request, first.drain)
	common := t.lines(first.request, first.drain, t.joining.fields)
	from.origin.App, from.named = common.app.text, first.drain.named
	t.sealer.request(from)

	t.event.Reset()
	t.event.Line, t.event.Meaning = first.message, first.meaning
	common.fill(&t.event, &t.names)
	t.event.SetText(g.Text)
	t.event.Frame, t.event.Number = first.whole, t.frame
	if first.block == t.block {
		t.event.Number = first.frame
	}
	parts := make([]part, len(g.Lines))
	for i := range g.Lines {
		parts[i] = part{g.Lines[i].request, g.Lines[i].whole}
		g.Lines[i].delivery.release()
	}
	t.counts.Joined += len(g.Lines) - 1
	t.ship(parts...)
}

package transform

import (
	"bytes"
	"time"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/heroku"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// maxHeld bounds the text of the lines that wait for others, in bytes. The blocks that
// they keep in memory, and unacknowledged, are bounded by what a consumer holds: 16 MiB of
// payload, and 4096 of them.
const maxHeld = 16 << 20

// maxSources bounds the remembered names of processes.
const maxSources = 4096

// joining is where lines wait for others that belong to them. The zero value joins
// nothing, as is done with blocks of shards that have no order.
type joining struct {
	joiner   *join.Joiner[heldLine]
	delivery *heldDelivery // the one in hand
	// fields are what a request gives each of its events, one whose lines have waited.
	fields []wire.Field
	// sources remembers the names of processes that lines have come from, so that a line
	// makes none.
	sources map[string]string
	scratch []byte
	// sender is the request in hand without its body, part, as lines of it keep it.
	sender, part *drainlinev1.Request
}

// heldLine is a line that may be the first of several, or one of them. It keeps nothing
// of its block in memory.
type heldLine struct {
	request  *drainlinev1.Request
	block    wire.ID
	delivery *heldDelivery
	message  logplex.Message
	meaning  heroku.Line
	whole    []byte // the frame with its length
	frame    uint32
	trace    trace.SpanContext // of its request
}

// joins says whether lines of a kind are joined. Only processes of apps write what
// goes over several lines.
func (j *joining) joins(d *drain, kind heroku.Kind) bool {
	return j.joiner != nil && d.join != nil && kind == heroku.KindApp
}

// copyLine is the line in hand, as it can wait. Its frame is the last n bytes of whole.
func (t *transformer) copyLine(r *drainlinev1.Request, whole []byte, n int, sd logplex.SD) heldLine {
	j := &t.joining
	if j.sender != r {
		j.sender, j.part = r, partOf(r, nil)
	}
	line := heldLine{request: j.part, block: t.block, delivery: j.delivery, whole: bytes.Clone(whole), frame: t.frame}
	line.message, _ = logplex.Parse(line.whole[len(whole)-n:], sd) // as it was parsed before
	line.message.Time = t.event.Line.Time
	line.meaning = heroku.Classify(&line.message)
	return line
}

// source is the process that a line is of.
func (j *joining) source(line *heldLine) string {
	j.scratch = j.scratch[:0]
	for _, part := range [...][]byte{[]byte(line.request.GetDrainToken()), line.message.Host, line.message.App, line.message.Proc} {
		j.scratch = append(append(j.scratch, part...), ' ')
	}
	if known, ok := j.sources[string(j.scratch)]; ok {
		return known
	}
	if j.sources == nil || len(j.sources) >= maxSources {
		j.sources = map[string]string{}
	}
	name := string(j.scratch)
	j.sources[name] = name
	return name
}

// join takes a line of a drain that joins them, and ships what is complete then. From is
// where the request in hand comes from.
func (t *transformer) join(line heldLine, d *drain, from source) {
	line.trace = from.trace
	line.delivery.hold()
	t.joining.joiner.Take(t.joining.source(&line), d.join, line.message.Text, line, time.Now(), t.shipGroup)
	t.sealer.request(from)
}

// shipGroup ships the lines that have become one event.
func (t *transformer) shipGroup(g join.Group[heldLine]) {
	first := &g.Lines[0]
	if len(g.Lines) > 1 || first.block != t.block {
		t.joining.scratch = t.joining.scratch[:0]
		for i := range g.Lines {
			t.joining.scratch = wire.AppendLine(t.joining.scratch, g.Lines[i].block, g.Lines[i].frame)
		}
		t.sealer.seed = wire.JoinedID(t.sealer.seed, t.joining.scratch)
	}
	d := t.settings.drain(first.request.GetDrainToken()) // as it is listed now
	t.joining.fields = t.appendLineFields(t.joining.fields[:0], first.request, d, first.trace)
	common := t.lines(first.request, d, t.joining.fields)
	from := newSource(first.request, first.trace)
	from.origin.App, from.named = common.app.text, d.named
	t.sealer.request(from)

	t.event.Reset()
	t.event.Line, t.event.Meaning = first.message, first.meaning
	common.fill(&t.event, &t.names)
	t.event.SetText(g.Text)
	t.event.Frame, t.event.Number = first.whole, first.frame
	parts := make([]part, len(g.Lines))
	for i := range g.Lines {
		line := &g.Lines[i]
		parts[i] = part{line.request, line.whole}
		// All are booked as the first one's, whose event they are.
		row := t.books.accept(t.event.App, first.request, len(line.message.Text), line.delivery.again())
		if i > 0 {
			row.Merged.Add(1, len(line.message.Text))
		}
		line.delivery.release()
	}
	t.counts.Joined += len(g.Lines) - 1
	t.ship(parts...)
}

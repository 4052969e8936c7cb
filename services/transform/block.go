package transform

import (
	"fmt"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/format"
	"github.com/drainline/drainline/services/transform/internal/heroku"
	"github.com/drainline/drainline/services/transform/internal/rules"
)

// output is what one block becomes: everything in it has to be stored before
// the block may be acknowledged.
type output struct {
	Batches []sealedBatch
	Dead    []*drainlinev1.DeadBlock
	// Routed says where the requests went whose senders ask for it.
	Routed []*drainlinev1.Routed
	Counts counts
	Lost   []lost
	// Rules are what each rule has done, in order; none where there are none.
	Rules []rules.Count
}

// counts say what became of one block's frames.
type counts struct {
	Events int
	// Filtered events are those that rules or routing dropped.
	Filtered int
	// Unrouted are those of them that no destination wanted.
	Unrouted int
	Bad      int // frames and other parts that are dead letters now
	// Joined are lines that are part of an event that another line began.
	Joined int
	// Before and After are lines outside a drain's time.
	Before, After int
}

// lost is what a line says was lost before it reached us.
type lost struct {
	input string // whose it was: the app, or else the drain
	code  string
	count int
}

// transformer turns blocks into event batches. It keeps buffers between blocks
// and is used by one goroutine at a time; what it returns is valid until its
// next call.
type transformer struct {
	settings *settings
	names    names
	runner   *rules.Runner // nil where there is nothing to apply
	formats  []string      // that destinations ask for, by the sealer's lanes
	event    event.Event
	defaults wire.Event // what the envelopes of the request in hand leave open
	shaped   wire.Event // event, with body in place of its own
	body     []byte
	metric   format.Metric
	fields   []wire.Field // what a request gives each of its events
	sealer   sealer
	joining  joining
	books    books

	// The block in hand.
	block  wire.ID
	frame  uint32 // number of the next frame, envelope or line
	dying  dying
	routed []*drainlinev1.Routed
	counts counts
	lost   []lost
	again  bool // it has come before, and may have been counted then
}

func newTransformer(s *settings) *transformer {
	t := &transformer{settings: s, sealer: newSealer(s.destinations), formats: []string{""}, books: newBooks(s.destinations)}
	if s.rules != nil && !s.rules.Empty() {
		t.runner = s.rules.NewRunner()
	}
	t.openLanes()
	return t
}

// openLanes has destinations share a lane that ask for the same format, and all share one
// for metrics, which only rules make.
func (t *transformer) openLanes() {
	s := t.settings
	byFormat := map[string]int{}
	for i, name := range s.formats {
		n, known := byFormat[name]
		if !known {
			n = len(byFormat)
			byFormat[name] = n
		}
		if n == len(t.formats) {
			t.formats, t.sealer.lanes = append(t.formats, ""), append(t.sealer.lanes, lane{})
		}
		if !known {
			t.formats[n], t.sealer.lanes[n].destinations = name, 0
		}
		t.sealer.lanes[n].destinations |= 1 << i
	}
	if t.runner != nil {
		t.sealer.lanes = append(t.sealer.lanes, lane{destinations: allOf(s.destinations), metrics: true})
		t.formats = append(t.formats, "")
	}
}

// transform is a function of the block, but for rules that limit rates and lines that
// wait for others: the same block gives the same batches with the same ids again. It
// fails for a block that was never decoded from bytes, in which strings may not be UTF-8.
func (t *transformer) transform(block *drainlinev1.RawBlock) (output, error) {
	t.start(wire.ToID(block.GetId()))
	for _, r := range block.GetRequests() {
		t.request(r)
	}
	return t.finish()
}

// start begins the output of a block.
func (t *transformer) start(block wire.ID) {
	t.block, t.frame, t.dying, t.routed, t.counts, t.lost = block, 0, dying{}, nil, counts{}, nil
	if t.runner != nil {
		clear(t.runner.Counts)
		t.runner.Unrouted = 0
	}
	t.sealer.start(block)
	t.books.start()
}

// finish gives the output of what came since start.
func (t *transformer) finish() (output, error) {
	t.sealer.flush()
	t.counts.Bad = t.dying.count
	dead, err := t.dying.letters(t.sealer.seed)
	if err != nil {
		return output{}, err
	}
	out := output{Batches: t.sealer.batches, Dead: dead, Routed: t.routed, Counts: t.counts, Lost: t.lost}
	if t.runner != nil {
		out.Rules, out.Counts.Unrouted = t.runner.Counts, t.runner.Unrouted
		t.books.rules(t.ruleNames(), t.runner.Counts)
	}
	return out, nil
}

// trim lets go of buffers that a rare large block has made; what transform
// returned is not used any more.
func (t *transformer) trim() {
	t.sealer.trim()
	t.body = trimmed(t.body)
}

func (t *transformer) request(r *drainlinev1.Request) {
	crash(r.GetBody())
	from := newSource(r, contextOf(r))
	if from.routed != nil {
		t.routed = append(t.routed, from.routed)
	}
	switch r.GetEncoding() {
	case drainlinev1.Encoding_ENCODING_FRAMES:
		t.logplex(r, from)
	case drainlinev1.Encoding_ENCODING_HEC_EVENTS:
		t.envelopes(r, from)
	case drainlinev1.Encoding_ENCODING_HEC_RAW:
		t.raw(r, from)
	case drainlinev1.Encoding_ENCODING_UNFRAMED:
		t.bury(reasonUnframed, "part of the body is no octet-counted frame, or follows one whose length is wrong", t.requestApp(r), part{r, r.GetBody()})
	default:
		t.bury(reasonUnsupported, fmt.Sprintf("a body of encoding %v is not read by this version", r.GetEncoding()), t.requestApp(r), part{r, r.GetBody()})
	}
}

// newSource is a request, of which the trace was parsed once for all of its events.
func newSource(r *drainlinev1.Request, sc trace.SpanContext) source {
	s := source{trace: sc, origin: wire.Origin{
		RequestID: wire.ToID(r.GetId()), Door: r.GetDoor(), Credential: r.GetCredential(), DrainToken: r.GetDrainToken(),
		ReceivedNS: r.GetReceivedNs(), Traceparent: r.GetTrace().GetTraceparent(), Tracestate: r.GetTrace().GetTracestate(),
	}}
	if r.GetAck() != nil {
		s.routed = &drainlinev1.Routed{Ack: r.GetAck()}
	}
	return s
}

// part is bytes as they were sent, with what is known of the request they came in.
type part struct {
	request *drainlinev1.Request
	bytes   []byte
}

// requestApp is the app of a request, as far as no line has to be asked.
func (t *transformer) requestApp(r *drainlinev1.Request) string {
	return t.identify(r, t.settings.drain(r.GetDrainToken())).app.text
}

// kill takes parts as that of a frame which becomes a dead letter.
func (t *transformer) kill(reason, sentence string, parts ...part) {
	for _, p := range parts {
		t.dying.add(p.request, t.frame, reason, sentence, p.bytes)
	}
}

// logplex makes events of the frames of one request.
func (t *transformer) logplex(r *drainlinev1.Request, from source) {
	d := t.settings.drain(r.GetDrainToken())
	t.fields = t.appendLineFields(t.fields[:0], r, d, from.trace)
	common := t.lines(r, d, t.fields)
	from.origin.App, from.named = common.app.text, d.named
	t.sealer.request(from)
	sd, body, start := d.structured(r), r.GetBody(), 0
	s := logplex.Scan(body)
	for ; s.Next(); t.frame++ {
		whole := body[start:s.Offset()]
		start = s.Offset()
		e := &t.event
		e.Reset()
		var err error
		if e.Line, err = logplex.Parse(s.Frame(), sd); err != nil {
			t.bury(reasonBadFrame, err.Error(), common.app.text, part{r, whole})
			continue
		}
		if !e.Line.HasTime {
			e.Line.Time = r.GetReceivedNs()
		}
		if t.handedOver(e.Line.Time, d) {
			app := common.line(e.Line.Host, &t.names)
			t.books.accept(app.text, r, len(e.Line.Text), t.again).Filtered.Add(1, len(e.Line.Text))
			continue
		}
		e.Meaning = heroku.Classify(&e.Line)
		if t.joining.joins(d, e.Meaning.Kind) {
			t.join(t.copyLine(r, whole, len(s.Frame()), sd), d, from)
			continue
		}
		common.fill(e, &t.names)
		e.Frame, e.Number = whole, t.frame
		t.countLoss(r)
		t.books.accept(e.App, r, len(e.Text), t.again)
		t.ship(part{r, whole})
	}
	if rest := body[start:]; len(rest) > 0 {
		// Ingest sends whole frames only; another producer may not.
		t.bury(reasonUnframed, s.Err().Error(), common.app.text, part{r, rest})
	}
}

// handedOver counts a line that is another's to ship.
func (t *transformer) handedOver(at int64, d *drain) bool {
	switch {
	case at < d.from:
		t.counts.Before++
	case at >= d.until:
		t.counts.After++
	default:
		return false
	}
	return true
}

// countLoss counts what a line of Logplex or log-shuttle says it has lost.
func (t *transformer) countLoss(r *drainlinev1.Request) {
	switch t.event.Code {
	case "L10", "L12", "L13":
		l := lost{
			input: ledger.Input(t.event.App, r.GetDrainToken(), r.GetCredential()), code: t.event.Code, count: heroku.Lost(t.event.Text),
		}
		t.lost = append(t.lost, l)
		t.books.lost(l, r)
	}
}

// ruleNames are the names of the rules that are applied.
func (t *transformer) ruleNames() []string {
	if t.runner == nil {
		return nil
	}
	return t.settings.rules.Names()
}

package transform

import (
	"fmt"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// output is what one block becomes: everything in it has to be stored before
// the block may be acknowledged.
type output struct {
	Batches []sealedBatch
	Dead    []*drainlinev1.DeadBlock
	// Routed says where the requests went whose senders ask for it.
	Routed []*drainlinev1.Routed
	Counts counts
}

// counts say what became of one block's frames.
type counts struct {
	Events int
	Bad    int // frames and other parts that are dead letters now
	// Before and After are lines outside a drain's time.
	Before, After int
	// L10, L12 and L13 are messages that were lost before they reached us.
	L10, L12, L13 int
}

// transformer turns blocks into event batches. It keeps buffers between blocks
// and is used by one goroutine at a time; what it returns is valid until its
// next call.
type transformer struct {
	settings *settings
	names    names
	event    wire.Event
	fields   []wire.Field // what a request gives each of its events
	sealer   sealer

	// The block in hand.
	frame  uint32 // number of the next frame, envelope or line
	dying  dying
	routed []*drainlinev1.Routed
	counts counts
}

func newTransformer(s *settings) *transformer {
	return &transformer{settings: s, sealer: sealer{destinations: s.destinations}}
}

// transform is a pure function of the block: the same block gives the same
// batches with the same ids again. It fails for a block that was never decoded
// from bytes, in which strings may not be UTF-8.
func (t *transformer) transform(block *drainlinev1.RawBlock) (output, error) {
	id := wire.ToID(block.GetId())
	t.frame, t.dying, t.routed, t.counts = 0, dying{}, nil, counts{}
	t.sealer.start(id)
	for _, r := range block.GetRequests() {
		t.request(r)
	}
	t.sealer.flush()
	t.counts.Bad = t.dying.count
	dead, err := t.dying.letters(id)
	if err != nil {
		return output{}, err
	}
	return output{Batches: t.sealer.batches, Dead: dead, Routed: t.routed, Counts: t.counts}, nil
}

// trim lets go of buffers that a rare large block has made; what transform
// returned is not used any more.
func (t *transformer) trim() { t.sealer.trim() }

func (t *transformer) request(r *drainlinev1.Request) {
	from := newSource(r)
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
		t.dying.add(r, reasonUnframed, "part of the body is no octet-counted frame, or follows one whose length is wrong", r.GetBody())
	default:
		t.dying.add(r, reasonUnsupported,
			fmt.Sprintf("a body of encoding %v is not read by this version", r.GetEncoding()), r.GetBody())
	}
}

func newSource(r *drainlinev1.Request) source {
	s := source{origin: wire.Origin{
		RequestID: wire.ToID(r.GetId()), Door: r.GetDoor(), Credential: r.GetCredential(), DrainToken: r.GetDrainToken(),
		ReceivedNS: r.GetReceivedNs(), Traceparent: r.GetTrace().GetTraceparent(), Tracestate: r.GetTrace().GetTracestate(),
	}}
	if r.GetAck() != nil {
		s.routed = &drainlinev1.Routed{Ack: r.GetAck()}
	}
	return s
}

// add takes an event as that of the next frame.
func (t *transformer) add(e *wire.Event) {
	t.sealer.add(e, t.frame)
	t.frame++
	t.counts.Events++
}

// logplex makes events of the frames of one request.
func (t *transformer) logplex(r *drainlinev1.Request, from source) {
	d := t.settings.drain(r.GetDrainToken())
	common := t.lines(r, d)
	from.origin.App, from.destinations = common.app.text, d.destinations
	t.sealer.request(from)
	sd, body, start := d.structured(r), r.GetBody(), 0
	s := logplex.Scan(body)
	for s.Next() {
		whole := body[start:s.Offset()]
		start = s.Offset()
		m, err := logplex.Parse(s.Frame(), sd)
		if err != nil {
			t.dying.add(r, reasonBadFrame, err.Error(), whole)
			t.frame++
			continue
		}
		if !m.HasTime {
			m.Time = r.GetReceivedNs()
		}
		if t.handedOver(m.Time, d) {
			t.frame++
			continue
		}
		common.fill(&t.event, &m, &t.names)
		t.countLoss()
		t.add(&t.event)
	}
	if rest := body[start:]; len(rest) > 0 {
		// Ingest sends whole frames only; another producer may not.
		t.dying.add(r, reasonUnframed, s.Err().Error(), rest)
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
func (t *transformer) countLoss() {
	switch t.event.Code {
	case "L10":
		t.counts.L10 += heroku.Lost(t.event.Text)
	case "L12":
		t.counts.L12 += heroku.Lost(t.event.Text)
	case "L13":
		t.counts.L13 += heroku.Lost(t.event.Text)
	}
}

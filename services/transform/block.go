package transform

import (
	"fmt"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
)

// Reason codes of transform's dead letters.
const (
	// ReasonUnframed is the part of a Logplex body that is no frame, or follows a
	// frame whose length is wrong.
	ReasonUnframed = "unframed"
	// ReasonBadFrame is a frame without the header of a Logplex frame.
	ReasonBadFrame = "bad_frame"
	// ReasonUnsupported is a request of a kind this version does not read.
	ReasonUnsupported = "unsupported"
	// ReasonDamaged is a message that is not what was published.
	ReasonDamaged = "damaged"
)

// Output is what one block becomes: everything in it has to be stored before
// the block may be acknowledged.
type Output struct {
	Batches []SealedBatch
	Dead    []*drainlinev1.DeadBlock
	Counts  Counts
}

// SealedBatch is an EventBatch ready to be published.
type SealedBatch struct {
	ID          wire.ID
	Destination string
	Events      int
	Payload     []byte
}

// Counts say what became of one block's frames.
type Counts struct {
	Requests int
	Events   int
	Bad      int // frames and unframed parts that are dead letters now
}

// Transformer turns blocks into event batches. It keeps buffers between blocks
// and is used by one goroutine at a time; what it returns is valid until its
// next call.
type Transformer struct {
	destinations []string
	names        names
	event        wire.Event

	origins []wire.Origin
	events  []byte
	frames  []encodedFrame
	batch   []byte
	sealed  [][]byte
	used    int
}

// encodedFrame is where a frame's event ends in the events buffer.
type encodedFrame struct {
	frame uint32
	end   int
}

// NewTransformer makes a Transformer that sends every event to each destination.
func NewTransformer(destinations []string) *Transformer {
	return &Transformer{destinations: destinations}
}

// Transform is a pure function of the block: the same block gives the same
// batches with the same ids again.
func (t *Transformer) Transform(block *drainlinev1.RawBlock) Output {
	t.origins, t.events, t.frames, t.used = t.origins[:0], t.events[:0], t.frames[:0], 0
	var (
		out   Output
		dying dying
		frame uint32
	)
	for _, r := range block.GetRequests() {
		out.Counts.Requests++
		switch r.GetEncoding() {
		case drainlinev1.Encoding_ENCODING_FRAMES:
			frame = t.request(r, frame, &dying)
		case drainlinev1.Encoding_ENCODING_UNFRAMED:
			dying.add(r, ReasonUnframed, "part of the body is no octet-counted frame, or follows one whose length is wrong", r.GetBody())
		default:
			dying.add(r, ReasonUnsupported,
				fmt.Sprintf("a body of encoding %v is not read by this version", r.GetEncoding()), r.GetBody())
		}
	}
	out.Counts.Events = len(t.frames)
	out.Counts.Bad = dying.count
	out.Dead = dying.letters(wire.ToID(block.GetId()))
	for _, d := range t.destinations {
		out.Batches = t.seal(out.Batches, wire.ToID(block.GetId()), d, t.frames, 0)
	}
	return out
}

// request encodes the events of one request and returns the number of the next frame.
func (t *Transformer) request(r *drainlinev1.Request, frame uint32, dying *dying) uint32 {
	origin := wire.Origin{
		RequestID: wire.ToID(r.GetId()), Door: r.GetDoor(), Credential: r.GetCredential(), DrainToken: r.GetDrainToken(),
		ReceivedNS: r.GetReceivedNs(), Traceparent: r.GetTrace().GetTraceparent(), Tracestate: r.GetTrace().GetTracestate(),
	}
	app := t.names.app(r)
	origin.App = app.word.text
	t.origins = append(t.origins, origin)
	sd := logplex.SDFor(r.GetFacts().GetUserAgent(), r.GetDrainToken())
	body := r.GetBody()
	start := 0
	s := logplex.Scan(body)
	for s.Next() {
		whole := body[start:s.Offset()]
		start = s.Offset()
		m, err := logplex.Parse(s.Frame(), sd)
		if err != nil {
			dying.add(r, ReasonBadFrame, err.Error(), whole)
			frame++
			continue
		}
		fill(&t.event, &m, app, &t.names)
		t.event.Origin = uint32(len(t.origins) - 1)
		if !m.HasTime {
			t.event.TimeNS = r.GetReceivedNs()
		}
		t.events = wire.AppendEvent(t.events, &t.event)
		t.frames = append(t.frames, encodedFrame{frame: frame, end: len(t.events)})
		frame++
	}
	if rest := body[start:]; len(rest) > 0 {
		// Ingest sends whole frames only; another producer may not.
		dying.add(r, ReasonUnframed, s.Err().Error(), rest)
	}
	return frame
}

// seal makes one batch of a range of frames, or two of its halves when it is too
// large to publish. Begin is where the range's events begin in t.events.
func (t *Transformer) seal(batches []SealedBatch, block wire.ID, destination string, frames []encodedFrame, begin int) []SealedBatch {
	if len(frames) == 0 {
		return batches
	}
	first, last := frames[0], frames[len(frames)-1]
	b := wire.Batch{
		ID: wire.BatchID(block, destination, first.frame, last.frame), BlockID: block, Destination: destination,
		FirstFrame: first.frame, LastFrame: last.frame, Origins: t.origins,
	}
	t.batch = wire.AppendBatch(t.batch[:0], &b)
	t.batch = append(t.batch, t.events[begin:last.end]...)
	payload := wire.Seal(t.scratch(), t.batch)
	if len(payload) > wire.MaxPayload && len(frames) > 1 {
		half := len(frames) / 2
		batches = t.seal(batches, block, destination, frames[:half], begin)
		return t.seal(batches, block, destination, frames[half:], frames[half-1].end)
	}
	t.keep(payload)
	return append(batches, SealedBatch{ID: b.ID, Destination: destination, Events: len(frames), Payload: payload})
}

// scratch is the next reusable payload buffer; keep gives it back, grown.
func (t *Transformer) scratch() []byte {
	if t.used < len(t.sealed) {
		return t.sealed[t.used][:0]
	}
	return nil
}

func (t *Transformer) keep(payload []byte) {
	if t.used < len(t.sealed) {
		t.sealed[t.used] = payload
	} else {
		t.sealed = append(t.sealed, payload)
	}
	t.used++
}

// dying gathers what becomes dead letters: one a reason, with the requests it
// came from, their facts and the bytes as they were sent.
type dying struct {
	count   int
	reasons []*dyingReason
}

type dyingReason struct {
	code     string
	sentence string
	from     *drainlinev1.Request // the request that was added last
	block    *drainlinev1.RawBlock
}

func (d *dying) add(r *drainlinev1.Request, code, sentence string, body []byte) {
	d.count++
	var reason *dyingReason
	for _, known := range d.reasons {
		if known.code == code {
			reason = known
		}
	}
	if reason == nil {
		reason = &dyingReason{code: code, sentence: sentence, block: &drainlinev1.RawBlock{}}
		d.reasons = append(d.reasons, reason)
	}
	if reason.from == r {
		part := reason.block.GetRequests()[len(reason.block.GetRequests())-1]
		part.Body = append(part.GetBody(), body...)
		return
	}
	reason.from = r
	reason.block.Requests = append(reason.block.Requests, &drainlinev1.Request{
		Id: r.GetId(), Door: r.GetDoor(), Credential: r.GetCredential(), DrainToken: r.GetDrainToken(), FrameId: r.GetFrameId(),
		RequestId: r.GetRequestId(), Facts: r.GetFacts(), Query: r.GetQuery(), ReceivedNs: r.GetReceivedNs(), Trace: r.GetTrace(),
		Encoding: r.GetEncoding(), Body: append([]byte(nil), body...),
	})
}

func (d *dying) letters(block wire.ID) []*drainlinev1.DeadBlock {
	letters := make([]*drainlinev1.DeadBlock, 0, len(d.reasons))
	for _, reason := range d.reasons {
		id := wire.DeadID(block, wire.StageTransform, reason.code)
		reason.block.Id = id[:]
		oldest := reason.block.GetRequests()[0]
		letters = append(letters, &drainlinev1.DeadBlock{
			Id: id[:], Stage: wire.StageTransform, Reason: reason.code, Sentence: reason.sentence,
			Content: drainlinev1.Content_CONTENT_RAW_BLOCK, Original: encode(reason.block),
			ReceivedNs: oldest.GetReceivedNs(), Trace: oldest.GetTrace(),
		})
	}
	return letters
}

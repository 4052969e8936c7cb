package transform

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
)

// Reason codes of transform's dead letters.
const (
	// reasonUnframed is the part of a Logplex body that is no frame, or follows a
	// frame whose length is wrong.
	reasonUnframed = "unframed"
	// reasonBadFrame is a frame without the header of a Logplex frame.
	reasonBadFrame = "bad_frame"
	// reasonUnsupported is a request of a kind this version does not read.
	reasonUnsupported = "unsupported"
	// reasonUnpublishable is a block of which a part can never be stored.
	reasonUnpublishable = "unpublishable"
)

// What a transformer keeps for the next block: room for several times the usual
// one, in bytes and in requests or frames.
const (
	keptBuffer  = 8 * wire.MaxBlock
	keptRecords = 16 << 10
)

// output is what one block becomes: everything in it has to be stored before
// the block may be acknowledged.
type output struct {
	Batches []sealedBatch
	Dead    []*drainlinev1.DeadBlock
	Counts  counts
}

// sealedBatch is an EventBatch ready to be published.
type sealedBatch struct {
	ID          wire.ID
	Destination string
	Events      int
	Payload     []byte
}

// counts say what became of one block's frames.
type counts struct {
	Requests int
	Events   int
	Bad      int // frames and unframed parts that are dead letters now
}

// transformer turns blocks into event batches. It keeps buffers between blocks
// and is used by one goroutine at a time; what it returns is valid until its
// next call.
type transformer struct {
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

// newTransformer makes a transformer that sends every event to each destination.
func newTransformer(destinations []string) *transformer {
	return &transformer{destinations: destinations}
}

// transform is a pure function of the block: the same block gives the same
// batches with the same ids again. It fails for a block that was never decoded
// from bytes, in which strings may not be UTF-8.
func (t *transformer) transform(block *drainlinev1.RawBlock) (output, error) {
	t.origins, t.events, t.frames, t.used = t.origins[:0], t.events[:0], t.frames[:0], 0
	var (
		out   output
		dying dying
		frame uint32
	)
	for _, r := range block.GetRequests() {
		out.Counts.Requests++
		switch r.GetEncoding() {
		case drainlinev1.Encoding_ENCODING_FRAMES:
			frame = t.request(r, frame, &dying)
		case drainlinev1.Encoding_ENCODING_UNFRAMED:
			dying.add(r, reasonUnframed, "part of the body is no octet-counted frame, or follows one whose length is wrong", r.GetBody())
		default:
			dying.add(r, reasonUnsupported,
				fmt.Sprintf("a body of encoding %v is not read by this version", r.GetEncoding()), r.GetBody())
		}
	}
	out.Counts.Events = len(t.frames)
	out.Counts.Bad = dying.count
	var err error
	if out.Dead, err = dying.letters(wire.ToID(block.GetId())); err != nil {
		return output{}, err
	}
	for _, d := range t.destinations {
		out.Batches = t.seal(out.Batches, wire.ToID(block.GetId()), d, t.frames, 0)
	}
	return out, nil
}

// trim lets go of buffers that a rare large block has made; what transform
// returned is not used any more.
func (t *transformer) trim() {
	if cap(t.events) > keptBuffer {
		t.events = nil
	}
	if cap(t.batch) > keptBuffer {
		t.batch = nil
	}
	if cap(t.origins) > keptRecords || cap(t.frames) > keptRecords {
		t.origins, t.frames = nil, nil
	}
	if usual := len(t.destinations); len(t.sealed) > usual { // batches were halved
		t.sealed = append([][]byte(nil), t.sealed[:usual]...)
	}
	for i := range t.sealed {
		if cap(t.sealed[i]) > keptBuffer {
			t.sealed[i] = nil
		}
	}
}

// request encodes the events of one request and returns the number of the next frame.
func (t *transformer) request(r *drainlinev1.Request, frame uint32, dying *dying) uint32 {
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
			dying.add(r, reasonBadFrame, err.Error(), whole)
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
		dying.add(r, reasonUnframed, s.Err().Error(), rest)
	}
	return frame
}

// seal makes one batch of a range of frames, or two of its halves when it is too
// large to publish. Begin is where the range's events begin in t.events.
func (t *transformer) seal(batches []sealedBatch, block wire.ID, destination string, frames []encodedFrame, begin int) []sealedBatch {
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
	return append(batches, sealedBatch{ID: b.ID, Destination: destination, Events: len(frames), Payload: payload})
}

// scratch is the next reusable payload buffer; keep gives it back, grown.
func (t *transformer) scratch() []byte {
	if t.used < len(t.sealed) {
		return t.sealed[t.used][:0]
	}
	return nil
}

func (t *transformer) keep(payload []byte) {
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

func (d *dying) letters(block wire.ID) ([]*drainlinev1.DeadBlock, error) {
	letters := make([]*drainlinev1.DeadBlock, 0, len(d.reasons))
	for _, reason := range d.reasons {
		id := wire.DeadID(block, wire.StageTransform, reason.code)
		reason.block.Id = id[:]
		original, err := proto.Marshal(reason.block)
		if err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", reason.code, err)
		}
		oldest := reason.block.GetRequests()[0]
		letters = append(letters, &drainlinev1.DeadBlock{
			Id: id[:], Stage: wire.StageTransform, Reason: reason.code, Sentence: reason.sentence,
			Content: drainlinev1.Content_CONTENT_RAW_BLOCK, Original: original,
			ReceivedNs: oldest.GetReceivedNs(), Trace: oldest.GetTrace(),
		})
	}
	return letters, nil
}

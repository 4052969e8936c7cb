package transform

import (
	"bytes"
	"slices"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// A section is what is made into one batch a destination: all of a usual block.
// What a request gives each of its events can make many times its bytes of them, so
// a section ends when it has as many events, or as many bytes of them when encoded.
const (
	sectionEvents = 16 << 10
	sectionBytes  = 8 * wire.MaxBlock
)

// keptBuffer is what a buffer keeps for the next block, in bytes: room for several
// times the usual one.
const keptBuffer = sectionBytes

// sealedBatch is an EventBatch ready to be published.
type sealedBatch struct {
	ID          wire.ID
	Destination string
	Events      int
	Payload     []byte
}

// sealer gathers the encoded events of a block and seals them as batches. It keeps
// its buffers: what it made is valid until the next start.
type sealer struct {
	destinations []string
	block        wire.ID
	batches      []sealedBatch
	// source is the request in hand; open says that the section has its origin.
	source source
	open   bool

	// The section: its requests that have events, their events one after another, and
	// where each event is.
	sources []source
	origins []wire.Origin
	events  []byte
	frames  []encodedFrame
	// Whether a request of the section goes to some destinations only, and whether
	// one is waited for.
	picky, awaited bool

	chosen   []encodedFrame
	named    []wire.Origin
	batch    []byte
	payloads [][]byte // one a destination, and one to seal what is copied then
}

// source is a request, as its batches need it.
type source struct {
	origin wire.Origin
	// destinations are the only ones its events go to; none means all.
	destinations []string
	// routed gathers the batches that hold its events; nil when nobody waits for them.
	routed *drainlinev1.Routed
}

// encodedFrame is where a frame's event is in the section.
type encodedFrame struct {
	frame      uint32
	source     uint32
	begin, end int
}

// start begins another block.
func (s *sealer) start(block wire.ID) {
	s.block, s.batches = block, nil
	s.clear()
}

// request says where the events come from that are added next.
func (s *sealer) request(from source) { s.source, s.open = from, false }

// add encodes the event of a frame into the section. Numbers of frames grow.
func (s *sealer) add(e *wire.Event, frame uint32) {
	if len(s.frames) >= sectionEvents || len(s.events) >= sectionBytes {
		s.flush()
	}
	if !s.open {
		s.sources = append(s.sources, s.source)
		s.origins = append(s.origins, s.source.origin)
		s.picky = s.picky || len(s.source.destinations) > 0
		s.awaited = s.awaited || s.source.routed != nil
		s.open = true
	}
	e.Origin = uint32(len(s.sources) - 1)
	begin := len(s.events)
	s.events = wire.AppendEvent(s.events, e)
	s.frames = append(s.frames, encodedFrame{frame: frame, source: e.Origin, begin: begin, end: len(s.events)})
}

// flush seals the section and begins the next.
func (s *sealer) flush() {
	for _, destination := range s.destinations {
		s.seal(destination, s.framesFor(destination))
	}
	s.clear()
}

func (s *sealer) clear() {
	s.sources, s.origins, s.events, s.frames = s.sources[:0], s.origins[:0], s.events[:0], s.frames[:0]
	s.open, s.picky, s.awaited = false, false, false
}

func (s *sealer) framesFor(destination string) []encodedFrame {
	if !s.picky {
		return s.frames
	}
	s.chosen = s.chosen[:0]
	for _, f := range s.frames {
		if only := s.sources[f.source].destinations; len(only) == 0 || slices.Contains(only, destination) {
			s.chosen = append(s.chosen, f)
		}
	}
	return s.chosen
}

// seal makes one batch of frames, or two of their halves when it is too large to
// publish.
func (s *sealer) seal(destination string, frames []encodedFrame) {
	if len(frames) == 0 {
		return
	}
	b := wire.Batch{
		ID: s.batchID(destination, frames), BlockID: s.block, Destination: destination,
		FirstFrame: frames[0].frame, LastFrame: frames[len(frames)-1].frame,
		Origins: s.originsOf(frames), Ack: s.isAwaited(frames),
	}
	s.batch = wire.AppendBatch(s.batch[:0], &b)
	s.batch = s.appendEvents(s.batch, frames)
	payload := s.sealed(s.batch)
	if half := len(frames) / 2; half > 0 && (len(payload) > wire.MaxPayload || len(s.batch) > wire.MaxDecoded) {
		s.seal(destination, frames[:half])
		s.seal(destination, frames[half:])
		return
	}
	if len(s.batches) >= len(s.destinations) {
		payload = bytes.Clone(payload)
	}
	s.batches = append(s.batches, sealedBatch{ID: b.ID, Destination: destination, Events: len(frames), Payload: payload})
	if b.Ack {
		s.tell(b.ID, frames)
	}
}

// sealed seals into the buffer of the next batch. A block has one batch a
// destination, and those of rare others share a buffer.
func (s *sealer) sealed(message []byte) []byte {
	at := min(len(s.batches), len(s.destinations))
	if at == len(s.payloads) {
		s.payloads = append(s.payloads, nil)
	}
	s.payloads[at] = wire.Seal(s.payloads[at][:0], message)
	return s.payloads[at]
}

// batchID identifies the frames as wire.BatchID does. Where frames are left out,
// each run of those that are not changes the id: after another has been left out, the
// batch must not be taken for the one that was stored before.
func (s *sealer) batchID(destination string, frames []encodedFrame) wire.ID {
	id := s.block
	for len(frames) > 0 {
		run := runLength(frames)
		id = wire.BatchID(id, destination, frames[0].frame, frames[run-1].frame)
		frames = frames[run:]
	}
	return id
}

// runLength is how many frames at the start follow each other.
func runLength(frames []encodedFrame) int {
	for i := 1; i < len(frames); i++ {
		if frames[i].frame != frames[i-1].frame+1 {
			return i
		}
	}
	return len(frames)
}

// originsOf are the origins of the section. Those the frames do not have are empty,
// so that each keeps its position.
func (s *sealer) originsOf(frames []encodedFrame) []wire.Origin {
	if len(frames) == len(s.frames) {
		return s.origins
	}
	s.named = append(s.named[:0], make([]wire.Origin, len(s.origins))...)
	for _, f := range frames {
		s.named[f.source] = s.origins[f.source]
	}
	return s.named
}

func (s *sealer) appendEvents(dst []byte, frames []encodedFrame) []byte {
	for i := 0; i < len(frames); {
		begin, end := frames[i].begin, frames[i].end
		for i++; i < len(frames) && frames[i].begin == end; i++ {
			end = frames[i].end
		}
		dst = append(dst, s.events[begin:end]...)
	}
	return dst
}

func (s *sealer) isAwaited(frames []encodedFrame) bool {
	return s.awaited && slices.ContainsFunc(frames, func(f encodedFrame) bool { return s.sources[f.source].routed != nil })
}

// tell notes with each request that is waited for that the batch holds some of it.
func (s *sealer) tell(batch wire.ID, frames []encodedFrame) {
	for i, f := range frames {
		if i > 0 && frames[i-1].source == f.source {
			continue
		}
		if routed := s.sources[f.source].routed; routed != nil {
			routed.Batches = append(routed.Batches, bytes.Clone(batch[:]))
		}
	}
}

// trim lets go of buffers that a rare large block has made.
func (s *sealer) trim() {
	for _, b := range []*[]byte{&s.events, &s.batch} {
		if cap(*b) > keptBuffer {
			*b = nil
		}
	}
	for i := range s.payloads {
		if cap(s.payloads[i]) > keptBuffer {
			s.payloads[i] = nil
		}
	}
}

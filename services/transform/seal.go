package transform

import (
	"bytes"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/tracing"
)

// A section is what is made into one batch a destination: all of a usual block.
// What a request gives each of its events can make many times its bytes of them, so
// a section ends when it has as many events, or as many bytes of them when encoded.
const (
	sectionEvents = 16 << 10
	sectionBytes  = 8 * wire.MaxBlock
	// sectionTokens bounds the HEC tokens of a section, the destinations' own among them: a
	// token has batches of its own.
	sectionTokens = 16
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
	// Carries are the sampled contexts of the requests that have events in it.
	Carries tracing.Contexts
}

// sealer gathers the encoded events of a block and seals them as batches. It keeps
// its buffers: what it made is valid until the next start.
type sealer struct {
	destinations []string
	lanes        []lane
	block        wire.ID
	// seed is what ids of batches are made of: the block's id, and what of other blocks
	// was joined to it.
	seed wire.ID
	// sections counts those that are sealed.
	sections uint32
	batches  []sealedBatch
	// source is the request in hand; open says that the section has its origin.
	source source
	open   bool
	// The origin of the event in hand, and those of its request by their apps: lines of
	// one request may be of several.
	origin uint32
	apps   map[string]uint32

	// The section: its requests that have events, and in its lanes their events.
	sources []source
	origins []wire.Origin
	// tokens are the names that its events are sent with, first none, which leaves the
	// choice to the destination. The event in hand has the one at token.
	tokens []string
	token  uint8
	// awaited says that a request of the section is waited for.
	awaited bool

	chosen   []encodedFrame
	runs     []uint32
	named    []wire.Origin
	batch    []byte
	payloads [][]byte // one a destination, and one to seal what is copied then
}

// lane is the events of a section as some destinations get them, one after another.
type lane struct {
	// destinations have a bit each, in the order of their names.
	destinations uint64
	// metrics says that they are metrics. Those are batches of their own, with ids of
	// their own: they have the numbers of the frames that their lines have, too.
	metrics bool

	events []byte
	frames []encodedFrame
	// picky says that an event goes to some of the destinations only.
	picky bool
}

// source is a request, as its batches need it.
type source struct {
	origin wire.Origin
	// trace is the sampled context of the request, if it has one.
	trace trace.SpanContext
	// named are the destinations that its drain names, a bit each.
	named uint64
	// routed gathers the batches that hold its events; nil when nobody waits for them.
	routed *drainlinev1.Routed
}

// encodedFrame is where a frame's event is in the lane, and where it goes.
type encodedFrame struct {
	frame        uint32
	source       uint32
	token        uint8
	begin, end   int
	destinations uint64
}

// newSealer makes a sealer with one lane for all destinations.
func newSealer(destinations []string) sealer {
	return sealer{destinations: destinations, lanes: []lane{{destinations: allOf(destinations)}}, tokens: []string{""}, apps: map[string]uint32{}}
}

// allOf has a bit for each destination.
func allOf(destinations []string) uint64 { return 1<<len(destinations) - 1 }

// start begins another block.
func (s *sealer) start(block wire.ID) {
	s.block, s.seed, s.sections, s.batches = block, block, 0, nil
	s.clear()
}

// request says where the events come from that are added next.
func (s *sealer) request(from source) { s.source, s.open = from, false }

// begin begins the next event, which add is called for once a lane. Token names the HEC
// token that it is sent with, empty for the destination's; app is whose event it is.
func (s *sealer) begin(token, app string) {
	known := slices.Index(s.tokens, token)
	if s.isFull() || known < 0 && len(s.tokens) == sectionTokens {
		s.flush()
		known = slices.Index(s.tokens, token)
	}
	if known < 0 {
		known = len(s.tokens)
		s.tokens = append(s.tokens, strings.Clone(token)) // its memory is the rules' to use again
	}
	s.token = uint8(known)
	if !s.open || s.origins[s.origin].App != app {
		s.from(app)
	}
}

// from makes the origin that of an app's events of the request in hand.
func (s *sealer) from(app string) {
	if !s.open {
		clear(s.apps)
		s.open = true
	} else if known, ok := s.apps[app]; ok {
		s.origin = known
		return
	}
	from := s.source
	from.origin.App = app
	s.origin = uint32(len(s.sources))
	s.apps[app] = s.origin
	s.sources = append(s.sources, from)
	s.origins = append(s.origins, from.origin)
	s.awaited = s.awaited || from.routed != nil
}

// isFull says whether the section has all that it may have.
func (s *sealer) isFull() bool {
	for i := range s.lanes {
		if l := &s.lanes[i]; len(l.frames) >= sectionEvents || len(l.events) >= sectionBytes {
			return true
		}
	}
	return false
}

// add encodes the event of a frame into a lane, for some of its destinations. Numbers of
// frames grow, but for those of joined lines.
func (s *sealer) add(l *lane, e *wire.Event, frame uint32, destinations uint64) {
	e.Origin = s.origin
	begin := len(l.events)
	l.events = wire.AppendEvent(l.events, e)
	destinations &= l.destinations
	l.picky = l.picky || destinations != l.destinations
	l.frames = append(l.frames, encodedFrame{
		frame: frame, source: e.Origin, token: s.token, begin: begin, end: len(l.events), destinations: destinations,
	})
}

// always is what an encoded event may have for any message to have room for it and its
// batch, in bytes.
const always = wire.MaxPayload - 64<<10

// lastFits says whether the event that was added last fits a message. Few are so large
// that it has to be tried.
func (s *sealer) lastFits(l *lane) bool {
	last := l.frames[len(l.frames)-1:]
	if last[0].end-last[0].begin <= always {
		return true
	}
	b := wire.Batch{Destination: longest(s.destinations), Origins: s.originsOf(l, last), Ack: true, Token: s.tokens[last[0].token]}
	return len(wire.Seal(nil, l.appendEvents(wire.AppendBatch(nil, &b), last)))+batchIDs <= wire.MaxPayload
}

// batchIDs is no less than what the ids and numbers of a batch take, in bytes.
const batchIDs = 64

func longest(names []string) string {
	return slices.MaxFunc(names, func(a, b string) int { return len(a) - len(b) })
}

// removeLast takes back what was added last.
func (s *sealer) removeLast(l *lane) {
	last := len(l.frames) - 1
	l.events, l.frames = l.events[:l.frames[last].begin], l.frames[:last]
}

// flush seals the section and begins the next.
func (s *sealer) flush() {
	for i, destination := range s.destinations {
		for n := range s.lanes {
			l := &s.lanes[n]
			if l.destinations>>i&1 == 0 {
				continue
			}
			for token := range s.tokens {
				s.seal(l, destination, s.framesFor(l, i, uint8(token)))
			}
		}
	}
	s.clear()
}

func (s *sealer) clear() {
	for i := range s.lanes {
		l := &s.lanes[i]
		l.events, l.frames, l.picky = l.events[:0], l.frames[:0], false
	}
	s.sources, s.origins, s.tokens = s.sources[:0], s.origins[:0], s.tokens[:1]
	s.sections++
	s.open, s.awaited = false, false
}

// framesFor are the frames of a lane that a destination gets with a token.
func (s *sealer) framesFor(l *lane, destination int, token uint8) []encodedFrame {
	if !l.picky && len(s.tokens) == 1 {
		return l.frames
	}
	s.chosen = s.chosen[:0]
	for _, f := range l.frames {
		if f.destinations>>destination&1 != 0 && f.token == token {
			s.chosen = append(s.chosen, f)
		}
	}
	return s.chosen
}

// seal makes one batch of frames that have one token, or two of their halves when it is too
// large to publish.
func (s *sealer) seal(l *lane, destination string, frames []encodedFrame) {
	if len(frames) == 0 {
		return
	}
	b := wire.Batch{
		ID: s.batchID(l, destination, frames), BlockID: s.block, Destination: destination,
		FirstFrame: frames[0].frame, LastFrame: frames[len(frames)-1].frame,
		Origins: s.originsOf(l, frames), Ack: s.isAwaited(frames),
		Token: s.tokens[frames[0].token],
	}
	s.batch = wire.AppendBatch(s.batch[:0], &b)
	s.batch = l.appendEvents(s.batch, frames)
	payload := s.sealed(s.batch)
	if half := len(frames) / 2; half > 0 && (len(payload) > wire.MaxPayload || len(s.batch) > wire.MaxDecoded) {
		s.seal(l, destination, frames[:half])
		s.seal(l, destination, frames[half:])
		return
	}
	if len(s.batches) >= len(s.destinations) {
		payload = bytes.Clone(payload)
	}
	s.batches = append(s.batches, sealedBatch{ID: b.ID, Destination: destination, Events: len(frames), Payload: payload, Carries: s.carried(b.Origins)})
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

// batchID identifies the frames. Where some are left out, the id says which: after
// others have been left out, the batch must not be taken for the one that was stored
// before. Batches of other tokens have other frames.
func (s *sealer) batchID(l *lane, destination string, frames []encodedFrame) wire.ID {
	id := s.seed
	if l.metrics {
		id = wire.BatchID(id, "metrics") // no destination's id: that would have frames
	}
	s.runs = s.runs[:0]
	if s.seed != s.block {
		// Lines of several blocks may have one number: what tells batches apart is where
		// their events are.
		s.runs = append(s.runs, s.sections, uint32(frames[0].begin))
	}
	for len(frames) > 0 {
		run := runLength(frames)
		s.runs = append(s.runs, frames[0].frame, frames[run-1].frame)
		frames = frames[run:]
	}
	return wire.BatchID(id, destination, s.runs...)
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
func (s *sealer) originsOf(l *lane, frames []encodedFrame) []wire.Origin {
	if len(frames) == len(l.frames) && !l.metrics {
		return s.origins
	}
	s.named = append(s.named[:0], make([]wire.Origin, len(s.origins))...)
	for _, f := range frames {
		s.named[f.source] = s.origins[f.source]
	}
	return s.named
}

func (l *lane) appendEvents(dst []byte, frames []encodedFrame) []byte {
	for i := 0; i < len(frames); {
		begin, end := frames[i].begin, frames[i].end
		for i++; i < len(frames) && frames[i].begin == end; i++ {
			end = frames[i].end
		}
		dst = append(dst, l.events[begin:end]...)
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
		routed := s.sources[f.source].routed
		if routed == nil {
			continue
		}
		// A request of several apps has several sources.
		if last := len(routed.GetBatches()) - 1; last < 0 || !bytes.Equal(routed.GetBatches()[last], batch[:]) {
			routed.Batches = append(routed.Batches, bytes.Clone(batch[:]))
		}
	}
}

// trim lets go of buffers that a rare large block has made.
func (s *sealer) trim() {
	for i := range s.lanes {
		s.lanes[i].events = trimmed(s.lanes[i].events)
	}
	s.batch = trimmed(s.batch)
	for i := range s.payloads {
		s.payloads[i] = trimmed(s.payloads[i])
	}
}

func trimmed(b []byte) []byte {
	if cap(b) > keptBuffer {
		return nil
	}
	return b
}

package transform

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// Reason codes of transform's dead letters.
const (
	// reasonUnframed is the part of a Logplex body that is no frame, or follows a
	// frame whose length is wrong.
	reasonUnframed = "unframed"
	// reasonBadFrame is a frame without the header of a Logplex frame.
	reasonBadFrame = "bad_frame"
	// reasonBadEnvelope is the part of a HEC body that begins with something that is no
	// envelope.
	reasonBadEnvelope = "bad_envelope"
	// reasonUnsupported is a request of a kind this version does not read.
	reasonUnsupported = "unsupported"
	// reasonTooLarge is an event that fits no message on the bus.
	reasonTooLarge = "too_large"
	// reasonUnpublishable is a block of which a part can never be stored.
	reasonUnpublishable = "unpublishable"
)

// maxSentences bounds what a dead letter says of why its parts died.
const maxSentences = 5

// dying gathers what becomes dead letters: one a reason, with the requests it
// came from, their facts and the bytes as they were sent.
type dying struct {
	count   int
	reasons []*dyingReason
}

type dyingReason struct {
	code      string
	sentences []string
	frames    []uint32             // what died, first to last
	from      *drainlinev1.Request // the request that was added last
	last      []byte               // what was added last
	size      int                  // of all that was added, in bytes
	block     *drainlinev1.RawBlock
}

// add adds what was made of a frame.
func (d *dying) add(r *drainlinev1.Request, frame uint32, code, sentence string, body []byte) {
	d.count++
	reason := d.reason(code)
	reason.frames = append(reason.frames, frame)
	if len(reason.sentences) < maxSentences && !slices.Contains(reason.sentences, sentence) {
		reason.sentences = append(reason.sentences, sentence)
	}
	if reason.from == r && isSame(reason.last, body) {
		return // one element of an envelope after another
	}
	reason.last, reason.size = body, reason.size+len(body)
	if reason.from == r {
		part := reason.block.GetRequests()[len(reason.block.GetRequests())-1]
		part.Body = append(part.GetBody(), body...)
		return
	}
	reason.from = r
	reason.block.Requests = append(reason.block.Requests, partOf(r, append([]byte(nil), body...)))
}

// partOf is a request with another body, which nobody waits for.
func partOf(r *drainlinev1.Request, body []byte) *drainlinev1.Request {
	return &drainlinev1.Request{
		Id: r.GetId(), Door: r.GetDoor(), Credential: r.GetCredential(), DrainToken: r.GetDrainToken(), FrameId: r.GetFrameId(),
		RequestId: r.GetRequestId(), Facts: r.GetFacts(), Query: r.GetQuery(), ReceivedNs: r.GetReceivedNs(), Trace: r.GetTrace(),
		Encoding: r.GetEncoding(), Body: body, Defaults: r.GetDefaults(), Marks: r.GetMarks(),
	}
}

// isSame says that two slices are the same bytes, not only equal ones.
func isSame(a, b []byte) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

// reason is where to add what dies for it: a letter must fit a message.
func (d *dying) reason(code string) *dyingReason {
	for _, known := range d.reasons {
		if known.code == code && known.size < wire.MaxBlock {
			return known
		}
	}
	reason := &dyingReason{code: code, block: &drainlinev1.RawBlock{}}
	d.reasons = append(d.reasons, reason)
	return reason
}

// letters are the dead letters of a block. Their ids say which frames died: after rules
// have changed, a letter must not be taken for the one that was stored before.
func (d *dying) letters(block wire.ID) ([]*drainlinev1.DeadBlock, error) {
	letters := make([]*drainlinev1.DeadBlock, 0, len(d.reasons))
	for n, reason := range d.reasons {
		what := wire.BatchID(block, wire.StageTransform, append(reason.frames, uint32(n))...)
		id := wire.DeadID(what, wire.StageTransform, reason.code)
		reason.block.Id = id[:]
		original, err := proto.Marshal(reason.block)
		if err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", reason.code, err)
		}
		oldest, traced := reason.block.GetRequests()[0], firstTraced(reason.block.GetRequests())
		letters = append(letters, &drainlinev1.DeadBlock{
			Id: id[:], Stage: wire.StageTransform, Reason: reason.code, Sentence: strings.Join(reason.sentences, "; "),
			Content: drainlinev1.Content_CONTENT_RAW_BLOCK, Original: original,
			ReceivedNs: oldest.GetReceivedNs(), Trace: traced.GetTrace(),
		})
	}
	return letters, nil
}

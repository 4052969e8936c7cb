package transform

import (
	"fmt"

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
	// reasonUnpublishable is a block of which a part can never be stored.
	reasonUnpublishable = "unpublishable"
)

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
		Encoding: r.GetEncoding(), Body: append([]byte(nil), body...), Defaults: r.GetDefaults(), Marks: r.GetMarks(),
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

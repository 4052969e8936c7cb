package door

import (
	"context"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
)

// Store keeps what comes through the door.
type Store interface {
	// Store returns nil once every part of the parcel is stored, now or by an earlier
	// request with the same ids. After an error the sender must be told to try again.
	// The bodies of the parts are not read any more when it returns.
	Store(ctx context.Context, p *Parcel) error
}

// Parcel is one HTTP request as it goes on the bus.
type Parcel struct {
	// Shard is the same for all requests of one drain.
	Shard string
	// Repeatable says that a retry of the request has the same ids.
	Repeatable bool
	Parts      []Part
}

// Part is a piece of a request that fits a block.
type Part struct {
	ID      wire.ID
	Request *drainlinev1.Request
	// Frames is the number of frames in the part, 0 for what is no frame.
	Frames int
}

// cut makes the parts of a body whose request has that id. Notices of loss at its
// head are parts of their own, with ids of their own: a retry may carry newer
// ones, and all else in it is still the same. The first part keeps the id.
func cut(id wire.ID, body []byte, frames, framed int) []Part {
	loss := logplex.LeadingL10(body)
	if loss == 0 && len(body) <= wire.MaxBlock && framed == len(body) {
		return []Part{part(id, logplex.Part{Body: body, Frames: frames})}
	}
	parts := appendParts(nil, wire.LossID(id, body[:loss]), body[:loss], 0)
	losses := 0
	for _, p := range parts {
		losses += p.Frames
	}
	return appendParts(parts, id, body[loss:], losses)
}

func appendParts(parts []Part, id wire.ID, body []byte, before int) []Part {
	for i, p := range logplex.Split(body, wire.MaxBlock) {
		p.First += before
		if i == 0 {
			parts = append(parts, part(id, p))
		} else {
			parts = append(parts, part(wire.PartID(id, i), p))
		}
	}
	return parts
}

func part(id wire.ID, p logplex.Part) Part {
	encoding := drainlinev1.Encoding_ENCODING_FRAMES
	if p.Frames == 0 {
		encoding = drainlinev1.Encoding_ENCODING_UNFRAMED
	}
	return Part{ID: id, Frames: p.Frames, Request: &drainlinev1.Request{
		Id: id[:], Encoding: encoding, Body: p.Body,
		FirstFrame: uint32(p.First),
	}}
}

package door

import (
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/logplex"
)

// cut makes the parts of a body whose request has that id. Notices of loss at its
// head are parts of their own, with ids of their own: a retry may carry newer
// ones, and all else in it is still the same. The first part keeps the id.
func cut(id wire.ID, body []byte, frames, framed int) []parcel.Part {
	loss := logplex.LeadingL10(body)
	if loss == 0 && len(body) <= wire.MaxBlock && framed == len(body) {
		return []parcel.Part{part(id, logplex.Part{Body: body, Frames: frames})}
	}
	parts := appendParts(nil, wire.LossID(id, body[:loss]), body[:loss], 0)
	losses := 0
	for _, p := range parts {
		losses += p.Frames
	}
	return appendParts(parts, id, body[loss:], losses)
}

func appendParts(parts []parcel.Part, id wire.ID, body []byte, before int) []parcel.Part {
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

func part(id wire.ID, p logplex.Part) parcel.Part {
	encoding := drainlinev1.Encoding_ENCODING_FRAMES
	if p.Frames == 0 {
		encoding = drainlinev1.Encoding_ENCODING_UNFRAMED
	}
	return parcel.Part{ID: id, Frames: p.Frames, Request: &drainlinev1.Request{
		Id: id[:], Encoding: encoding, Body: p.Body,
		FirstFrame: uint32(p.First),
	}}
}

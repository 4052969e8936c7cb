package collector

import (
	"cmp"
	"fmt"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/trace"
	"github.com/drainline/drainline/services/internal/hec"
)

// message is a body that has been checked, cut into pieces that fit a block.
type message struct {
	encoding drainlinev1.Encoding
	defaults *drainlinev1.Defaults
	pieces   []piece
	// events and size are those of all pieces; size is in bytes.
	events, size int
}

// piece points into the body.
type piece struct {
	body   []byte
	events int
}

func (m *message) add(body []byte, events int) {
	m.pieces = append(m.pieces, piece{body, events})
	m.events += events
	m.size += len(body)
}

// open checks a body. It fails with a *hec.RefusedError.
func (q *request) open(e endpoint, body []byte) (*message, error) {
	defaults, err := q.eventDefaults()
	if err != nil {
		return nil, err
	}
	if e == raw {
		return q.openRaw(body, defaults)
	}
	return q.openEvents(body, defaults)
}

// openEvents checks every envelope before any is stored. The body may be changed:
// where its envelopes are in an array, the commas between them are wiped out.
func (q *request) openEvents(body []byte, defaults *drainlinev1.Defaults) (*message, error) {
	m := &message{encoding: drainlinev1.Encoding_ENCODING_HEC_EVENTS, defaults: defaults}
	in := hec.NewScanner(body, q.rules.eventLimits())
	start, end, events := 0, 0, 0 // of the piece that is collected
	for in.Next() {
		e := in.Envelope()
		if err := q.checkIndex(cmp.Or(e.Index, defaults.GetIndex()), in.Events()-1); err != nil {
			return nil, err
		}
		switch {
		case events > 0 && e.End-start > wire.MaxBlock:
			m.add(in.Body()[start:end], events)
			start, events = e.Start, 0
		case events == 0:
			start = e.Start
		case in.Array():
			wipe(in.Body()[end:e.Start])
		}
		end = e.End
		events++
	}
	if refused := in.Refused(); refused != nil {
		return nil, refused
	}
	m.add(in.Body()[start:end], events)
	return m, nil
}

func wipe(separator []byte) {
	for i := range separator {
		separator[i] = ' '
	}
}

// openRaw cuts a body between its lines, of which there may be any number: a file
// that somebody posts is not lost for having many short ones.
func (q *request) openRaw(body []byte, defaults *drainlinev1.Defaults) (*message, error) {
	m := &message{encoding: drainlinev1.Encoding_ENCODING_HEC_RAW, defaults: defaults}
	for part, lines := range hec.Parts(body, wire.MaxBlock, q.rules.MaxEvent) {
		m.add(part, lines)
	}
	if m.events == 0 {
		return nil, refusal(hec.NoData, "")
	}
	return m, q.checkIndex(defaults.GetIndex(), 0)
}

// checkIndex holds the index of an event to those that the token allows.
func (q *request) checkIndex(index string, event int) error {
	if q.token.mayWrite(index) {
		return nil
	}
	return &hec.RefusedError{Code: hec.IncorrectIndex, Event: event, Reason: fmt.Sprintf("the token does not allow index %.100q", index)}
}

// parcel is a message as it goes on the bus. Its ids are random: HEC has nothing by
// which to know a client's second try of a request from another request.
func (q *request) parcel(m *message, ack *drainlinev1.Ack) *parcel.Parcel {
	id := wire.RandomID()
	p := &parcel.Parcel{Shard: q.token.Name + " " + q.client, Parts: make([]parcel.Part, len(m.pieces))}
	facts := &drainlinev1.Facts{UserAgent: parcel.Text(q.http.UserAgent(), parcel.MaxUserAgent), RemoteAddr: q.client}
	traced, before := trace.Of(q.http), 0
	for i, piece := range m.pieces {
		part := id
		if i > 0 {
			part = wire.PartID(id, i)
		}
		p.Parts[i] = parcel.Part{ID: part, Frames: piece.events, Request: &drainlinev1.Request{
			Id: part[:], Door: drainlinev1.Door_DOOR_HEC, Credential: q.token.Name, Facts: facts,
			ReceivedNs: q.received.UnixNano(), Trace: traced, Encoding: m.encoding, Body: piece.body,
			FirstFrame: uint32(before), Defaults: m.defaults, Ack: ackOf(ack, i, len(m.pieces)),
		}}
		before += piece.events
	}
	return p
}

// ackOf is the ack of one part, nil for a token that does not acknowledge.
func ackOf(ack *drainlinev1.Ack, part, parts int) *drainlinev1.Ack {
	if ack == nil {
		return nil
	}
	return &drainlinev1.Ack{
		Channel: ack.GetChannel(), Id: ack.GetId(), Part: uint32(part), Parts: uint32(parts), IssuedNs: ack.GetIssuedNs(),
	}
}

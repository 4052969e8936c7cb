package wire

import (
	"errors"
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Batch is an EventBatch as the hot path holds it: without a pointer an event
// or a copy a string.
type Batch struct {
	ID          ID
	BlockID     ID
	Destination string
	FirstFrame  uint32
	LastFrame   uint32
	Origins     []Origin
	Events      []Event
	// Ack says that somebody waits to hear that the batch is settled.
	Ack bool
	// Token names the HEC token to send the events with in place of the destination's, empty
	// for the destination's. It is never a secret.
	Token string
}

// Origin is what the events of one request share.
type Origin struct {
	RequestID   ID
	Door        drainlinev1.Door
	Credential  string
	DrainToken  string
	App         string
	ReceivedNS  int64
	Traceparent string
	Tracestate  string
}

// Event is one log line. Text or JSON is its body: where JSON is empty, Text is it.
type Event struct {
	TimeNS     int64
	Host       string
	Source     string
	Sourcetype string
	Index      string
	Text       []byte
	JSON       []byte
	Fields     []Field
	Origin     uint32
	Kind       string
	Code       string
	Dyno       string
	Process    string
	Facility   uint8
	Severity   uint8
}

// Field is one indexed field; JSON is its value as one JSON value.
type Field struct {
	Name string
	JSON []byte
}

// Tags of drainline.v1.EventBatch and the messages in it: field number and wire
// type. All numbers are below 16, which makes each tag one byte.
const (
	varint, bytes = 0, 2 // wire types

	batchID          = 1<<3 | bytes
	batchBlock       = 2<<3 | bytes
	batchDestination = 3<<3 | bytes
	batchFirst       = 4<<3 | varint
	batchLast        = 5<<3 | varint
	batchOrigins     = 6<<3 | bytes
	batchEvents      = 7<<3 | bytes
	batchAck         = 8<<3 | varint
	batchToken       = 9<<3 | bytes

	originRequest    = 1<<3 | bytes
	originDoor       = 2<<3 | varint
	originCredential = 3<<3 | bytes
	originDrain      = 4<<3 | bytes
	originApp        = 5<<3 | bytes
	originReceived   = 6<<3 | varint
	originTrace      = 7<<3 | bytes

	traceParent = 1<<3 | bytes
	traceState  = 2<<3 | bytes

	eventTime       = 1<<3 | varint
	eventHost       = 2<<3 | bytes
	eventSource     = 3<<3 | bytes
	eventSourcetype = 4<<3 | bytes
	eventIndex      = 5<<3 | bytes
	eventText       = 6<<3 | bytes
	eventJSON       = 7<<3 | bytes
	eventFields     = 8<<3 | bytes
	eventOrigin     = 9<<3 | varint
	eventKind       = 10<<3 | bytes
	eventCode       = 11<<3 | bytes
	eventDyno       = 12<<3 | bytes
	eventProcess    = 13<<3 | bytes
	eventFacility   = 14<<3 | varint
	eventSeverity   = 15<<3 | varint

	fieldName = 1<<3 | bytes
	fieldJSON = 2<<3 | bytes
)

// What ScanBatch believes: a block of MaxBlock bytes holds no more events (a byte
// and its line end each) and origins (an id each). A few bytes that claim more
// would cost gigabytes of memory.
const (
	maxEvents  = MaxBlock / 2
	maxOrigins = MaxBlock / 16
	maxFields  = 8 * maxEvents
)

// AppendEvent appends one event of an EventBatch. Protobuf lets fields stand in
// any order, so events may be appended before the batch they belong to is known
// (AppendBatch).
func AppendEvent(dst []byte, e *Event) []byte {
	dst, at := open(dst, batchEvents)
	dst = appendUint(dst, eventTime, uint64(e.TimeNS))
	dst = appendString(dst, eventHost, e.Host)
	dst = appendString(dst, eventSource, e.Source)
	dst = appendString(dst, eventSourcetype, e.Sourcetype)
	dst = appendString(dst, eventIndex, e.Index)
	dst = appendBytes(dst, eventText, e.Text)
	dst = appendBytes(dst, eventJSON, e.JSON)
	for i := range e.Fields {
		f := &e.Fields[i]
		dst = append(dst, eventFields)
		dst = appendVarint(dst, uint64(sizeBytes(len(f.Name))+sizeBytes(len(f.JSON))))
		dst = appendString(dst, fieldName, f.Name)
		dst = appendBytes(dst, fieldJSON, f.JSON)
	}
	dst = appendUint(dst, eventOrigin, uint64(e.Origin))
	dst = appendString(dst, eventKind, e.Kind)
	dst = appendString(dst, eventCode, e.Code)
	dst = appendString(dst, eventDyno, e.Dyno)
	dst = appendString(dst, eventProcess, e.Process)
	dst = appendUint(dst, eventFacility, uint64(e.Facility))
	dst = appendUint(dst, eventSeverity, uint64(e.Severity))
	return closeMessage(dst, at)
}

// AppendBatch appends everything of a batch but its events.
func AppendBatch(dst []byte, b *Batch) []byte {
	dst = appendBytes(dst, batchID, b.ID[:])
	dst = appendBytes(dst, batchBlock, b.BlockID[:])
	dst = appendString(dst, batchDestination, b.Destination)
	dst = appendUint(dst, batchFirst, uint64(b.FirstFrame))
	dst = appendUint(dst, batchLast, uint64(b.LastFrame))
	if b.Ack {
		dst = append(dst, batchAck, 1)
	}
	dst = appendString(dst, batchToken, b.Token)
	for i := range b.Origins {
		dst = appendOrigin(dst, &b.Origins[i])
	}
	return dst
}

func appendOrigin(dst []byte, o *Origin) []byte {
	dst, at := open(dst, batchOrigins)
	if !o.RequestID.IsZero() {
		dst = appendBytes(dst, originRequest, o.RequestID[:])
	}
	dst = appendUint(dst, originDoor, uint64(o.Door))
	dst = appendString(dst, originCredential, o.Credential)
	dst = appendString(dst, originDrain, o.DrainToken)
	dst = appendString(dst, originApp, o.App)
	dst = appendUint(dst, originReceived, uint64(o.ReceivedNS))
	if o.Traceparent != "" || o.Tracestate != "" {
		var trace int
		dst, trace = open(dst, originTrace)
		dst = appendString(dst, traceParent, o.Traceparent)
		dst = appendString(dst, traceState, o.Tracestate)
		dst = closeMessage(dst, trace)
	}
	return closeMessage(dst, at)
}

// The length of a nested message is written in a fixed four bytes, a varint
// with padding, so that it can be filled in afterwards. Decoders must take that.
const (
	paddedLength  = 4
	paddedMaximum = 1<<(7*paddedLength) - 1
)

func open(dst []byte, tag byte) ([]byte, int) {
	return append(dst, tag, 0x80, 0x80, 0x80, 0), len(dst) + 1 + paddedLength
}

func closeMessage(dst []byte, start int) []byte {
	n := len(dst) - start
	if n > paddedMaximum {
		panic("wire: a nested message of over 256 MiB") // events are bounded by MaxBlock
	}
	dst[start-4] = byte(n)&0x7f | 0x80
	dst[start-3] = byte(n>>7)&0x7f | 0x80
	dst[start-2] = byte(n>>14)&0x7f | 0x80
	dst[start-1] = byte(n>>21) & 0x7f
	return dst
}

func sizeBytes(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + protowire.SizeBytes(n)
}

func appendUint(dst []byte, tag byte, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return appendVarint(append(dst, tag), v)
}

func appendString(dst []byte, tag byte, v string) []byte {
	if v == "" {
		return dst
	}
	return append(appendVarint(append(dst, tag), uint64(len(v))), v...)
}

func appendBytes(dst []byte, tag byte, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	return append(appendVarint(append(dst, tag), uint64(len(v))), v...)
}

func appendVarint(dst []byte, v uint64) []byte {
	if v < 0x80 { // most are
		return append(dst, byte(v))
	}
	return protowire.AppendVarint(dst, v)
}

var (
	errTruncated = errors.New("field ends after its message")
	errNumber    = errors.New("number out of range")
	errTooMany   = errors.New("more than a block can hold")
	errOrigin    = errors.New("an event names an origin that is not there")
)

// ScanBatch reads an encoded EventBatch into b, whose slices it reuses. Strings
// and bytes in b point into message, so message must not change while b is used.
// Unknown fields are passed over, and text is not held to UTF-8. It fails with a
// *DamagedError.
func ScanBatch(message []byte, b *Batch) error {
	*b = Batch{Origins: b.Origins[:0], Events: b.Events[:0]}
	if err := scanBatch(message, b); err != nil {
		return &DamagedError{Reason: "event batch: " + err.Error()}
	}
	return nil
}

func scanBatch(message []byte, b *Batch) error {
	fields := 0
	for len(message) > 0 {
		var (
			tag, number uint64
			data        []byte
		)
		tag, number, data, message = next(message)
		switch tag {
		case damaged:
			return errTruncated
		case batchID:
			b.ID = ToID(data)
		case batchBlock:
			b.BlockID = ToID(data)
		case batchDestination:
			b.Destination = alias(data)
		case batchFirst:
			b.FirstFrame = uint32(number)
		case batchLast:
			b.LastFrame = uint32(number)
		case batchAck:
			b.Ack = number != 0
		case batchToken:
			b.Token = alias(data)
		case batchOrigins:
			if len(b.Origins) == maxOrigins {
				return errTooMany
			}
			b.Origins = append(b.Origins, Origin{})
			if err := scanOrigin(data, &b.Origins[len(b.Origins)-1]); err != nil {
				return err
			}
		case batchEvents:
			if len(b.Events) < cap(b.Events) {
				b.Events = b.Events[:len(b.Events)+1] // with the Fields it had
			} else {
				b.Events = append(b.Events, Event{})
			}
			e := &b.Events[len(b.Events)-1]
			if err := scanEvent(data, e, maxFields-fields); err != nil {
				return err
			}
			if fields += len(e.Fields); len(b.Events) > maxEvents {
				return errTooMany
			}
		}
	}
	for i := range b.Events {
		if int64(b.Events[i].Origin) >= int64(len(b.Origins)) {
			return errOrigin
		}
	}
	return nil
}

func scanOrigin(message []byte, o *Origin) error {
	for len(message) > 0 {
		var (
			tag, number uint64
			data        []byte
		)
		tag, number, data, message = next(message)
		switch tag {
		case damaged:
			return errTruncated
		case originRequest:
			o.RequestID = ToID(data)
		case originDoor:
			if number > math.MaxInt32 {
				return errNumber
			}
			o.Door = drainlinev1.Door(number)
		case originCredential:
			o.Credential = alias(data)
		case originDrain:
			o.DrainToken = alias(data)
		case originApp:
			o.App = alias(data)
		case originReceived:
			o.ReceivedNS = int64(number)
		case originTrace:
			if err := scanTrace(data, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func scanTrace(message []byte, o *Origin) error {
	for len(message) > 0 {
		var (
			tag  uint64
			data []byte
		)
		tag, _, data, message = next(message)
		switch tag {
		case damaged:
			return errTruncated
		case traceParent:
			o.Traceparent = alias(data)
		case traceState:
			o.Tracestate = alias(data)
		}
	}
	return nil
}

func scanEvent(message []byte, e *Event, fields int) error {
	*e = Event{Fields: e.Fields[:0]}
	for len(message) > 0 {
		var (
			tag, number uint64
			data        []byte
		)
		tag, number, data, message = next(message)
		switch tag {
		case damaged:
			return errTruncated
		case eventTime:
			e.TimeNS = int64(number)
		case eventHost:
			e.Host = alias(data)
		case eventSource:
			e.Source = alias(data)
		case eventSourcetype:
			e.Sourcetype = alias(data)
		case eventIndex:
			e.Index = alias(data)
		case eventText:
			e.Text = data
		case eventJSON:
			e.JSON = data
		case eventFields:
			if len(e.Fields) == fields {
				return errTooMany
			}
			e.Fields = append(e.Fields, Field{})
			if err := scanField(data, &e.Fields[len(e.Fields)-1]); err != nil {
				return err
			}
		case eventOrigin:
			e.Origin = uint32(number)
		case eventKind:
			e.Kind = alias(data)
		case eventCode:
			e.Code = alias(data)
		case eventDyno:
			e.Dyno = alias(data)
		case eventProcess:
			e.Process = alias(data)
		case eventFacility:
			if number > math.MaxUint8 {
				return errNumber
			}
			e.Facility = uint8(number)
		case eventSeverity:
			if number > math.MaxUint8 {
				return errNumber
			}
			e.Severity = uint8(number)
		}
	}
	return nil
}

func scanField(message []byte, f *Field) error {
	for len(message) > 0 {
		var (
			tag  uint64
			data []byte
		)
		tag, _, data, message = next(message)
		switch tag {
		case damaged:
			return errTruncated
		case fieldName:
			f.Name = alias(data)
		case fieldJSON:
			f.JSON = data
		}
	}
	return nil
}

// alias is the text of b without a copy, valid while b is unchanged. Copying
// eight short strings an event would cost more than reading the event.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // audited: see above

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

// Event is one log line. Text or JSON is its body: where JSON is nil, Text is it.
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

// Field numbers of drainline.v1.EventBatch and the messages in it.
const (
	batchID, batchBlock, batchDestination, batchFirst, batchLast, batchOrigins, batchEvents = 1, 2, 3, 4, 5, 6, 7

	originRequest, originDoor, originCredential, originDrain, originApp, originReceived, originTrace = 1, 2, 3, 4, 5, 6, 7

	traceParent, traceState = 1, 2

	eventTime, eventHost, eventSource, eventSourcetype, eventIndex      = 1, 2, 3, 4, 5
	eventText, eventJSON, eventFields, eventOrigin, eventKind           = 6, 7, 8, 9, 10
	eventCode, eventDyno, eventProcess, eventFacility, eventSeverityNum = 11, 12, 13, 14, 15

	fieldName, fieldJSON = 1, 2
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
		size := sizeBytes(len(f.Name)) + sizeBytes(len(f.JSON))
		dst = protowire.AppendTag(dst, eventFields, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(size))
		dst = appendString(dst, fieldName, f.Name)
		dst = appendBytes(dst, fieldJSON, f.JSON)
	}
	dst = appendUint(dst, eventOrigin, uint64(e.Origin))
	dst = appendString(dst, eventKind, e.Kind)
	dst = appendString(dst, eventCode, e.Code)
	dst = appendString(dst, eventDyno, e.Dyno)
	dst = appendString(dst, eventProcess, e.Process)
	dst = appendUint(dst, eventFacility, uint64(e.Facility))
	dst = appendUint(dst, eventSeverityNum, uint64(e.Severity))
	return closeMessage(dst, at)
}

// AppendBatch appends everything of a batch but its events.
func AppendBatch(dst []byte, b *Batch) []byte {
	dst = appendBytes(dst, batchID, b.ID[:])
	dst = appendBytes(dst, batchBlock, b.BlockID[:])
	dst = appendString(dst, batchDestination, b.Destination)
	dst = appendUint(dst, batchFirst, uint64(b.FirstFrame))
	dst = appendUint(dst, batchLast, uint64(b.LastFrame))
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

func open(dst []byte, field protowire.Number) ([]byte, int) {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return append(dst, 0x80, 0x80, 0x80, 0), len(dst) + paddedLength
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

func appendUint(dst []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), v)
}

func appendString(dst []byte, field protowire.Number, v string) []byte {
	if v == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), v)
}

func appendBytes(dst []byte, field protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, field, protowire.BytesType), v)
}

var (
	errTruncated = errors.New("field ends after its message")
	errNumber    = errors.New("number out of range")
)

// ScanBatch reads an encoded EventBatch into b, whose slices it reuses. Strings
// and bytes in b point into message, so message must not change while b is used.
// Unknown fields are passed over. It fails with a *DamagedError.
func ScanBatch(message []byte, b *Batch) error {
	*b = Batch{Origins: b.Origins[:0], Events: b.Events[:0]}
	err := scan(message, func(field protowire.Number, number uint64, data []byte) error {
		switch field {
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
		case batchOrigins:
			var o Origin
			if err := scanOrigin(data, &o); err != nil {
				return err
			}
			b.Origins = append(b.Origins, o)
		case batchEvents:
			if len(b.Events) < cap(b.Events) {
				b.Events = b.Events[:len(b.Events)+1]
			} else {
				b.Events = append(b.Events, Event{})
			}
			return scanEvent(data, &b.Events[len(b.Events)-1])
		}
		return nil
	})
	if err == nil {
		for i := range b.Events {
			if int(b.Events[i].Origin) >= len(b.Origins) {
				err = errors.New("an event names an origin that is not there")
				break
			}
		}
	}
	if err != nil {
		return &DamagedError{Reason: "event batch: " + err.Error()}
	}
	return nil
}

func scanOrigin(message []byte, o *Origin) error {
	return scan(message, func(field protowire.Number, number uint64, data []byte) error {
		switch field {
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
			return scan(data, func(field protowire.Number, _ uint64, data []byte) error {
				switch field {
				case traceParent:
					o.Traceparent = alias(data)
				case traceState:
					o.Tracestate = alias(data)
				}
				return nil
			})
		}
		return nil
	})
}

func scanEvent(message []byte, e *Event) error {
	*e = Event{Fields: e.Fields[:0]}
	return scan(message, func(field protowire.Number, number uint64, data []byte) error {
		switch field {
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
			e.Fields = append(e.Fields, Field{})
			return scanField(data, &e.Fields[len(e.Fields)-1])
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
		case eventFacility, eventSeverityNum:
			if number > math.MaxUint8 {
				return errNumber
			}
			if field == eventFacility {
				e.Facility = uint8(number)
			} else {
				e.Severity = uint8(number)
			}
		}
		return nil
	})
}

func scanField(message []byte, f *Field) error {
	return scan(message, func(field protowire.Number, _ uint64, data []byte) error {
		switch field {
		case fieldName:
			f.Name = alias(data)
		case fieldJSON:
			f.JSON = data
		}
		return nil
	})
}

// scan calls take for each field of a message, with its number or its bytes.
// Fields of other wire types are passed over.
func scan(message []byte, take func(field protowire.Number, number uint64, data []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n) //nolint:wrapcheck // wrapped once, by ScanBatch
		}
		message = message[n:]
		var (
			number uint64
			data   []byte
		)
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(message)
		default:
			if n = protowire.ConsumeFieldValue(field, kind, message); n >= 0 {
				message = message[n:]
				continue
			}
		}
		if n < 0 {
			return errTruncated
		}
		message = message[n:]
		if err := take(field, number, data); err != nil {
			return err
		}
	}
	return nil
}

// alias is the text of b without a copy, valid while b is unchanged. Copying
// eight short strings an event would cost more than reading the event.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // audited: see above

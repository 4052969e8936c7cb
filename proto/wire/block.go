package wire

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Numbers of fields of drainline.v1.RawBlock and Request.
const (
	blockID       protowire.Number = 1
	blockRequests protowire.Number = 2
	requestBody   protowire.Number = 12
)

// UnmarshalBlock reads an encoded RawBlock as proto.Unmarshal does, but for unknown
// fields of the block itself, which are left out, and for the bodies of its requests:
// those point into message, which must not change while they are used. Copying them
// would be most of what reading a block costs. It fails with a *DamagedError.
func UnmarshalBlock(message []byte, block *drainlinev1.RawBlock) error {
	proto.Reset(block)
	var rest []byte
	err := eachField(message, func(number protowire.Number, _, data []byte) error {
		switch {
		case data == nil: // a number, which is none of ours
		case number == blockID:
			block.Id = append([]byte{}, data...)
		case number == blockRequests:
			r := &drainlinev1.Request{}
			var err error
			if rest, err = unmarshalRequest(data, r, rest[:0]); err != nil {
				return err
			}
			block.Requests = append(block.Requests, r)
		}
		return nil
	})
	if err != nil {
		return &DamagedError{Reason: "raw block: " + err.Error()}
	}
	return nil
}

// unmarshalRequest gathers in rest all of a request but its body.
func unmarshalRequest(message []byte, r *drainlinev1.Request, rest []byte) ([]byte, error) {
	var body []byte
	err := eachField(message, func(number protowire.Number, field, data []byte) error {
		if number == requestBody && data != nil {
			body = data
		} else {
			rest = append(rest, field...)
		}
		return nil
	})
	if err != nil {
		return rest, err
	}
	if err := proto.Unmarshal(rest, r); err != nil {
		return rest, fmt.Errorf("request: %w", err)
	}
	if len(body) > 0 {
		r.Body = slices.Clip(body)
	}
	return rest, nil
}

// eachField calls f with every field: with all of its bytes, and with those inside where
// it has any, which are not nil then.
func eachField(message []byte, f func(number protowire.Number, field, data []byte) error) error {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return fmt.Errorf("field: %w", protowire.ParseError(tag))
		}
		if !number.IsValid() {
			return errNumber
		}
		n := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if n < 0 {
			return fmt.Errorf("field %d: %w", number, protowire.ParseError(n))
		}
		var data []byte
		if kind == protowire.BytesType {
			data, _ = protowire.ConsumeBytes(message[tag:])
		}
		if err := f(number, message[:tag+n], data); err != nil {
			return err
		}
		message = message[tag+n:]
	}
	return nil
}

package wire

import "google.golang.org/protobuf/encoding/protowire"

// damaged is the tag of no field.
const damaged = 0

// next reads the first field of a message: its tag (field number and wire type),
// its number or its bytes as the wire type has it, and what follows the field.
// Tags and lengths are nearly always of one byte here.
func next(message []byte) (tag, number uint64, data, rest []byte) {
	if len(message) > 1 && message[0] >= 1<<3 && message[0] < 0x80 && message[1] < 0x80 {
		switch tag = uint64(message[0]); tag & 7 {
		case varint:
			return tag, uint64(message[1]), nil, message[2:]
		case bytes:
			if end := 2 + int(message[1]); end <= len(message) {
				return tag, 0, message[2:end:end], message[end:]
			}
		}
	}
	return anyField(message)
}

func anyField(message []byte) (tag, number uint64, data, rest []byte) {
	field, kind, n := protowire.ConsumeTag(message)
	if n < 0 || field > protowire.MaxValidNumber {
		return damaged, 0, nil, nil
	}
	rest = message[n:]
	switch kind {
	case varint:
		number, n = protowire.ConsumeVarint(rest)
	case bytes:
		data, n = protowire.ConsumeBytes(rest)
	default:
		n = protowire.ConsumeFieldValue(field, kind, rest)
	}
	if n < 0 {
		return damaged, 0, nil, nil
	}
	return protowire.EncodeTag(field, kind), number, data, rest[n:]
}

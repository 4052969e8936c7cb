package wire

import "google.golang.org/protobuf/encoding/protowire"

// cursor reads the fields of one protobuf message.
type cursor struct {
	rest   []byte
	tag    uint64 // field number and wire type
	number uint64 // of a varint field
	data   []byte // of a length-delimited field
	err    error
}

// next reads one field, known or not, and reports whether there was one. Tags
// and lengths are nearly always of one byte here.
func (c *cursor) next() bool {
	if len(c.rest) == 0 {
		return false
	}
	if c.tag = uint64(c.rest[0]); c.tag >= 0x80 || c.tag < 1<<3 {
		return c.slow()
	}
	c.rest = c.rest[1:]
	switch c.tag & 7 {
	case varint:
		if len(c.rest) > 0 && c.rest[0] < 0x80 {
			c.number, c.rest = uint64(c.rest[0]), c.rest[1:]
			return true
		}
	case bytes:
		if len(c.rest) > 0 && c.rest[0] < 0x80 && int(c.rest[0]) < len(c.rest) {
			end := 1 + int(c.rest[0])
			c.data, c.rest = c.rest[1:end:end], c.rest[end:]
			return true
		}
	}
	return c.value()
}

func (c *cursor) slow() bool {
	number, kind, n := protowire.ConsumeTag(c.rest)
	if n < 0 || number > protowire.MaxValidNumber {
		return c.fail()
	}
	c.tag, c.rest = protowire.EncodeTag(number, kind), c.rest[n:]
	return c.value()
}

// value reads what follows the tag.
func (c *cursor) value() bool {
	var n int
	switch number, kind := protowire.DecodeTag(c.tag); kind {
	case varint:
		c.number, n = protowire.ConsumeVarint(c.rest)
	case bytes:
		c.data, n = protowire.ConsumeBytes(c.rest)
	default:
		n = protowire.ConsumeFieldValue(number, kind, c.rest)
	}
	if n < 0 {
		return c.fail()
	}
	c.rest = c.rest[n:]
	return true
}

func (c *cursor) fail() bool {
	c.err, c.rest = errTruncated, nil
	return false
}

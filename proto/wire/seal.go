package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
)

// SchemaVersion is written into every payload. A reader refuses newer ones, so
// consumers are upgraded before producers.
const SchemaVersion = 1

// A sealed payload is one byte of schema version, a CRC-32C (big endian) of that
// byte and of what follows the checksum, and the message as an s2 block. This
// envelope is the same in every version: a version that damage has changed is
// damage, not news.
const sealHeader = 1 + crc32.Size

//nolint:gochecknoglobals // a table, computed once
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DamagedError says that a payload is not what was published.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "damaged payload: " + e.Reason }

// NewerSchemaError says that a payload was written by a newer Drainline. It is
// no damage: an instance that has been upgraded will read it.
type NewerSchemaError struct{ Version byte }

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("payload has schema version %d, this reader knows %d: upgrade it", e.Version, SchemaVersion)
}

// Seal appends the sealed form of an encoded message to dst.
func Seal(dst, message []byte) []byte {
	start := len(dst)
	need := start + sealHeader + s2.MaxEncodedLen(len(message))
	if cap(dst) < need {
		grown := make([]byte, start, need)
		copy(grown, dst)
		dst = grown
	}
	body := s2.Encode(dst[start+sealHeader:need], message)
	dst = dst[:start+sealHeader+len(body)]
	dst[start] = SchemaVersion
	binary.BigEndian.PutUint32(dst[start+1:], checksum(dst[start:]))
	return dst
}

func checksum(payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(payload[:1], castagnoli), castagnoli, payload[sealHeader:])
}

// Open checks a sealed payload and returns the message in it, decoded into buf
// if that is large enough. It allocates MaxDecoded bytes at most, and fails with
// a *DamagedError or a *NewerSchemaError.
func Open(buf, payload []byte) ([]byte, error) {
	if len(payload) < sealHeader {
		return nil, &DamagedError{Reason: fmt.Sprintf("%d bytes are shorter than an envelope", len(payload))}
	}
	if checksum(payload) != binary.BigEndian.Uint32(payload[1:]) {
		return nil, &DamagedError{Reason: "checksum does not match"}
	}
	if v := payload[0]; v > SchemaVersion {
		return nil, &NewerSchemaError{Version: v}
	} else if v == 0 {
		return nil, &DamagedError{Reason: "schema version 0"}
	}
	body := payload[sealHeader:]
	size, err := s2.DecodedLen(body)
	if err != nil {
		return nil, &DamagedError{Reason: err.Error()}
	}
	if size > MaxDecoded {
		return nil, &DamagedError{Reason: fmt.Sprintf("%d bytes when inflated, over %d", size, MaxDecoded)}
	}
	message, err := s2.Decode(buf[:cap(buf)], body)
	if err != nil {
		return nil, &DamagedError{Reason: err.Error()}
	}
	return message, nil
}

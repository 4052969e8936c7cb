package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// ID is the identity of a request, block, batch or dead letter. Ids are made
// here and never taken from a stream's sequence, which JetStream may reuse after
// damage.
type ID [16]byte

// String is the id in lower-case hexadecimal, as it stands in Nats-Msg-Id.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// ToID takes an id out of a message. Anything but 16 bytes gives the zero id.
func ToID(b []byte) ID {
	var id ID
	if len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

// RandomID is for blocks, and for requests whose sender named nothing that a
// retry would repeat.
func RandomID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	return id
}

// RequestID identifies a Logplex batch. Logplex repeats the frame id on every
// retry of a batch and may change the body, so the body is not part of it.
func RequestID(principal, drainToken, frameID string) ID {
	return hash("request", principal, drainToken, frameID)
}

// ShuttleRequestID identifies a request of a sender without frame ids:
// log-shuttle repeats its X-Request-Id and its body.
func ShuttleRequestID(principal, requestID string, body []byte) ID {
	sum := sha256.Sum256(body)
	return hash("shuttle", principal, requestID, string(sum[:]))
}

// ChannelID identifies a channel of HEC's acknowledgement. Channels are a token's
// own; their names are GUIDs, compared without regard to case.
func ChannelID(token, channel string) ID {
	return hash("channel", token, strings.ToLower(channel))
}

// LossID identifies a notice of loss (an L10 frame) that heads a request. A
// retry may carry a new notice, so the notice's text is part of its id.
func LossID(request ID, notice []byte) ID {
	return hash("loss", string(request[:]), string(notice))
}

// PartID identifies one part of a request that does not fit a block.
func PartID(request ID, part int) ID {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(part))
	return hash("part", string(request[:]), string(n[:]))
}

// EventsID identifies some events of a batch, by their positions in it.
func EventsID(batch ID, positions []int) ID {
	numbers := make([]byte, 0, 4*len(positions))
	for _, n := range positions {
		numbers = binary.BigEndian.AppendUint32(numbers, uint32(n))
	}
	return hash("events", string(batch[:]), string(numbers))
}

// BatchID identifies what one block gave one destination: the same block gives
// the same ids again after a crash, and the stream of events stores them once.
// Frames are the first and the last of each run of frames that follow each other.
func BatchID(block ID, destination string, frames ...uint32) ID {
	numbers := make([]byte, 0, 8)
	for _, n := range frames {
		numbers = binary.BigEndian.AppendUint32(numbers, n)
	}
	return hash("batch", string(block[:]), destination, string(numbers))
}

// JoinedID identifies what is made of a block together with lines of others, or of lines
// that were held until another came. Lines are those, as AppendLine writes them.
func JoinedID(block ID, lines []byte) ID {
	return hash("joined", string(block[:]), string(lines))
}

// AppendLine appends which line it is: a frame of a block.
func AppendLine(dst []byte, block ID, frame uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, block[:]...), frame)
}

// DeadID identifies a dead letter by what died (a block's, batch's or payload's
// id), where and why.
func DeadID(of ID, stage, reason string) ID {
	return hash("dead", string(of[:]), stage, reason)
}

// ReplayID is the id of the message that a dead letter becomes again. The same letter,
// changed in the same way, is the same message; once it has died again it is another letter.
func ReplayID(letter ID, storedNS int64, change string) ID {
	return hash("replay", string(letter[:]), strconv.FormatInt(storedNS, 10), change)
}

// PayloadID identifies a payload that cannot be read any more.
func PayloadID(payload []byte) ID { return hash("payload", string(payload)) }

// hash joins the parts with their lengths, so that no two lists of parts are
// written the same.
func hash(parts ...string) ID {
	h := sha256.New()
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	return ID(h.Sum(sum[:0])[:len(ID{})])
}

// ParseID reads what String wrote.
func ParseID(s string) (ID, bool) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

package player

import (
	"strconv"
	"time"
)

const (
	// targetBytes is where Logplex closes a batch: the frames stay below it, unless there is only one, or an L10 frame on top.
	targetBytes = 102_400
	// stampLayout is the time stamp of a frame. Logplex writes +00:00, never Z.
	stampLayout = "2006-01-02T15:04:05.000000+00:00"
	// lossLayout is that of an L10 frame, which has its trailing zeros trimmed.
	lossLayout = "2006-01-02T15:04:05.999999+00:00"
	// maxHeadEnd bounds the part of a request's head that changes: two numbers, a frame id, a drain token and fixed text.
	maxHeadEnd = 320
)

// A batch is one request while it is built, and then for as long as it is tried. Its memory is used again for the next one.
type batch struct {
	room     int    // what buf keeps free in front of the body for the head
	buf      []byte // room, then the body
	request  []byte // the part of buf that is sent, once sealed
	head     []byte
	stamp    []byte
	unix     []byte // the time stamp as Numbered shows it
	suffix   []byte
	ids      []byte // of the numbered messages, one a line
	frames   int    // with the L10 frame
	messages int    // without it
	reported int64  // what the L10 frame reports
	played   int    // bytes of frames without the L10 frame
}

func newBatch(t *target) *batch {
	room := len(t.head) + maxHeadEnd
	return &batch{room: room, buf: make([]byte, room)}
}

// begin empties the batch. All of its messages carry the same time.
func (b *batch) begin(now time.Time) {
	b.buf = b.buf[:b.room]
	b.request, b.ids = nil, b.ids[:0]
	b.frames, b.messages, b.reported, b.played = 0, 0, 0, 0
	b.stamp = now.UTC().AppendFormat(b.stamp[:0], stampLayout)
	b.unix = strconv.AppendInt(b.unix[:0], now.UnixNano(), 10)
}

// reportLoss adds an L10 frame, which Logplex puts first and writes without a newline.
func (b *batch) reportLoss(lost int64, now, since time.Time) {
	frame := now.UTC().AppendFormat([]byte("<172>1 "), lossLayout)
	frame = append(frame, " host heroku logplex - Error L10 (output buffer overflow): "...)
	frame = strconv.AppendInt(frame, lost, 10)
	frame = since.UTC().AppendFormat(append(frame, " messages dropped since "...), lossLayout)
	frame = append(frame, '.')
	b.buf = append(strconv.AppendInt(b.buf, int64(len(frame)), 10), ' ')
	b.buf = append(b.buf, frame...)
	b.frames++
	b.reported = lost
}

// add adds a message as a frame, unless the batch would grow over what Logplex sends at once. With a name the message is numbered.
func (b *batch) add(m message, name string, number int64) bool {
	b.suffix = b.suffix[:0]
	if name != "" {
		b.suffix = append(append(append(b.suffix, " id="...), name...), '-')
		b.suffix = append(strconv.AppendInt(b.suffix, number, 10), " t="...)
		b.suffix = append(b.suffix, b.unix...)
	}
	size := len(m.before) + len(b.stamp) + len(m.after) + len(b.suffix)
	if m.newline {
		size++
	}
	if b.messages > 0 && b.played+size >= targetBytes {
		return false
	}
	b.buf = append(strconv.AppendInt(b.buf, int64(size), 10), ' ')
	b.buf = append(append(b.buf, m.before...), b.stamp...)
	b.buf = append(append(b.buf, m.after...), b.suffix...)
	if m.newline {
		b.buf = append(b.buf, '\n')
	}
	if name != "" {
		b.ids = append(append(b.ids, name...), '-')
		b.ids = append(strconv.AppendInt(b.ids, number, 10), '\n')
	}
	b.frames++
	b.messages++
	b.played += size
	return true
}

// seal puts the head in front of the body. Every retry sends these bytes again, and so the same frame id.
func (b *batch) seal(t *target, frameID []byte, token string) {
	b.head = append(b.head[:0], t.head...)
	b.head = append(strconv.AppendInt(b.head, int64(b.frames), 10), "\r\nLogplex-Frame-Id: "...)
	b.head = append(append(b.head, frameID...), "\r\nLogplex-Drain-Token: "...)
	b.head = append(append(b.head, token...), "\r\nUser-Agent: Logplex/v73\r\nContent-Length: "...)
	b.head = append(strconv.AppendInt(b.head, int64(b.size()), 10), "\r\n\r\n"...)
	start := b.room - len(b.head)
	copy(b.buf[start:], b.head)
	b.request = b.buf[start:]
}

// size is the length of the body in bytes.
func (b *batch) size() int {
	return len(b.buf) - b.room
}

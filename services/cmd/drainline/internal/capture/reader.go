// Package capture runs captured requests through configurations and measures what
// becomes of them.
package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex"
)

// blockSize is how much is read at a time, in bytes: what a block on the bus holds.
// There are at most two blocks in memory.
const blockSize = wire.MaxBlock

// patience is how many bytes are looked at before the bytes in front of them are given
// up: the longest frame with its length.
const patience = logplex.MaxFrame + 16

// Reader reads a capture: bodies of Heroku drains one after another, or lines with HEC
// envelopes where it begins with {. It is used by one goroutine.
type Reader struct {
	in io.Reader
	// next reads from the buffer, for the form of the capture.
	next func() []sender.Body

	buffer  []byte
	at      int // of what is not used yet
	ended   bool
	skipped int64
	// second is the time of the lines in hand: lines of one second come in together.
	second time.Time
}

// NewReader reads a capture.
func NewReader(in io.Reader) *Reader {
	return &Reader{in: in, second: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// Undecodable is how many bytes have been passed over so far because they are no frame
// or envelope.
func (r *Reader) Undecodable() int64 { return r.skipped }

// Next gives the requests' bodies of the next block, io.EOF after the last. They are valid until
// the next call. A capture does not say when requests came in: the times of its lines
// stand in, by the second.
func (r *Reader) Next() ([]sender.Body, error) {
	for {
		if err := r.fill(); err != nil {
			return nil, err
		}
		if len(r.buffer) == 0 {
			return nil, io.EOF
		}
		if r.next == nil {
			r.next = r.frames
			if bytes.HasPrefix(bytes.TrimSpace(r.buffer), []byte("{")) {
				r.next = r.envelopes
			}
		}
		if bodies := r.next(); len(bodies) > 0 {
			return bodies, nil
		}
	}
}

// fill moves what is left to the start of the buffer and reads until there is a block.
func (r *Reader) fill() error {
	left := copy(r.buffer[:cap(r.buffer)], r.buffer[r.at:])
	r.at = 0
	if r.buffer == nil {
		r.buffer = make([]byte, 0, 2*blockSize)
	}
	r.buffer = r.buffer[:left]
	for !r.ended && len(r.buffer) < blockSize+patience {
		n, err := r.in.Read(r.buffer[len(r.buffer):cap(r.buffer)])
		r.buffer = r.buffer[:len(r.buffer)+n]
		if errors.Is(err, io.EOF) {
			r.ended = true
		} else if err != nil {
			return fmt.Errorf("reading the capture: %w", err)
		}
	}
	return nil
}

func (r *Reader) skip(n int) {
	r.skipped += int64(n)
	r.at += n
}

// frames takes the frames of a block. Behind that the buffer holds the longest frame
// whole, unless the capture has ended.
func (r *Reader) frames() []sender.Body {
	var bodies []sender.Body
	for r.at < blockSize && r.at < len(r.buffer) {
		bodies = r.goodFrames(bodies)
		if r.at < blockSize && r.at < len(r.buffer) {
			r.skip(r.junk())
		}
	}
	return bodies
}

// goodFrames takes frames up to the end of the block, or to what is none. Frames in a
// row with times of the same second make one request.
func (r *Reader) goodFrames(bodies []sender.Body) []sender.Body {
	from := r.at // of the request that is collected
	collect := func() {
		if r.at > from {
			body := r.buffer[from:r.at:r.at]
			bodies = append(bodies, sender.Body{Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Bytes: body, Received: r.second})
		}
		from = r.at
	}
	begin := r.at
	s := logplex.Scan(r.buffer[begin:])
	for r.at < blockSize && s.Next() {
		m, err := logplex.Parse(s.Frame(), logplex.SDNever)
		if second := time.Unix(0, m.Time).Truncate(time.Second); err == nil && m.HasTime && !second.Equal(r.second) {
			collect()
			r.second = second
		}
		r.at = begin + s.Offset()
	}
	collect()
	return bodies
}

// frameStart is how a frame begins. A body that was cut short ends somewhere, and the
// next begins right behind it.
var frameStart = regexp.MustCompile(`[1-9][0-9]{0,5} <[0-9]{1,3}>1 `)

// isFrame says whether a frame begins here for certain: another follows it, or nothing.
func isFrame(b []byte) bool {
	s := logplex.Scan(b)
	if !s.Next() {
		return false
	}
	behind := b[s.Offset():]
	at := frameStart.FindIndex(behind[:min(len(behind), longestStart)])
	return len(behind) == 0 || at != nil && at[0] == 0
}

// longestStart bounds what frameStart matches, in bytes.
const longestStart = 16

// junk is how many bytes, at least one, are no frame for certain.
func (r *Reader) junk() int {
	rest := r.buffer[r.at:]
	for at := 1; at < len(rest); at++ {
		found := frameStart.FindIndex(rest[at:])
		if found == nil {
			break
		}
		at += found[0]
		if mayGoOn := !r.ended && len(rest)-at < patience; mayGoOn || isFrame(rest[at:]) {
			return at
		}
	}
	if r.ended {
		return len(rest)
	}
	return max(1, len(rest)-longestStart)
}

// envelopes takes the lines of a block.
func (r *Reader) envelopes() []sender.Body {
	var bodies []sender.Body
	var body []byte // of the request that is collected, in memory of its own: bad lines are left out
	collect := func() {
		if len(body) > 0 {
			bodies = append(bodies, sender.Body{Encoding: drainlinev1.Encoding_ENCODING_HEC_EVENTS, Bytes: body, Received: r.second})
		}
		body = nil
	}
	for r.at < blockSize && r.at < len(r.buffer) {
		rest := r.buffer[r.at:]
		n := bytes.IndexByte(rest, '\n') + 1
		switch {
		case n == 0 && r.ended:
			n = len(rest)
		case n == 0 && len(rest) <= blockSize:
			collect()
			return bodies // what is missing may come
		case n == 0: // no event is as long
			r.skip(len(rest))
			continue
		}
		line := rest[:n]
		second, ok := r.scanLine(line)
		if !ok {
			r.skip(n)
			continue
		}
		if !second.Equal(r.second) {
			collect()
			r.second = second
		}
		body = append(body, line...)
		r.at += n
	}
	collect()
	return bodies
}

// scanLine checks the envelopes of a line and gives the second of the first; the one
// before where it says none. A blank line is fine.
func (r *Reader) scanLine(line []byte) (second time.Time, ok bool) {
	second = r.second
	if len(bytes.TrimSpace(line)) == 0 {
		return second, true
	}
	in := hec.NewScanner(line, hec.Limits{MaxEvent: blockSize})
	for in.Next() {
		if e := in.Envelope(); in.Events() == 1 && e.HasTime {
			second = time.Unix(0, e.TimeNS).Truncate(time.Second)
		}
	}
	return second, in.Refused() == nil && !in.Array()
}

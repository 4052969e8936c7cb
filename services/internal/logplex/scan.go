package logplex

import (
	"fmt"
	"strconv"
)

// MaxFrame is the longest frame that is taken, in bytes and without its length
// prefix. Logplex refuses messages over 10,240 bytes; the rest is room for other
// senders. A frame always fits a block on the bus.
const MaxFrame = 256 << 10

// maxPrefix is the most digits of a length, leading zeros included. Logplex sends
// no leading zeros; some encoders pad.
const maxPrefix = 10

// Why a body, or the rest of one, is no frame.
const (
	reasonNoLength  = "no length"
	reasonZero      = "length of zero"
	reasonTruncated = "frame ends after the body"
	reasonDesync    = "no frame begins where the length says"
)

// FramingError says why the bytes of a body from Offset on are no frames.
type FramingError struct {
	Offset int
	// Reason is one of a handful of fixed phrases, without any of the body's bytes.
	Reason string
}

// Error returns the reason and its place.
func (e *FramingError) Error() string {
	return fmt.Sprintf("logplex: body at byte %d: %s", e.Offset, e.Reason)
}

// Plausible reports whether the bytes begin as a frame does, with a usable length:
// then they may be one that was cut short, or whose length lied, and hold a line
// that can be read.
func (e *FramingError) Plausible() bool {
	return e.Reason == reasonTruncated || e.Reason == reasonDesync
}

// Scanner steps through the frames of one body. It does not allocate as long as
// the framing is good.
type Scanner struct {
	body []byte
	// begin is where the current frame's length prefix begins; the frame itself is
	// body[start:end]. offset is where the next length prefix begins.
	begin, start, end, offset int
	err                       *FramingError
}

// Scan returns a Scanner at the start of body:
//
//	s := logplex.Scan(body)
//	for s.Next() {
//		use(s.Frame())
//	}
//	remainder := body[s.Offset():] // empty when s.Err() is nil
//
// Line ends (\n or \r\n) after a frame are skipped: Logplex sends none, generators
// that join frames by newlines do.
func Scan(body []byte) Scanner {
	return Scanner{body: body}
}

// Next steps to the next good frame. It reports false at the end of the body and
// where the rest of it is no frame; the two are told apart by [Scanner.Err].
//
// A frame is good when its length is, and when the end of the body or a digit
// follows it. Otherwise the length lied and where the next frame begins is
// unknown, so this frame belongs to the remainder as well.
func (s *Scanner) Next() bool {
	if s.offset >= len(s.body) || s.err != nil {
		return false
	}

	length, prefix, reason := frameLength(s.body[s.offset:])
	if reason != "" {
		return s.fail(reason)
	}

	start := s.offset + prefix
	if length > len(s.body)-start {
		return s.fail(reasonTruncated)
	}

	end := start + length

	next := skipLineEnds(s.body, end)
	if next < len(s.body) && !isDigit(s.body[next]) {
		return s.fail(reasonDesync)
	}

	s.begin, s.start, s.end, s.offset = s.offset, start, end, next

	return true
}

// Frame returns the current frame, 1 to [MaxFrame] bytes without the length prefix.
// It aliases the body.
func (s *Scanner) Frame() []byte {
	return s.body[s.start:s.end]
}

// Offset returns how many bytes of the body are good frames so far, with the line
// ends behind them. After the last Next the remainder begins there.
func (s *Scanner) Offset() int {
	return s.offset
}

// Err returns why the remainder is no frame, nil when there is no remainder.
// Its Offset is that of the scanner.
func (s *Scanner) Err() *FramingError {
	return s.err
}

func (s *Scanner) fail(reason string) bool {
	s.err = &FramingError{Offset: s.offset, Reason: reason}

	return false
}

// Check scans all of body without looking into its frames. It returns the number of
// good frames, the number of bytes they take up from the start of the body, and why
// the bytes behind those are no frames (nil when there are none).
func Check(body []byte) (frames, framed int, err *FramingError) {
	s := Scan(body)
	for s.Next() {
		frames++
	}

	return frames, s.Offset(), s.Err()
}

// frameLength reads a length prefix. It returns the length, the bytes of the prefix
// with its space, and a reason when there is no usable length.
func frameLength(b []byte) (length, prefix int, reason string) {
	digits := 0
	for digits < len(b) && digits < maxPrefix && isDigit(b[digits]) {
		length = length*10 + int(b[digits]-'0')
		// Checked at every digit, so that the sum cannot overflow.
		if length > MaxFrame {
			return 0, 0, "length over the limit of " + strconv.Itoa(MaxFrame) + " bytes"
		}

		digits++
	}

	if digits == 0 || digits == len(b) || b[digits] != ' ' {
		return 0, 0, reasonNoLength
	}

	if length == 0 {
		return 0, 0, reasonZero
	}

	return length, digits + 1, ""
}

func skipLineEnds(b []byte, i int) int {
	for i < len(b) {
		switch {
		case b[i] == '\n':
			i++
		case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
			i += 2
		default:
			return i
		}
	}

	return i
}

func isDigit(c byte) bool {
	return c-'0' <= 9
}

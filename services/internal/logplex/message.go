package logplex

import (
	"bytes"
	"errors"
)

// What is wrong with a frame that [Parse] refuses.
var (
	// ErrNoPriority means that the frame does not begin with <digits>.
	ErrNoPriority = errors.New("logplex: frame does not begin with a priority such as <190>")
	// ErrPriority means a priority over 191, the highest that RFC 5424 knows.
	ErrPriority = errors.New("logplex: frame has a priority over 191")
	// ErrVersion means that the priority is not followed by "1 ".
	ErrVersion = errors.New("logplex: frame is not of syslog version 1")
	// ErrFields means that the frame ends before its MSGID.
	ErrFields = errors.New("logplex: frame ends before its sixth field, the message id")
)

const (
	maxPriority       = 191
	maxPriorityDigits = 3
)

// Message is a parsed frame. Its slices alias the frame, and hold whatever bytes the
// sender put there: any length up to the frame's, not necessarily UTF-8. Host, App
// and Proc are opaque; a field the sender has nothing for is "-" or empty.
type Message struct {
	// Time is the frame's timestamp in nanoseconds since 1970, when HasTime.
	Time int64
	// HasTime is false for "-" and for what is no timestamp; the time of receipt
	// stands in.
	HasTime bool
	// Facility is the syslog facility, 0 to 23 (local7 is 23).
	Facility uint8
	// Severity is the syslog severity, 0 (emergency) to 7 (debug). Heroku gives every
	// line of an app the same one.
	Severity uint8
	Host     []byte
	App      []byte
	Proc     []byte
	MsgID    []byte
	// Text is the message without one line feed at its end; more of them are kept.
	Text []byte
}

// Parse reads one frame as [Scanner.Frame] returns it. A bad timestamp is no error.
// Errors are [ErrNoPriority], [ErrPriority], [ErrVersion] and [ErrFields].
func Parse(frame []byte, sd SD) (Message, error) {
	priority, rest, err := cutPriority(frame)
	if err != nil {
		return Message{}, err
	}

	if len(rest) < 2 || rest[0] != '1' || rest[1] != ' ' {
		return Message{}, ErrVersion
	}

	rest = rest[2:]

	stamp := bytes.IndexByte(rest, ' ')
	if stamp < 0 {
		return Message{}, ErrFields
	}

	m := Message{Facility: priority >> 3, Severity: priority & 7}
	m.Time, m.HasTime = parseTime(rest[:stamp])

	var ok bool
	if m.Host, rest, ok = cutField(rest[stamp+1:]); !ok {
		return Message{}, ErrFields
	}

	if m.App, rest, ok = cutField(rest); !ok {
		return Message{}, ErrFields
	}

	if m.Proc, rest, ok = cutField(rest); !ok {
		return Message{}, ErrFields
	}

	// Logplex ends the header with a space even when the text is empty; one that was
	// trimmed on the way is no reason to lose the line.
	m.MsgID, rest, _ = cutField(rest)
	if sd == SDAlways {
		rest = skipStructuredData(rest)
	}

	m.Text = bytes.TrimSuffix(rest, []byte("\n"))

	return m, nil
}

func cutPriority(b []byte) (uint8, []byte, error) {
	if len(b) == 0 || b[0] != '<' {
		return 0, nil, ErrNoPriority
	}

	priority, i := 0, 1
	for ; i < len(b) && isDigit(b[i]); i++ {
		if i > maxPriorityDigits {
			return 0, nil, ErrPriority
		}

		priority = priority*10 + int(b[i]-'0')
	}

	if i == 1 || i == len(b) || b[i] != '>' {
		return 0, nil, ErrNoPriority
	}

	if priority > maxPriority {
		return 0, nil, ErrPriority
	}

	return uint8(priority), b[i+1:], nil
}

// cutField returns what comes before the first space and what comes after it. Two
// spaces in a row have an empty field between them. Without a space all of b is the
// field, and ok is false.
func cutField(b []byte) (field, rest []byte, ok bool) {
	// These fields are a few bytes long, where a loop beats bytes.IndexByte.
	for i, c := range b {
		if c == ' ' {
			return b[:i], b[i+1:], true
		}
	}

	return b, nil, false
}

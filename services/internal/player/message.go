package player

import "context"

// A message is one log line, made ready to become a frame: all of it but the time stamp, and what Numbered appends.
type message struct {
	before  string // "<190>1 "
	after   string // " host app web.1 - text"
	newline bool   // whether the text ends with one
}

// newMessage makes a message. Logplex sends the literal host "host" and the MSGID "-".
func newMessage(pri, appname, procid, text string, newline bool) message {
	return message{before: "<" + pri + ">1 ", after: " host " + appname + " " + procid + " - " + text, newline: newline}
}

// A source makes the messages of a drain. take waits for a message only if wait is set, and returns false when there is none: for a
// waiting call because none will come or ctx has ended.
type source interface {
	take(ctx context.Context, wait bool) (message, bool)
}

// A sampler goes round the samples for ever.
type sampler struct {
	samples []message
	next    int
}

func (s *sampler) take(context.Context, bool) (message, bool) {
	m := s.samples[s.next]
	s.next++
	if s.next == len(s.samples) {
		s.next = 0
	}
	return m, true
}

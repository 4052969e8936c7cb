package splunk

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
)

// warnAt is the share of a capacity, in percent, above which backpressure warns.
const warnAt = 80

// collect handles one POST of events, of envelopes or raw.
func (s *Splunk) collect(c call) answer {
	token, code := s.authenticate(c.Request)
	if code != codeSuccess {
		return reply(code)
	}
	channel, code := channelOf(c.Request, token)
	if code != codeSuccess {
		return reply(code)
	}
	s.checkHeader(c)
	working := s.working.Add(1)
	defer s.working.Add(-1)
	buf := s.takeBody()
	defer s.returnBody(buf)
	if refusal := s.readBody(buf, c.Request); refusal != nil {
		return *refusal
	}
	body := buf.Bytes()
	s.receive(len(body))
	s.checkUTF8(c.number, body)
	if s.full(working) {
		return s.busy()
	}
	wait(c.Request, s.options.Work)
	l, code, at := s.scan(c, token, body)
	if code != codeSuccess || c.keep >= 0 {
		return s.refusal(l, code, at)
	}
	if !token.UseACK {
		return s.success(l, working)
	}
	return s.successWithAck(l, working, channel)
}

// scan finds the events in a body. It returns the code and the index, from zero, of the invalid one.
func (s *Splunk) scan(c call, token Token, body []byte) (l load, code, at int) {
	switch {
	case len(bytes.TrimLeft(body, jsonSpace)) == 0:
		return load{}, codeNoData, 0
	case s.options.Fast:
		return s.countEvents(body, c), codeSuccess, 0
	}
	b, code := newBatch(c, token, &s.options)
	if code != codeSuccess {
		return load{}, code, 0
	}
	if c.raw {
		code, at = b.parseLines(body)
	} else {
		code, at = b.parse(body)
	}
	s.violate(b.violations...)
	if c.keep >= 0 {
		b.events = b.events[:min(c.keep, len(b.events))]
	}
	if code != codeSuccess && s.options.AllOrNothing {
		b.events = nil
	}
	return s.weigh(b.events), code, at
}

// weigh parts the events that are indexed from those whose index does not exist.
func (s *Splunk) weigh(events []Event) load {
	l := load{events: events[:0]}
	for _, e := range events {
		if e.Index != "" && len(s.options.Indexes) > 0 && !slices.Contains(s.options.Indexes, e.Index) {
			l.throwAway(e.Event)
			continue
		}
		l.add(e.Event)
		l.events = append(l.events, e)
	}
	return l
}

// refusal indexes the events before the invalid one, and names that.
func (s *Splunk) refusal(l load, code, at int) answer {
	if err := s.index(l); err != nil {
		return reply(codeInternal)
	}
	s.unconfirmed.Add(l.count)
	switch {
	case code == codeNoData || s.options.Numbers == NumbersMissing:
		return reply(code)
	case s.options.Numbers == NumbersWrong:
		return numbered(code, 0)
	case code == codeIncorrectIndex: // the one code for which Splunk counts from one
		return numbered(code, at+1)
	default:
		return numbered(code, at)
	}
}

func (s *Splunk) success(l load, working int64) answer {
	if err := s.index(l); err != nil {
		return reply(codeInternal)
	}
	a := reply(s.queueCode(working))
	a.confirms = l.count
	return a
}

// full tells whether there is no room for a request, itself included in those that are in progress.
func (s *Splunk) full(working int64) bool {
	return s.options.Capacity > 0 && working > int64(s.options.Capacity)
}

// busy is the answer when the queue is full. In practice Splunk names the first event as the one it has not taken.
func (s *Splunk) busy() answer {
	if s.options.Backpressure {
		return reply(codeQueueFull)
	}
	return numbered(codeBusy, 0)
}

// queueCode is success, or the warning that comes with it.
func (s *Splunk) queueCode(working int64) int {
	if s.options.Backpressure && s.options.Capacity > 0 && working*100 > int64(s.options.Capacity)*warnAt {
		return codeQueueWarning
	}
	return codeSuccess
}

// checkHeader records what Splunk overlooks in a request's head: it never reads Content-Type, and reads the channel only of tokens
// with indexer acknowledgement.
func (s *Splunk) checkHeader(c call) {
	kind := c.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(kind); !c.raw && (err != nil || media != "application/json") {
		s.violate(fmt.Sprintf("request %d: Content-Type is %q, not application/json", c.number, kind))
	}
	if channel := c.Header.Get(channelHeader); channel != "" && !guid.MatchString(channel) {
		s.violate(fmt.Sprintf("request %d: channel %q is not a GUID", c.number, channel))
	}
}

// health answers without credentials; those given must be good, with codes of its own for those that are not.
func (s *Splunk) health(c call) answer {
	if c.Header.Get("Authorization") != "" {
		switch _, code := s.authenticate(c.Request); code {
		case codeSuccess:
		case codeTokenDisabled:
			return reply(codeHealthTokenDisabled)
		default:
			return reply(codeHealthInvalidToken)
		}
	}
	if s.full(s.working.Load() + 1) {
		return reply(codeQueuesFull)
	}
	return reply(codeHealthy)
}

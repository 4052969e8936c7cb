package splunk

import (
	"bytes"
	"strings"
)

// sampleEvery is the share of events whose latency fast mode measures, and holds down what it costs.
const sampleEvery = 64

// countEvents counts the envelopes or lines of a body without decoding them.
func (s *Splunk) countEvents(body []byte, c call) load {
	var l load
	first := s.Count()
	for rest := body; len(rest) > 0 && l.count != int64(c.keep); {
		var event []byte
		if c.raw {
			event, rest, _ = bytes.Cut(rest, []byte{'\n'})
			if len(bytes.TrimSpace(event)) == 0 {
				continue
			}
		} else {
			end := nextEnvelope(rest)
			event, rest = rest[:end], rest[end:]
		}
		if s.options.Ledger != nil {
			l.addID(event)
		}
		if (first+l.count)%sampleEvery == 0 {
			l.addTime(event)
		}
		l.count++
	}
	return l
}

// nextEnvelope returns where the envelope after the first one begins in a run of valid envelopes, or len(b).
//
// It looks for a closing brace, an opening brace and a quote that begins a key, with or without white space between. No JSON string
// holds those: a quote inside one is escaped, and after the quote that ends one comes no key.
func nextEnvelope(b []byte) int {
	for i := 0; ; {
		found := bytes.IndexByte(b[i:], '}')
		if found < 0 {
			return len(b)
		}
		i += found + 1
		start := i + skip(b[i:], ' ')
		if start == len(b) || b[start] != '{' {
			continue
		}
		quote := start + 1 + skip(b[start+1:], ' ')
		if quote+1 < len(b) && b[quote] == '"' && strings.IndexByte(" \t\r\n,:]}", b[quote+1]) < 0 {
			return start
		}
	}
}

package splunk

import (
	"bytes"
	"strings"
	"time"
)

// sampleEvery is the share of events whose latency fast mode measures, and holds down what it costs.
const sampleEvery = 64

// collectFast counts the envelopes of a body and indexes nothing.
func (s *Splunk) collectFast(body []byte) answer {
	now := time.Now().UnixNano()
	s.mu.Lock()
	first := s.count
	s.mu.Unlock()
	var events int64
	var ids [][]byte
	for rest := body; len(rest) > 0; events++ {
		end := nextEnvelope(rest)
		if s.options.Ledger != nil {
			if id := mark(rest[:end], idKey); id != nil {
				ids = append(ids, id)
			}
		}
		if (first+events)%sampleEvery == 0 {
			s.measure(now, rest[:end])
		}
		rest = rest[end:]
	}
	s.indexing.Lock()
	err := s.record(ids)
	s.indexing.Unlock()
	if err != nil {
		return reply(codeInternal)
	}
	s.mu.Lock()
	s.count += events
	s.mu.Unlock()
	return reply(codeSuccess)
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
		start := skipSpace(b, i)
		if start == len(b) || b[start] != '{' {
			continue
		}
		quote := skipSpace(b, start+1)
		if quote+1 < len(b) && b[quote] == '"' && strings.IndexByte(" \t\r\n,:]}", b[quote+1]) < 0 {
			return start
		}
	}
}

// skipSpace returns the index of the first byte at or after i that is not white space, or len(b).
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

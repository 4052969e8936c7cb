package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// edit is a text on its way through one step.
type edit struct {
	dst, text []byte
	// done is how much of the text dst has.
	done int
	by   *replacement
	// dry only finds out whether there is something to replace: done becomes positive.
	dry bool
	// across takes only those matches of a pattern that have a quote, see appendAcross.
	across bool
}

// replace replaces text[begin:end], unless it is empty, begins before what was replaced
// last, or has been replaced already when the text was redacted before.
func (e *edit) replace(begin, end int) {
	switch {
	case begin >= end || begin < e.done:
	case e.dry:
		e.done = end
	case e.by.made(e.text, begin, end) || isDigest(e.text, begin, end):
	default:
		e.dst = append(e.dst, e.text[e.done:begin]...)
		e.dst = e.by.appendFor(e.dst, e.text[begin:end])
		e.done = end
	}
}

// finish appends what follows the last replacement.
func (e *edit) finish() []byte { return append(e.dst, e.text[e.done:]...) }

// replacement is what takes the place of a secret: a text, or its HMAC if there is a key.
type replacement struct {
	with, key []byte
	// quote has it stand in quotes.
	quote bool
}

const (
	digestPrefix = "hmac:"
	digestBytes  = 8
	digestLength = len(digestPrefix) + 2*digestBytes
)

// inJSON is the replacement in JSON as it is written.
func (r *replacement) inJSON(quote bool) replacement {
	return replacement{with: appendEscaped(nil, r.with), key: r.key, quote: quote}
}

func (r *replacement) appendFor(dst, value []byte) []byte {
	if r.quote {
		dst = append(dst, '"')
	}
	if r.key == nil {
		dst = append(dst, r.with...)
	} else {
		mac := hmac.New(sha256.New, r.key)
		mac.Write(value)
		dst = append(dst, digestPrefix...)
		dst = hex.AppendEncode(dst, mac.Sum(nil)[:digestBytes])
	}
	if r.quote {
		dst = append(dst, '"')
	}
	return dst
}

// made says whether text[begin:end] lies in a text that the replacement has made, or
// might have: redacting twice is redacting once.
func (r *replacement) made(text []byte, begin, end int) bool {
	if len(r.with) == 0 {
		return false
	}
	low, high := max(0, end-len(r.with)), min(len(text), begin+len(r.with))
	return high-low >= len(r.with) && bytes.Contains(text[low:high], r.with)
}

// isDigest says whether text[begin:end] is an HMAC that an earlier redaction has made, or
// a part of one. All of its digits are none: hmac:4111111111111111 has the number of a card.
func isDigest(text []byte, begin, end int) bool {
	low := max(0, begin-digestLength+1)
	at := bytes.LastIndex(text[low:min(len(text), begin+len(digestPrefix))], []byte(digestPrefix))
	if at < 0 {
		return false
	}
	at += low
	stop := at + digestLength
	return end <= stop && (begin != at+len(digestPrefix) || end < stop) && digestAt(text, at)
}

// digestAt says whether text[at] begins what looks like an HMAC that was made here.
func digestAt(text []byte, at int) bool {
	stop := at + digestLength
	if stop > len(text) || stop < len(text) && unhex(text[stop]) >= 0 || !bytes.HasPrefix(text[at:], []byte(digestPrefix)) {
		return false
	}
	for _, c := range text[at+len(digestPrefix) : stop] {
		if unhex(c) < 0 || 'A' <= c && c <= 'F' {
			return false
		}
	}
	return true
}

// Package redact replaces secrets in text and JSON.
package redact

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/drainline/drainline/config"
)

// Redactor replaces what its presets and patterns find. It may be used from any
// goroutine.
type Redactor struct {
	steps []step
	// topics are those of the steps that go by names.
	topics []topic
}

// New compiles a list of redactions, which are applied in order. The key is for those
// that replace by an HMAC.
func New(list []config.Redaction, key []byte) (*Redactor, error) {
	r := &Redactor{}
	for i, redaction := range list {
		steps, err := newSteps(redaction)
		if err != nil {
			return nil, fmt.Errorf("redaction %d: %w", i+1, err)
		}
		by := replacement{with: []byte(redaction.With)}
		if redaction.HMAC {
			if len(key) == 0 {
				return nil, fmt.Errorf("redaction %d: %w", i+1, errNoKey)
			}
			by = replacement{key: bytes.Clone(key)}
		}
		for _, s := range steps {
			s.by, s.across = by, [2]replacement{by.inJSON(false), by.inJSON(true)}
			r.steps = append(r.steps, s)
			if s.method == byName && !slices.Contains(r.topics, s.names) {
				r.topics = append(r.topics, s.names)
			}
		}
	}
	return r, nil
}

var errNoKey = errors.New("hmac needs a key: set redaction.key or redaction.key_file")

// AppendText appends the text, redacted. It reports false, and appends nothing, when
// there is nothing to replace. The text must not lie in what dst has room for. Text that
// is one JSON object or array is redacted as AppendJSON does it. What is not UTF-8 stays
// as it is.
func (r *Redactor) AppendText(dst, text []byte) ([]byte, bool) {
	return r.appendText(dst, text, 0)
}

// AppendJSON appends one JSON value with all of its texts, names and numbers redacted,
// as they mean without their escapes. Name is that of the value itself, empty for none.
// It reports false, and appends nothing, when there is nothing to replace. The value must
// not lie in what dst has room for. A number that is redacted becomes a text. What is
// appended is always JSON: a value that is not, or that nests deeper than 10,000 levels,
// is redacted as text and becomes one.
func (r *Redactor) AppendJSON(dst []byte, name string, value []byte) ([]byte, bool) {
	w := walker{r: r, active: r.active(value), next: r.contextOf([]byte(name))}
	if w.active == 0 && !w.next.any() {
		return dst, false
	}
	begin := len(dst)
	dst, changed, ok := w.walk(dst, value)
	if ok {
		return r.appendAcross(dst, begin, value, changed, true)
	}
	dst, changed = r.appendSteps(dst[:begin], value, everyStep, &noContext)
	if !changed {
		return dst, false
	}
	return quoteTail(dst, begin), true
}

// maxLevel is how many times JSON inside of a string of JSON is looked into.
const maxLevel = 4

// appendText redacts a text that stands in strings of JSON, level of them.
func (r *Redactor) appendText(dst, text []byte, level int) ([]byte, bool) {
	if level >= maxLevel || !resemblesJSON(text) {
		return r.appendSteps(dst, text, everyStep, &noContext)
	}
	active := r.active(text)
	if active == 0 {
		return dst, false
	}
	begin := len(dst)
	w := walker{r: r, active: active, level: level}
	dst, changed, ok := w.walk(dst, text)
	if !ok {
		return r.appendSteps(dst[:begin], text, everyStep, &noContext)
	}
	return r.appendAcross(dst, begin, text, changed, false)
}

// resemblesJSON says whether the text begins and ends like an object or an array.
func resemblesJSON(text []byte) bool {
	begin, end := 0, len(text)
	for begin < end && isJSONSpace(text[begin]) {
		begin++
	}
	if begin == end || text[begin] != '{' && text[begin] != '[' { // most are not
		return false
	}
	for isJSONSpace(text[end-1]) {
		end--
	}
	return text[end-1] == text[begin]+2 // the code of } and ]
}

// everyStep is the set of all steps.
const everyStep = ^uint64(0)

// bit is that of step i in a set of steps. The last is for all that have none of their own.
func bit(i int) uint64 { return 1 << min(i, 63) }

// active is the set of steps that may find something in JSON. A backslash and, in what
// turns out to be none, a colour may hide anything.
func (r *Redactor) active(text []byte) uint64 {
	if bytes.IndexByte(text, '\\') >= 0 || bytes.IndexByte(text, esc) >= 0 {
		return everyStep
	}
	set := uint64(0)
	for i := range r.steps {
		if r.steps[i].mayFind(text) {
			set |= bit(i)
		}
	}
	return set
}

// maxRounds bounds how often presets look at what later ones have made of a text.
const maxRounds = 4

// appendSteps applies the steps of a set, or all of them to a text with colours.
func (r *Redactor) appendSteps(dst, text []byte, set uint64, c *context) ([]byte, bool) {
	if coloured(text) {
		return r.appendColoured(dst, text, c)
	}
	return applySteps(r.steps, dst, text, set, c)
}

// applySteps applies the steps of a set, and all that follow one that replaced
// something, in order. What a preset has replaced may let one before it find more, as the
// address in x@example.org10.0.0.1, and that is applied again.
func applySteps(steps []step, dst, text []byte, set uint64, c *context) ([]byte, bool) {
	begin, changed := len(dst), false
	again := len(steps)
	var e edit // outside of the loop: clearing it takes as long as some scanners
	for round := 0; round < maxRounds && again > 0; round++ {
		last := 0
		for i := range steps[:again] {
			s := &steps[i]
			if !changed && set&bit(i) == 0 || round > 0 && s.method <= byPattern {
				continue
			}
			e.dst, e.text, e.done, e.by = dst, text, 0, &s.by
			s.scan(&e, c)
			if e.done == 0 {
				continue
			}
			dst = e.finish()
			if changed { // what the steps before have made stands in dst, too
				dst = drop(dst, begin, begin+len(text))
			}
			text, changed, last = dst[begin:], true, i
		}
		again = last
	}
	return dst, changed
}

// drop takes b[begin:end] out of b.
func drop(b []byte, begin, end int) []byte {
	n := copy(b[begin:], b[end:])
	return b[:begin+n]
}

package redact

import (
	"bytes"

	"github.com/drainline/drainline/services/internal/hec"
)

// context has, by topic, the name that the value at hand is given under, or that is given
// to something around it; nil for none.
type context [topics]*name

// noContext is that of text.
var noContext context

func (c *context) any() bool { return *c != noContext }

// with adds what another has beside it.
func (c *context) with(other *context) {
	for i, n := range other {
		if c[i] == nil {
			c[i] = n
		}
	}
}

// contextOf is that of a value which is given under a name.
func (r *Redactor) contextOf(name []byte) (c context) {
	for _, t := range r.topics {
		c[t], _ = vocabularies[t].before(name)
	}
	return c
}

// walker redacts the strings and numbers of one JSON value.
type walker struct {
	r      *Redactor
	active uint64
	level  int
	// next is the context of the value that comes next, around that of the arrays and
	// objects around it, and since how deep these began by topic.
	next, around context
	since        [topics]int
}

// walk appends the value, redacted. It appends nothing if there is nothing to replace,
// and something of no use if the value is no JSON.
func (w *walker) walk(dst, in []byte) (out []byte, changed, ok bool) {
	t := tokens{in: in}
	done := 0
	for {
		tok := t.next()
		switch tok.kind {
		case noJSON:
			return dst, false, false
		case endOfJSON:
			if done > 0 {
				dst = append(dst, in[done:]...)
			}
			return dst, done > 0, true
		case opening:
			w.enter(t.depth)
			continue
		case closing:
			w.leave(t.depth)
			continue
		case wordValue:
			w.next = noContext
			continue
		}
		if dst, changed = w.appendToken(dst, in[done:tok.begin], in[tok.begin:tok.end], tok.kind); changed {
			done = tok.end
		}
	}
}

// enter has the context go on in an array or object.
func (w *walker) enter(depth int) {
	for i, n := range w.next {
		if n != nil && w.around[i] == nil {
			w.since[i] = depth
		}
	}
	w.around.with(&w.next)
	w.next = noContext
}

func (w *walker) leave(depth int) {
	for i, n := range w.around {
		if n != nil && w.since[i] > depth {
			w.around[i] = nil
		}
	}
}

// appendToken appends what stands before a name, a text or a number, and that redacted;
// nothing if there is nothing to replace. What is made on the way is dropped from the end
// of dst.
func (w *walker) appendToken(dst, before, value []byte, kind tokenKind) ([]byte, bool) {
	begin, text := len(dst), value
	if kind != numberValue {
		text = value[1 : len(value)-1]
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		dst = hec.AppendUnquoted(dst, text)
		text = dst[begin:]
	}
	c := w.around
	c.with(&w.next)
	if w.next = noContext; kind == memberName {
		c, w.next = noContext, w.r.contextOf(text)
	}
	redacted := len(dst)
	var changed bool
	switch {
	case c.any():
		dst, changed = w.r.appendSteps(dst, text, everyStep, &c)
	case kind != numberValue && resemblesJSON(text):
		dst, changed = w.r.appendText(dst, text, w.level+1)
	default:
		dst, changed = w.r.appendSteps(dst, text, w.active, &noContext)
	}
	if !changed {
		return dst[:begin], false
	}
	made := len(dst)
	dst = append(dst, before...)
	dst = appendQuoted(dst, dst[redacted:made])
	return drop(dst, begin, made), true
}

// appendAcross applies the patterns once more to JSON as it is written, for what goes
// across names and values, such as "ssn":"(\d+)": only matches with a quote count, as the
// others were found inside of the strings already. If the outcome is no JSON but has to
// be, what is replaced gets quotes, or else all of it does.
func (r *Redactor) appendAcross(dst []byte, begin int, in []byte, changed, json bool) ([]byte, bool) {
	if changed {
		in = dst[begin:]
	}
	made := len(dst)
	dst, found := r.appendPatterns(dst, in, false)
	if !found {
		return dst, changed
	}
	whole := false
	if json && !isJSON(dst[made:]) {
		dst, _ = r.appendPatterns(dst[:made], in, true)
		if whole = !isJSON(dst[made:]); whole {
			dst, _ = r.appendPatterns(dst[:made], in, false)
		}
	}
	dst = drop(dst, begin, made)
	if whole {
		dst = quoteTail(dst, begin)
	}
	return dst, true
}

// appendPatterns applies the patterns to JSON as it is written.
func (r *Redactor) appendPatterns(dst, in []byte, quote bool) ([]byte, bool) {
	begin, changed := len(dst), false
	for i := range r.steps {
		s := &r.steps[i]
		if s.method != byLiteral && s.method != byPattern {
			continue
		}
		if !s.pattern.needs.in(in) {
			continue
		}
		e := edit{dst: dst, text: in, by: &s.across[0], across: true}
		if quote {
			e.by = &s.across[1]
		}
		s.scan(&e, &noContext)
		if e.done == 0 {
			continue
		}
		dst = e.finish()
		if changed {
			dst = drop(dst, begin, begin+len(in))
		}
		in, changed = dst[begin:], true
	}
	return dst, changed
}

// quoteTail makes a string of JSON of dst[begin:].
func quoteTail(dst []byte, begin int) []byte {
	made := len(dst)
	dst = appendQuoted(dst, dst[begin:made])
	return drop(dst, begin, made)
}

// appendQuoted appends the text as a string of JSON. What is not UTF-8 stays as it is.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, text)
	return append(dst, '"')
}

func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

package redact

import "bytes"

// esc begins a control sequence of a terminal (ECMA-48, section 5.4).
const esc = 0x1b

// writtenESC are its escapes in strings that a text quotes, in lower case.
var writtenESC = []string{`\u001b`, `\x1b`, `\033`, `\e`}

// maxParameters is the longest list of parameters of a control sequence. Two colours of
// 24 bits have 34 bytes.
const maxParameters = 40

// coloured says whether the text has control sequences of a terminal.
func coloured(text []byte) bool {
	if bytes.IndexByte(text, esc) >= 0 {
		return true
	}
	for i := 0; ; i++ {
		at := bytes.IndexByte(text[i:], '\\')
		if at < 0 {
			return false
		}
		if i += at; sequenceEnd(text, i) > i {
			return true
		}
	}
}

// sequenceEnd is where the control sequence ends that begins at text[i]: the choice of a
// colour, or of a set of characters as in ESC ( B, or ESC alone. It is i for none.
func sequenceEnd(text []byte, i int) int {
	end := i + escWidth(text, i)
	if end == i || end == len(text) {
		return end
	}
	alone := i
	if text[i] == esc {
		alone = end
	}
	switch text[end] {
	case '(':
		if alone > i && end+1 < len(text) {
			return end + 2
		}
	case '[':
		final := end + 1
		for final < len(text) && final-end <= maxParameters && isParameterByte(text[final]) {
			final++
		}
		if final < len(text) && (isLetter(text[final]) || text[final] == '~') {
			return final + 1
		}
	}
	return alone
}

// escWidth is the length of ESC at text[i] as it is written there, 0 if there is none.
func escWidth(text []byte, i int) int {
	if text[i] == esc {
		return 1
	}
	if text[i] == '\\' {
		for _, written := range writtenESC {
			if len(written) < len(text)-i && equalFold(text[i:i+len(written)], written) {
				return len(written)
			}
		}
	}
	return 0
}

func isParameterByte(c byte) bool { return isDigit(c) || c == ';' || c == ':' || c == '?' }

// appendColourless appends the text without its control sequences.
func appendColourless(dst, text []byte) []byte {
	done := 0
	for i := 0; ; {
		at := bytes.IndexAny(text[i:], "\x1b\\")
		if at < 0 {
			return append(dst, text[done:]...)
		}
		i += at
		end := sequenceEnd(text, i)
		if end == i {
			i++
			continue
		}
		dst = append(dst, text[done:i]...)
		i, done = end, end
	}
}

// appendColoured applies all steps to a text as it looks on a terminal, because colours
// part names from their values and hide where words begin. The operator's patterns that
// find nothing there are applied to the text as it is. If nothing is found the text
// keeps its colours.
func (r *Redactor) appendColoured(dst, text []byte, c *context) ([]byte, bool) {
	begin, changed := len(dst), false
	dst = appendColourless(dst, text)
	plain := dst[begin:]
	for i := range r.steps {
		s := &r.steps[i]
		if s.method > byPattern || s.finds(plain) {
			continue
		}
		made := len(dst)
		var found bool
		if dst, found = applySteps(r.steps[i:i+1], dst, text, everyStep, c); found {
			text, changed = dst[made:], true
		}
	}
	if changed {
		made := len(dst)
		dst = appendColourless(dst, text)
		plain = dst[made:]
	}
	made := len(dst)
	dst, found := applySteps(r.steps, dst, plain, everyStep, c)
	switch {
	case found:
	case changed:
		dst = append(dst, text...)
	default:
		return dst[:begin], false
	}
	return drop(dst, begin, made), true
}

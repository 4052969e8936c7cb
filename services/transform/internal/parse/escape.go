package parse

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// unescape is a text without the escapes that JSON knows, and \xNN, with which Go's
// strconv.Quote, and so log/slog and logrus, write control characters and what is not
// UTF-8. A backslash before anything else stands for itself. The text is kept in the
// memory of the list.
func unescape(list *fields.List, text string) string {
	dst := list.Scratch()
	begin := len(dst)
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 {
			return list.Keep(append(dst, text...), begin)
		}
		dst = append(dst, text[:i]...)
		text = text[i:]
		if r, n := hec.Unescape(fields.Bytes(text)); n > 0 {
			dst, text = utf8.AppendRune(dst, r), text[n:]
		} else if c, ok := escapedByte(text); ok {
			dst, text = append(dst, c), text[len(`\xNN`):]
		} else {
			dst, text = append(dst, '\\'), text[1:]
		}
	}
}

// escapedByte is the byte of the \xNN at the start of a text.
func escapedByte(text string) (c byte, ok bool) {
	const size = len(`\xNN`)
	if len(text) < size || text[1] != 'x' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:size], 16, 8)
	return byte(n), err == nil
}

package redact

import "bytes"

var (
	privateKeyLabel = []byte("PRIVATE KEY")
	pemBegin        = []byte("-----BEGIN ")
	pemEnd          = []byte("-----END ")
	pemDashes       = []byte("-----")
)

// maxLabel is how long a label of PEM may be, such as ENCRYPTED PRIVATE KEY.
const maxLabel = 40

// scanPrivateKeys finds what stands between the lines that begin and end a private key
// in PEM (RFC 7468). If one of the lines is missing, the key goes on to that end of the
// text.
func scanPrivateKeys(e *edit) {
	text := e.text
	if !bytes.Contains(text, privateKeyLabel) {
		return
	}
	floor := 0 // where a key begins whose first line is missing
	for i := 0; ; {
		at := bytes.Index(text[i:], pemDashes)
		if at < 0 {
			return
		}
		i += at
		after := pemLine(text, i, pemBegin)
		switch {
		case after > 0:
			end := len(text)
			if at = bytes.Index(text[after:], pemEnd); at >= 0 {
				end = after + at
			}
			e.replace(after, end)
			if floor = pemLine(text, end, pemEnd); floor < 0 {
				floor = end
			}
			i = max(floor, end)
		case pemLine(text, i, pemEnd) > 0:
			e.replace(floor, i)
			i = pemLine(text, i, pemEnd)
			floor = i
		default:
			i++
		}
	}
}

// pemLine is where the line of a private key that begins at i ends, negative if there is
// none. Before says whether it is the first line or the last.
func pemLine(text []byte, i int, before []byte) int {
	if !bytes.HasPrefix(text[i:], before) {
		return -1
	}
	begin := i + len(before)
	label := text[begin:min(len(text), begin+maxLabel+len(pemDashes))]
	end := bytes.Index(label, pemDashes)
	if end < 0 || !bytes.Contains(label[:end], privateKeyLabel) {
		return -1
	}
	return begin + end + len(pemDashes)
}

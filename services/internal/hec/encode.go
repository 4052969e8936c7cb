package hec

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/drainline/drainline/proto/wire"
)

// AppendEvent appends one envelope for HEC's event endpoint. Envelopes follow
// each other without a separator. It allocates nothing if dst has room.
//
// Time is in seconds, with microseconds. What is empty is left out, so that the
// token's default applies; so is a time of zero or before 1970, which HEC does
// not take, and the event gets the time of its receipt. Bytes of the text that
// are not UTF-8 become U+FFFD.
//
// HEC refuses an event whose text is empty or blank (code 13), and with it the
// batch. Such a line is sent as "-", the NIL value of syslog (RFC 5424, 6.2), so
// that it is still counted and found.
//
// JSON bodies and the fields' values are copied as they are: each has to be one
// JSON value. A field without a value is left out.
func AppendEvent(dst []byte, e *wire.Event) []byte { return AppendEventWith(dst, e, nil) }

// AppendEventWith is AppendEvent with only those fields that a filter keeps. The fields
// of a metric event (IsMetric) are its measurements and dimensions, and always kept.
func AppendEventWith(dst []byte, e *wire.Event, keep *FieldFilter) []byte {
	dst = append(dst, '{')
	if e.TimeNS > 0 {
		dst = append(dst, `"time":`...)
		dst = appendSeconds(dst, uint64(e.TimeNS))
		dst = append(dst, ',')
	}
	dst = appendMetadata(dst, `"host":`, e.Host)
	dst = appendMetadata(dst, `"source":`, e.Source)
	dst = appendMetadata(dst, `"sourcetype":`, e.Sourcetype)
	dst = appendMetadata(dst, `"index":`, e.Index)
	dst = append(dst, `"event":`...)
	switch {
	case len(e.JSON) > 0:
		dst = append(dst, e.JSON...)
	case blank(e.Text):
		dst = append(dst, `"-"`...)
	default:
		dst = AppendString(dst, e.Text)
	}
	if keep != nil && IsMetric(e) {
		keep = nil
	}
	dst = appendFields(dst, e.Fields, keep)
	return append(dst, '}')
}

func appendMetadata(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, key...)
	dst = AppendString(dst, bytesOf(value))
	return append(dst, ',')
}

func appendFields(dst []byte, fields []wire.Field, keep *FieldFilter) []byte {
	before := len(dst)
	dst = append(dst, `,"fields":`...)
	separator := byte('{')
	for i := range fields {
		f := &fields[i]
		if len(f.JSON) == 0 || !keep.Keeps(f.Name) {
			continue
		}
		dst = append(dst, separator)
		separator = ','
		dst = AppendString(dst, bytesOf(f.Name))
		dst = append(dst, ':')
		dst = append(dst, f.JSON...)
	}
	if separator == '{' {
		return dst[:before]
	}
	return append(dst, '}')
}

// appendSeconds appends nanoseconds as seconds with six decimals.
func appendSeconds(dst []byte, ns uint64) []byte {
	const decimals = 6
	dst = strconv.AppendUint(dst, ns/1e9, 10)
	dst = append(dst, ".000000"...)
	micros := ns % 1e9 / 1e3
	for i := range decimals {
		dst[len(dst)-1-i] = '0' + byte(micros%10)
		micros /= 10
	}
	return dst
}

// blank says whether HEC would call a text blank. It is Docker's test, Unicode's
// white space, which is at least as wide as Splunk's.
func blank(text []byte) bool {
	if len(text) > 0 && text[0] > ' ' && text[0] < utf8.RuneSelf {
		return false
	}
	return len(bytes.TrimSpace(text)) == 0
}

// AppendString appends text as a JSON string. Bytes that are not UTF-8 become U+FFFD,
// one each, as encoding/json does it.
func AppendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plain(text)
		dst = append(dst, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			return append(dst, '"')
		}
		if text[0] < utf8.RuneSelf {
			dst = appendEscape(dst, text[0])
			text = text[1:]
		} else {
			dst, text = appendRunes(dst, text)
		}
	}
}

// plain is the length of the run of ASCII at the start of text that stands in a
// JSON string as it is. It looks at eight bytes at a time: the high bit of a
// byte of care is set where the byte is a control character, a quote, a
// backslash or not ASCII. Borrows can set it wrongly only above a byte where it
// is set rightly, and only the lowest is read.
func plain(text []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
		word  = 8
	)
	n := 0
	for ; len(text)-n >= word; n += word {
		w := binary.LittleEndian.Uint64(text[n:])
		care := (w | (w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)) & highs
		if care != 0 {
			return n + bits.TrailingZeros64(care)/word
		}
	}
	for ; n < len(text); n++ {
		if c := text[n]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
}

// appendRunes appends the run of characters beyond ASCII at the start of text and
// returns what follows it.
func appendRunes(dst, text []byte) (appended, rest []byte) {
	for len(text) > 0 && text[0] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, r)
		text = text[n:]
	}
	return dst, text
}

// bytesOf is the bytes of s without a copy; they must not be written to.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // only read, and only while s lives
}

package parse

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// JSON takes the fields of one JSON object, as strictly as encoding/json. An object in it
// is taken apart: its values have its name and a dot before their own. It is left as it is
// when it is empty, nested more than 8 levels deep, or has a name of over 256 bytes; so
// are arrays. Of a name given twice the first counts. Numbers that a float would change,
// such as integers above 2^53, are texts.
var JSON Parser = object{}

const (
	// maxLevels bounds the parts of a name.
	maxLevels = 8
	// maxPrefix bounds what names repeat of those before them, in bytes.
	maxPrefix = 256
)

type object struct{}

func (object) Parse(dst *fields.List, body []byte) bool {
	i := hec.SkipSpace(body, 0)
	if i == len(body) || body[i] != '{' {
		return false
	}
	w := walk{text: body, list: dst}
	i = w.object(i, "", maxLevels)
	if i < 0 || hec.SkipSpace(body, i) < len(body) {
		dst.Reset()
		return false
	}
	return true
}

// walk goes through an object. Its methods take a position and return the one behind what
// they found there, negative where that is no JSON, or too much.
type walk struct {
	text []byte
	list *fields.List
}

// object takes the members of the object that begins at i. Their names begin with the
// prefix.
func (w *walk) object(i int, prefix string, levels int) int {
	i = hec.SkipSpace(w.text, i+1)
	if i < len(w.text) && w.text[i] == '}' {
		return i + 1
	}
	for {
		begin := i
		if i = hec.SkipString(w.text, i); i < 0 {
			return i
		}
		name := w.unquote(fields.Alias(w.text[begin+1 : i-1]))
		if levels < maxLevels {
			name = w.under(prefix, name)
		}
		if i = hec.SkipColon(w.text, i); i < 0 {
			return i
		}
		if i = w.value(i, name, levels); i < 0 || w.list.Over() {
			return -1
		}
		i = hec.SkipSpace(w.text, i)
		switch {
		case i < len(w.text) && w.text[i] == ',':
			i = hec.SkipSpace(w.text, i+1)
		case i < len(w.text) && w.text[i] == '}':
			return i + 1
		default:
			return -1
		}
	}
}

// value takes the value that begins at i.
func (w *walk) value(i int, name string, levels int) int {
	if i < len(w.text) && w.text[i] == '{' && levels > 1 && len(name) <= maxPrefix {
		if inside := hec.SkipSpace(w.text, i+1); inside < len(w.text) && w.text[inside] != '}' {
			return w.object(i, name, levels-1)
		}
	}
	around := maxLevels - levels + 1
	end := hec.SkipValue(w.text, i, hec.DefaultMaxDepth-around)
	if end > 0 {
		f := w.list.Append()
		f.Name = name
		w.scalar(w.text[i:end], &f.Value)
	}
	return end
}

// scalar fills in a value that is not taken apart.
func (w *walk) scalar(value []byte, v *fields.Value) {
	v.Text = fields.Alias(value)
	switch value[0] {
	case '"':
		v.Text = w.unquote(v.Text[1 : len(v.Text)-1])
	case '{', '[':
		v.Kind, v.Text = fields.JSON, w.valid(v.Text)
	case 't', 'f':
		v.Kind = fields.Bool
	case 'n':
		v.Kind = fields.Null
	default:
		w.number(v)
	}
}

// number makes a number of a text that is one, unless that would change it.
func (w *walk) number(v *fields.Value) {
	var d decimal
	var n float64
	if d.read(v.Text) == len(v.Text) {
		if d.changes() {
			return
		}
		n = d.times(0)
	} else { // an exponent without a sign
		n, _ = strconv.ParseFloat(v.Text, 64)
		if math.IsInf(n, 0) {
			return
		}
	}
	v.Kind, v.Number = fields.Number, n
}

// under is the name of a member, behind that of the object it is in.
func (w *walk) under(prefix, name string) string {
	scratch := w.list.Scratch()
	begin := len(scratch)
	scratch = append(append(append(scratch, prefix...), '.'), name...)
	return w.list.Keep(scratch, begin)
}

// unquote is what the inside of a string says.
func (w *walk) unquote(inside string) string {
	if strings.IndexByte(inside, '\\') < 0 {
		return inside
	}
	scratch := w.list.Scratch()
	return w.list.Keep(hec.AppendUnquoted(scratch, fields.Bytes(inside)), len(scratch))
}

// valid is a text with U+FFFD for each byte that is not UTF-8.
func (w *walk) valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	scratch := w.list.Scratch()
	begin := len(scratch)
	for _, r := range text {
		scratch = utf8.AppendRune(scratch, r)
	}
	return w.list.Keep(scratch, begin)
}

package transform

import (
	"bytes"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// maxNames bounds the remembered names. Dynos come and go, and a sender may make
// names up: past the bound the memory starts afresh.
const maxNames = 4096

// rememberedOrigins is how many different origins of lines are remembered with their
// fields; a power of two.
const rememberedOrigins = 64

// names remembers the few names that most lines repeat, as text and as JSON, and the
// fields they give, so that a line allocates nothing.
type names struct {
	words   map[string]*word
	numbers uint32
	none    word
	kinds   []*kindWord
	origins [rememberedOrigins]lineOrigin
}

type word struct {
	text string
	json []byte
	// number tells words apart where they are looked up together.
	number uint32
}

type kindWord struct {
	word
	sourcetype string
}

// lineOrigin is what a line is of, and the indexed fields that say so.
type lineOrigin struct {
	app, process, dyno, code *word
	kind                     *kindWord
	fields                   []wire.Field
}

func (n *names) word(b []byte) *word {
	if len(b) == 0 {
		return &n.none
	}
	if w, ok := n.words[string(b)]; ok {
		return w
	}
	if n.words == nil || len(n.words) >= maxNames {
		n.words = make(map[string]*word, maxNames)
	}
	key := string(b)
	w := newWord(key)
	n.numbers++
	w.number = n.numbers
	n.words[key] = &w
	return &w
}

func newWord(name string) word {
	text := string(bytes.ToValidUTF8([]byte(name), []byte("\ufffd")))
	return word{text: text, json: hec.AppendString(nil, []byte(text))}
}

// kind is looked up without a map: there are five.
func (n *names) kind(k heroku.Kind) *kindWord {
	for _, known := range n.kinds {
		if known.text == string(k) {
			return known
		}
	}
	w := &kindWord{word: newWord(string(k)), sourcetype: "heroku:" + string(k)}
	w.number = uint32(len(n.kinds))
	n.kinds = append(n.kinds, w)
	return w
}

// fields are the indexed fields of a line of an origin. They are shared by all of them.
func (n *names) fields(o lineOrigin) []wire.Field {
	slot := &n.origins[(o.app.number*31+o.process.number*17+o.dyno.number*7+o.code.number*3+o.kind.number)%rememberedOrigins]
	if slot.app == o.app && slot.process == o.process && slot.dyno == o.dyno && slot.code == o.code && slot.kind == o.kind {
		return slot.fields
	}
	o.fields = appendField(nil, fieldApp, o.app)
	o.fields = appendField(o.fields, fieldProcess, o.process)
	o.fields = appendField(o.fields, fieldDyno, o.dyno)
	o.fields = appendField(o.fields, fieldKind, &o.kind.word)
	o.fields = appendField(o.fields, fieldCode, o.code)
	*slot = o
	return o.fields
}

func appendField(fields []wire.Field, name string, value *word) []wire.Field {
	if value.text == "" {
		return fields
	}
	return append(fields, wire.Field{Name: name, JSON: value.json})
}

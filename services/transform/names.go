package transform

import (
	"bytes"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// maxNames bounds the remembered names. Dynos come and go, and a sender may make
// names up: past the bound the memory starts afresh.
const maxNames = 4096

// names remembers the few names that most lines repeat, as text and as JSON, so
// that a line allocates nothing.
type names struct {
	words map[string]word
	kinds []kindWord
}

type word struct {
	text string
	json []byte
}

type kindWord struct {
	word
	sourcetype string
}

func (n *names) word(b []byte) word {
	if len(b) == 0 {
		return word{}
	}
	if w, ok := n.words[string(b)]; ok {
		return w
	}
	if n.words == nil || len(n.words) >= maxNames {
		n.words = make(map[string]word, maxNames)
	}
	key := string(b)
	w := newWord(key)
	n.words[key] = w
	return w
}

func newWord(name string) word {
	text := string(bytes.ToValidUTF8([]byte(name), []byte("\ufffd")))
	return word{text: text, json: hec.AppendString(nil, []byte(text))}
}

// kind is looked up without a map: there are five.
func (n *names) kind(k heroku.Kind) kindWord {
	for i := range n.kinds {
		if n.kinds[i].text == string(k) {
			return n.kinds[i]
		}
	}
	w := kindWord{word: newWord(string(k)), sourcetype: "heroku:" + string(k)}
	n.kinds = append(n.kinds, w)
	return w
}

package redact

// folded is a word of ASCII that is searched for whatever its case, by the algorithm of
// Horspool: most bytes of a text without the word are not looked at.
type folded struct {
	word string // lower case
	// skip is how far to go on from a place whose last byte is not that of the word, by
	// that byte; zero if it is.
	skip [256]uint8
	// again is how far to go on where the last byte is that of the word.
	again int
}

// maxFolded is the longest word.
const maxFolded = 64

func newFolded(word string) *folded {
	f := &folded{word: word}
	last := len(word) - 1
	for c := range f.skip {
		f.skip[c] = uint8(len(word))
	}
	f.again = len(word)
	for i := range last {
		c := word[i]
		f.skip[c], f.skip[upper(c)] = uint8(last-i), uint8(last-i)
		if c == word[last] {
			f.again = last - i
		}
	}
	f.skip[word[last]], f.skip[upper(word[last])] = 0, 0
	return f
}

// index is where the word next begins at or after i, negative for nowhere.
func (f *folded) index(text []byte, i int) int {
	last := len(f.word) - 1
	for i+last < len(text) {
		if skip := f.skip[text[i+last]]; skip > 0 {
			i += int(skip)
			continue
		}
		if equalFold(text[i:i+last], f.word[:last]) {
			return i
		}
		i += f.again
	}
	return -1
}

// equalFold says whether the text is the word, which is lower case and as long.
func equalFold(text []byte, word string) bool {
	for i, c := range text {
		if lower(c) != word[i] {
			return false
		}
	}
	return true
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

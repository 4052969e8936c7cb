package ledger

import "strings"

// keptRows is how many rows a Tally keeps for the next round.
const keptRows = 1024

// Tally gathers what is to be posted together. It is used by one goroutine at a time, and
// keeps its memory: what has the same names again costs no more than a look. The zero
// value is ready.
type Tally struct {
	rows map[Key]*entry
	used []*entry
	last *entry
}

type entry struct {
	Row

	used bool
}

// Row is the row with these names, to be added to until Reset. The tally keeps copies of
// the names.
func (t *Tally) Row(k Key) *Row {
	if t.last != nil && t.last.Key == k {
		return &t.last.Row
	}
	e, known := t.rows[k]
	if !known {
		if t.rows == nil {
			t.rows = map[Key]*entry{}
		}
		e = &entry{Row: Row{Key: cloned(k)}}
		t.rows[e.Key] = e
	}
	if !e.used {
		e.used = true
		t.used = append(t.used, e)
	}
	t.last = e
	return &e.Row
}

func cloned(k Key) Key {
	return Key{
		Input: strings.Clone(k.Input), Credential: strings.Clone(k.Credential), Destination: strings.Clone(k.Destination),
		Index: strings.Clone(k.Index), Sourcetype: strings.Clone(k.Sourcetype), Rule: strings.Clone(k.Rule),
	}
}

// Each calls f with every row that was asked for since Reset.
func (t *Tally) Each(f func(*Row)) {
	for _, e := range t.used {
		f(&e.Row)
	}
}

// Reset empties the tally.
func (t *Tally) Reset() {
	t.last = nil
	if len(t.rows) > keptRows {
		*t = Tally{}
		return
	}
	for _, e := range t.used {
		e.Row, e.used = Row{Key: e.Key}, false
	}
	t.used = t.used[:0]
}

package ledger

import (
	"strings"

	"github.com/drainline/drainline/services/internal/telemetry"
)

// Bounds of one sheet, whatever names come from outside.
const (
	// maxInputs is how many inputs have rows of their own in an hour of an instance, and
	// in what it shows of itself; the others are together under telemetry.Other, with
	// an app that is really called so.
	maxInputs = 1000
	// maxRows is how many rows there may be before index, sourcetype and credential are
	// not told apart any more in those that are new, and most before inputs are not, either.
	maxRows = 4000
	most    = 2 * maxRows
	// maxName bounds a name, in bytes.
	maxName = 256
	// partRows is how many rows a page has: with the longest names and all bookings it
	// fits a message, and what changes one row writes no more than these.
	partRows = 256
)

// sheet is rows with bounds.
type sheet struct {
	rows   []*Row
	at     map[Key]int
	inputs map[string]struct{}
}

func newSheet() *sheet { return &sheet{at: map[Key]int{}, inputs: map[string]struct{}{}} }

// add adds a row to that with its names. It calls changed with the numbers of the rows
// that it has added to.
func (s *sheet) add(r *Row, changed func(row int)) {
	if n, known := s.at[r.Key]; known { // mostly
		s.rows[n].add(r)
		changed(n)
		return
	}
	k := s.bounded(r.Key)
	if _, known := s.at[k]; known || len(s.rows) < most {
		s.addTo(k, r, changed)
		return
	}
	for d := range strings.SplitSeq(k.Destination, separator) {
		k := Key{Input: telemetry.Other, Destination: d}
		if r.Rule != "" {
			k = Key{Rule: telemetry.Other}
		}
		s.addTo(k, r, changed)
	}
}

func (s *sheet) addTo(k Key, r *Row, changed func(row int)) {
	n, known := s.at[k]
	if !known {
		n = len(s.rows)
		s.at[k] = n
		s.rows = append(s.rows, &Row{Key: k})
	}
	s.rows[n].add(r)
	changed(n)
}

// bounded is a key within the bounds.
func (s *sheet) bounded(k Key) Key {
	for _, name := range [...]*string{&k.Input, &k.Credential, &k.Index, &k.Sourcetype, &k.Rule} {
		*name = clipped(*name)
	}
	if _, known := s.inputs[k.Input]; !known {
		if len(s.inputs) >= maxInputs {
			k.Input = telemetry.Other
		}
		s.inputs[k.Input] = struct{}{}
	}
	if _, known := s.at[k]; !known && len(s.rows) >= maxRows {
		for _, name := range [...]*string{&k.Credential, &k.Index, &k.Sourcetype} {
			if *name != "" {
				*name = telemetry.Other
			}
		}
	}
	return k
}

// clipped is a name that has no more bytes than it may, all of them UTF-8.
func clipped(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxName)], "\ufffd")
}

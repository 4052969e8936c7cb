package hec

import (
	"slices"
	"strings"

	"github.com/drainline/drainline/services/internal/glob"
)

// FieldFilter says which indexed fields go along with events. A nil filter keeps all.
// It remembers what it said of names, so it is not for several goroutines at once.
type FieldFilter struct {
	globs    []string
	verdicts map[string]bool // by name
}

// What is remembered is far above what fields apps have. Where names are made up for every
// event, it bounds the memory: half a megabyte, and the map.
const (
	maxVerdicts     = 4096
	maxVerdictBytes = 128 // of a name
)

// NewFieldFilter makes a filter that keeps the fields whose names one of the globs
// matches, in which * is any text, none included. It is nil, which keeps all, when globs
// is nil or one of them is "*"; an empty list keeps none.
func NewFieldFilter(globs []string) *FieldFilter {
	if globs == nil || slices.Contains(globs, "*") {
		return nil
	}
	return &FieldFilter{globs: globs, verdicts: make(map[string]bool)}
}

// Keeps says whether fields of that name are kept.
func (f *FieldFilter) Keeps(name string) bool {
	if f == nil {
		return true
	}
	keeps, known := f.verdicts[name]
	if known {
		return keeps
	}
	keeps = glob.Match(f.globs, name)
	if len(name) > maxVerdictBytes {
		return keeps
	}
	if len(f.verdicts) == maxVerdicts {
		clear(f.verdicts)
	}
	f.verdicts[strings.Clone(name)] = keeps // names point into messages that go
	return keeps
}

package hec

import (
	"fmt"
	"strings"
	"testing"
)

// Names point into memory that is used again, and there is no end of them.
func TestFieldFilterKeepsNoNames(t *testing.T) {
	t.Parallel()
	f := NewFieldFilter([]string{"a*"})
	memory := []byte("a0000000")
	for i := range 3 * maxVerdicts {
		name := fmt.Appendf(memory[:0], "%c%07d", "ab"[i%2], i)
		if got, want := f.Keeps(stringOf(name)), i%2 == 0; got != want {
			t.Fatalf("%s is kept: %v", name, got)
		}
		if keeps, known := f.verdicts[string(name)]; !known || keeps != (i%2 == 0) || len(f.verdicts) > maxVerdicts {
			t.Fatalf("of %s is remembered: %v, %v, beside %d", name, keeps, known, len(f.verdicts))
		}
	}
	if long := "a" + strings.Repeat("x", 1<<20); !f.Keeps(long) || f.verdicts[long] {
		t.Error("a long name is not kept, or remembered")
	}
	clear(memory)
	for name, keeps := range f.verdicts {
		if keeps != (name[0] == 'a') {
			t.Fatalf("a name became %q", name)
		}
	}
}

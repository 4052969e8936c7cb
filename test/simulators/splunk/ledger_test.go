package splunk_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	ledger := splunk.NewLedger()
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range 1000 {
				ledger.Add(strconv.Itoa(i))
			}
		})
	}
	workers.Wait()
	if ledger.Distinct() != 1000 || ledger.Duplicates() != 3000 || ledger.Times("7") != 4 || ledger.Times("x") != 0 {
		t.Errorf("%d distinct, %d duplicates, %d times 7", ledger.Distinct(), ledger.Duplicates(), ledger.Times("7"))
	}
	if got := ledger.Missing([]string{"1", "x", "999", "y"}); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("missing %v", got)
	}
	if got := len(ledger.Repeated()); got != 100 {
		t.Errorf("remembers %d repeated ids", got)
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"hello id=d-1 t=5", "d-1"},
		{"id=d-1", "d-1"},
		{"hello id=d-1\n", "d-1"},
		{"id=first id=last", "last"},
		{"request_id=59da6323 path=/x?id=7", ""},
		{"id= t=5", ""},
		{"id=d-1 request_id=5", "d-1"},
		{`{"message":"hello id=d-1\n"}`, "d-1"},
		{`{"message":"id=d-1"}`, "d-1"},
		{"", ""},
	} {
		t.Run(fmt.Sprintf("%q", c.text), func(t *testing.T) {
			t.Parallel()
			if got := splunk.ID(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

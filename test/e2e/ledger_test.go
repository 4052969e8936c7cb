package e2e

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// ledger says how often each id was seen.
type ledger map[string]int

// readLedger reads a file of ids, one a line.
func readLedger(t *testing.T, path string) ledger {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger{}
	for id := range strings.FieldsSeq(string(content)) {
		l[id]++
	}
	return l
}

// lines is how many lines a file has that is being written, 0 before it is there.
func lines(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return bytes.Count(content, []byte("\n"))
}

// sightings counts every time an id was seen.
func (l ledger) sightings() int {
	n := 0
	for _, times := range l {
		n += times
	}
	return n
}

// books compares what was accepted with what was indexed: nothing may be missing,
// and no more seen again than allowed.
func books(t *testing.T, accepted, indexed ledger, allowed int) {
	t.Helper()
	const shown = 5
	missing := 0
	for id := range accepted {
		if indexed[id] > 0 {
			continue
		}
		if missing++; missing <= shown {
			t.Errorf("%s was accepted and is lost", id)
		}
	}
	duplicates := indexed.sightings() - len(indexed)
	t.Logf("%d accepted, %d lost, %d indexed again", len(accepted), missing, duplicates)
	if duplicates > allowed {
		t.Errorf("%d messages are indexed again, where %d may be", duplicates, allowed)
	}
}

package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// What could be set in a file of a version can be set for ever, and means the same.
// The list is edited by hand, so that nobody changes it without noticing.
func TestKeysOfTheVersionStay(t *testing.T) {
	t.Parallel()
	name := fmt.Sprintf("testdata/keys.v%d.golden", SchemaVersion)
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	promised := strings.Split(strings.TrimSpace(string(golden)), "\n")
	var there []string
	for _, k := range keys {
		if !k.isSection() {
			there = append(there, strings.TrimSpace(k.path+" | "+k.kind.rule+" | "+k.def))
		}
	}
	for _, line := range promised {
		if !slices.Contains(there, line) {
			t.Errorf("a key has vanished, or has another rule or default. If no file of today becomes wrong by that or means "+
				"something else, change the line in %s; otherwise SchemaVersion has to grow:\n%s", name, line)
		}
	}
	for _, line := range there {
		if !slices.Contains(promised, line) {
			t.Errorf("a key is new: add the line to %s\n%s", name, line)
		}
	}
}

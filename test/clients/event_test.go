package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// event is one that arrived or should have, with JSON as encode has it and the time
// in microseconds.
type event struct {
	micros                          int64
	host, source, sourcetype, index string
	body, fields                    string
}

// compare wants the same events in any order: none may be missing, changed or there
// twice.
func compare(t *testing.T, got, want []event) {
	t.Helper()
	inOrder := func(a, b event) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, inOrder)
	slices.SortFunc(want, inOrder)
	const shown = 5
	for i, wrong := 0, 0; i < max(len(got), len(want)) && wrong < shown; i++ {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("event %d of %d is\n%+v, want of %d\n%+v", i, len(got), at(got, i), len(want), at(want, i))
			wrong++
		}
	}
}

func at(events []event, i int) event {
	if i < len(events) {
		return events[i]
	}
	return event{}
}

// decode reads JSON and leaves numbers their digits.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var value any
	if err := in.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// encode is a value as JSON, with the keys of maps in ascending order.
func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

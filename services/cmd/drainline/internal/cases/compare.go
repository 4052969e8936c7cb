package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Difference is one place where what came out is not what was expected. Both sides are
// JSON, or words where there is nothing to show.
type Difference struct {
	// Path says what was compared, such as events[0].index.
	Path     string `json:"path"`
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
}

const absent = "nothing"

// compare says where an outcome is not as expected.
func (e *expectation) compare(o *Outcome) []Difference {
	var found []Difference
	number := func(path string, expected, actual int) {
		if expected >= 0 && expected != actual {
			found = append(found, Difference{path, strconv.Itoa(expected), strconv.Itoa(actual)})
		}
	}
	switch {
	case !e.listed:
		number("events", e.count, len(o.Events))
	case len(e.events) == len(o.Events):
		for i := range e.events {
			found = append(found, e.events[i].compare("events["+strconv.Itoa(i)+"]", &o.Events[i])...)
		}
	default:
		number("events", len(e.events), len(o.Events))
		found = append(found, e.align(o.Events)...)
	}
	number("filtered", e.filtered, o.Filtered)
	reasons := maps.Clone(e.dead)
	for reason := range o.Dead {
		reasons[reason] = e.dead[reason]
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		number("dead."+reason, e.dead[reason], o.Dead[reason])
	}
	return found
}

// align says which events are too many or too few: each that is expected takes the next
// that it fits.
func (e *expectation) align(events []Event) []Difference {
	var found []Difference
	unexpected := func(from, to int) {
		for i := from; i < to; i++ {
			found = append(found, Difference{"events[" + strconv.Itoa(i) + "]", absent, brief(&events[i])})
		}
	}
	next := 0
	for i := range e.events {
		fits := slices.IndexFunc(events[next:], func(actual Event) bool { return len(e.events[i].compare("", &actual)) == 0 })
		if fits < 0 {
			found = append(found, Difference{"events[" + strconv.Itoa(i) + "]", e.events[i].String(), absent})
			continue
		}
		unexpected(next, next+fits)
		next += fits + 1
	}
	unexpected(next, len(events))
	return found
}

// brief is an event as it is told among others.
func brief(e *Event) string {
	return fmt.Sprintf("{destination: %s, index: %s, sourcetype: %s, message: %s}",
		strings.Join(e.Destination, " "), shown(e.Index), shown(e.Sourcetype), shown(e.message()))
}

// String is the event as it was written, about.
func (w *wanted) String() string {
	var parts []string
	for _, key := range w.texts {
		parts = append(parts, key.name+": "+shown(key.value))
	}
	if w.isJSON {
		parts = append(parts, "json: "+shown(w.json))
	}
	if w.fields != nil {
		parts = append(parts, "fields: "+shown(w.fields))
	}
	if w.time != nil {
		parts = append(parts, "time: "+w.time.Format(time.RFC3339Nano))
	}
	if len(w.destinations) > 0 {
		parts = append(parts, "destination: "+shown(w.destinations))
	}
	return fmt.Sprintf("{%s} of line %d", strings.Join(parts, ", "), w.line)
}

func (w *wanted) compare(path string, e *Event) []Difference {
	var found []Difference
	differ := func(key, expected, actual string) {
		found = append(found, Difference{path + "." + key, expected, actual})
	}
	if len(w.destinations) > 0 && !slices.Equal(w.destinations, e.Destination) {
		differ("destination", shown(w.destinations), shown(e.Destination))
	}
	if w.time != nil {
		// HEC keeps microseconds.
		actual, err := time.Parse(time.RFC3339Nano, e.Time)
		if err != nil || !actual.Truncate(time.Microsecond).Equal(w.time.Truncate(time.Microsecond)) {
			differ("time", shown(w.time.UTC().Format(time.RFC3339Nano)), shown(e.Time))
		}
	}
	texts := e.texts()
	for _, key := range w.texts {
		if texts[key.name] != key.value {
			differ(key.name, shown(key.value), shown(texts[key.name]))
		}
	}
	if w.isJSON {
		if e.Message != nil {
			differ("json", shown(w.json), "text: "+shown(*e.Message))
		} else {
			found = append(found, compareData(path+".json", w.json, dataOf(e.JSON))...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.fields)) {
		found = append(found, compareMember(path+".fields."+name, w.fields[name], e.Fields[name])...)
	}
	return found
}

// compareMember compares a value that may be absent. Null is expected of one that is.
func compareMember(path string, expected any, actual json.RawMessage) []Difference {
	if actual == nil {
		return compareAbsent(path, expected)
	}
	return compareData(path, expected, dataOf(actual))
}

func compareAbsent(path string, expected any) []Difference {
	if expected == nil {
		return nil
	}
	return []Difference{{path, shown(expected), absent}}
}

// compareData compares JSON as data: of objects the keys that are expected, of lists all
// entries.
func compareData(path string, expected, actual any) []Difference {
	switch want := expected.(type) {
	case nil:
		if actual == nil {
			return nil
		}
		return []Difference{{path, absent, shown(actual)}}
	case map[string]any:
		if got, ok := actual.(map[string]any); ok {
			return compareObjects(path, want, got)
		}
	case []any:
		if got, ok := actual.([]any); ok && len(got) == len(want) {
			var found []Difference
			for i := range want {
				found = append(found, compareData(path+"["+strconv.Itoa(i)+"]", want[i], got[i])...)
			}
			return found
		}
	case json.Number:
		if got, ok := actual.(json.Number); ok && sameNumber(want, got) {
			return nil
		}
	default:
		if expected == actual { // text and bool
			return nil
		}
	}
	return []Difference{{path, shown(expected), shown(actual)}}
}

func compareObjects(path string, expected, actual map[string]any) []Difference {
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		value, ok := actual[name]
		if !ok {
			found = append(found, compareAbsent(path+"."+name, expected[name])...)
			continue
		}
		found = append(found, compareData(path+"."+name, expected[name], value)...)
	}
	return found
}

// sameNumber compares whole numbers by their digits, which a float would round.
func sameNumber(a, b json.Number) bool {
	x, errX := a.Int64()
	y, errY := b.Int64()
	if errX == nil && errY == nil {
		return x == y
	}
	f, errF := a.Float64()
	g, errG := b.Float64()
	return a == b || errF == nil && errG == nil && f == g
}

// dataOf is valid JSON as data, with numbers as they are written.
func dataOf(content json.RawMessage) any {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return string(content)
	}
	return v
}

// shown is a value as JSON. Text keeps what is beyond ASCII.
func shown(v any) string {
	content, err := plainJSON(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(content)
}

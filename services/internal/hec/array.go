package hec

import "iter"

// Elements goes through the elements of an event that is an array of objects. For
// any other event, the empty array among them, ok is false. The event is one JSON
// value as a Scanner gives it.
func Elements(event []byte) (elements iter.Seq[[]byte], ok bool) {
	elements = func(yield func([]byte) bool) {
		for at := 1; ; {
			at = skipSpace(event, at)
			end := skipValue(event, at, len(event))
			if !yield(event[at:end:end]) {
				return
			}
			if at = skipSpace(event, end); event[at] == ']' {
				return
			}
			at++
		}
	}
	if event[0] != '[' || event[skipSpace(event, 1)] == ']' {
		return nil, false
	}
	for element := range elements {
		if element[0] != '{' {
			return nil, false
		}
	}
	return elements, true
}

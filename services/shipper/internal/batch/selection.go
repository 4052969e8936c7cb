package batch

import "iter"

// Span is a range of events: From included, To not.
type Span struct{ From, To int }

// Len is the number of events in the span.
func (s Span) Len() int { return s.To - s.From }

// Selection is some events of a request, as ranges in ascending order that do not
// touch. It is not changed by its methods.
type Selection []Span

// Select is the first n events.
func Select(n int) Selection { return Selection{{0, n}} }

// Len is the number of events in the selection.
func (s Selection) Len() int {
	n := 0
	for _, span := range s {
		n += span.Len()
	}
	return n
}

// With appends an event that comes after all others.
func (s Selection) With(event int) Selection {
	if last := len(s) - 1; last >= 0 && s[last].To == event {
		s[last].To++
		return s
	}
	return append(s, Span{event, event + 1})
}

// Cut splits the selection after its first n events, of which there may be fewer.
func (s Selection) Cut(n int) (first, rest Selection) {
	for i, span := range s {
		if n >= span.Len() {
			n -= span.Len()
			continue
		}
		if n == 0 {
			return s[:i:i], s[i:]
		}
		at := span.From + n
		first = append(append(first, s[:i]...), Span{span.From, at})
		rest = append(append(rest, Span{at, span.To}), s[i+1:]...)
		return first, rest
	}
	return s, nil
}

// Events goes through the events in order.
func (s Selection) Events() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, span := range s {
			for event := span.From; event < span.To; event++ {
				if !yield(event) {
					return
				}
			}
		}
	}
}

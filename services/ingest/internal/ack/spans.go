package ack

import (
	"cmp"
	"slices"
)

// maxSpans bounds the spans of a channel. Most have one: clients ask for their
// ids in order.
const maxSpans = 128

// spans are a set of ids, which lie close together.
type spans []span

// span is ids from first to last, both included.
type span struct{ first, last uint64 }

func (s *spans) has(id uint64) bool {
	_, found := s.search(id)
	return found
}

// search returns the span that an id is in, or where one for it belongs.
func (s *spans) search(id uint64) (int, bool) {
	return slices.BinarySearchFunc(*s, id, func(e span, id uint64) int {
		if id >= e.first && id <= e.last {
			return 0
		}
		return cmp.Compare(e.first, id)
	})
}

// add adds an id. At the bound the gap between the first two spans is closed:
// ids in it have been outstanding for longest.
func (s *spans) add(id uint64) {
	i, found := s.search(id)
	if found {
		return
	}
	*s = slices.Insert(*s, i, span{id, id})
	s.join(i)
	s.join(i - 1)
	if len(*s) > maxSpans {
		(*s)[0].last = (*s)[1].last
		*s = slices.Delete(*s, 1, 2)
	}
}

// join makes one of a span and the next when nothing is between them.
func (s *spans) join(i int) {
	if i < 0 || i+1 >= len(*s) || (*s)[i].last+1 != (*s)[i+1].first {
		return
	}
	(*s)[i].last = (*s)[i+1].last
	*s = slices.Delete(*s, i+1, i+2)
}

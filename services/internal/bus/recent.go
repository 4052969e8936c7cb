package bus

import "github.com/drainline/drainline/proto/wire"

// recentKept is how many ids a recent remembers at least; at twice as many it
// forgets the older half.
const recentKept = 1 << 15

// recent is a bounded set of the ids that were added last.
type recent struct {
	ids, older map[wire.ID]struct{}
}

func (r *recent) add(id wire.ID) {
	if r.ids == nil || len(r.ids) >= recentKept {
		r.ids, r.older = make(map[wire.ID]struct{}), r.ids
	}
	r.ids[id] = struct{}{}
}

func (r *recent) has(id wire.ID) bool {
	if _, ok := r.ids[id]; ok {
		return true
	}
	_, ok := r.older[id]
	return ok
}

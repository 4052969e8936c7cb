// Package seen recognises requests that have been stored, or are being stored,
// before. Senders repeat a request whose answer they missed, with the same id.
package seen

import (
	"sync"
	"time"

	"github.com/drainline/drainline/proto/wire"
)

// Defaults of an Index. Logplex gives up on a request within a minute; ten allow
// for proxies and clocks that it cannot know.
const (
	Memory = 10 * time.Minute
	Limit  = 1_000_000
)

// Index is a bounded memory of the ids of stored requests, and of those that are
// on their way. Its memory is two generations: when the young one is old or full
// it becomes the old one, and what that held is forgotten. An id is known for
// one to two times the memory's span, less when more than half its limit arrive
// in that time. It is for concurrent use.
type Index struct {
	span time.Duration
	half int

	mu         sync.Mutex
	turned     time.Time
	young, old map[wire.ID]struct{}
	// A flight's channel is made by the first who waits for it.
	flights map[wire.ID]chan struct{}
}

// New makes an empty Index that remembers limit ids at most, each for span.
func New(span time.Duration, limit int) *Index {
	return &Index{
		span: span, half: max(limit/2, 1), turned: time.Now(),
		young: map[wire.ID]struct{}{}, old: map[wire.ID]struct{}{}, flights: map[wire.ID]chan struct{}{},
	}
}

// Claim asks to store id. Exactly one of three holds: mine, then the caller must
// Settle it; known, it is stored already; or else somebody is storing it, landed
// is closed when that has an outcome, and the caller may Claim again.
func (x *Index) Claim(id wire.ID) (mine, known bool, landed <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.turn()
	if x.has(id) {
		return false, true, nil
	}
	flight, flying := x.flights[id]
	if !flying {
		x.flights[id] = nil
		return true, false, nil
	}
	if flight == nil {
		flight = make(chan struct{})
		x.flights[id] = flight
	}
	return false, false, flight
}

// Settle ends a claim: the id is known from now on, or free to be claimed again.
func (x *Index) Settle(id wire.ID, stored bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if stored {
		x.learn(id)
	}
	if landed := x.flights[id]; landed != nil {
		close(landed)
	}
	delete(x.flights, id)
}

// Learn makes ids known that were stored elsewhere or earlier.
func (x *Index) Learn(ids ...wire.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		x.learn(id)
	}
}

// Len is the number of ids remembered.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.young) + len(x.old)
}

func (x *Index) has(id wire.ID) bool {
	if _, ok := x.young[id]; ok {
		return true
	}
	_, ok := x.old[id]
	return ok
}

func (x *Index) learn(id wire.ID) {
	if x.has(id) {
		return
	}
	x.turn()
	x.young[id] = struct{}{}
}

// turn starts a new generation when it is time. The map that falls out is used
// again: a map keeps its size, so memory grows to the limit once and stays.
func (x *Index) turn() {
	age := time.Since(x.turned)
	if age < x.span && len(x.young) < x.half {
		return
	}
	clear(x.old)
	x.young, x.old = x.old, x.young
	if age >= 2*x.span {
		clear(x.old)
	}
	x.turned = x.turned.Add(age)
}

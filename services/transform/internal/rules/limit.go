package rules

import (
	"container/list"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// maxBuckets is how many keys a limit tells apart; the idlest goes.
const maxBuckets = 10_000

// limit bounds events and bytes a second of each key, by token buckets that hold one
// second's worth.
//
// Time is when the request was received, which a sender cannot choose, and which does
// not have a backlog dropped for coming late. Each minute of it has buckets of its own:
// where old and new blocks alternate (a spool that is forwarded, blocks of an instance
// that died), one bucket would refill at each turn, or refuse whatever is older.
type limit struct {
	events, bytes int // a second, 0 is no bound
	key           *condition.Template
	over          string
	sample        *sample // of events over the limit
	sentence      string

	seed maphash.Seed

	mu      sync.Mutex
	buckets map[bucketKey]*list.Element
	recent  list.List // of *bucket, the idlest last
}

// bucketKey has a hash in place of the text, which can be long.
type bucketKey struct {
	hash   uint64
	minute int64
}

type bucket struct {
	key           bucketKey
	events, bytes *rate.Limiter // nil is no bound
	latest        time.Time
}

func (k *compiler) limit(c *config.Rule) *limit {
	if c.Limit.Events == 0 && c.Limit.Bytes == 0 {
		return nil
	}
	l := &limit{
		events: c.Limit.Events, bytes: int(c.Limit.Bytes), key: k.expression("limit.key", c.Limit.Key), over: c.Limit.Over,
		sample: &sample{rate: uint64(max(1, c.Limit.Rate)), salt: c.Name + " limit"},
		seed:   maphash.MakeSeed(), buckets: map[bucketKey]*list.Element{},
	}
	l.sentence = fmt.Sprintf("rule %q: over its limit of %s a second", c.Name, l)
	return l
}

// String is the bound, in words.
func (l *limit) String() string {
	var bounds []string
	if l.events > 0 {
		bounds = append(bounds, fmt.Sprintf("%d events", l.events))
	}
	if l.bytes > 0 {
		bounds = append(bounds, fmt.Sprintf("%v", config.Bytes(l.bytes)))
	}
	return strings.Join(bounds, " or ")
}

// within says whether the event is within the limit, and counts it if it is.
func (r *Runner) within(e *event.Event, l *limit) (bool, error) {
	hash := maphash.String(l.seed, e.App)
	if l.key != nil {
		begin := len(r.memory)
		key, err := r.render(e, l.key)
		if err != nil {
			return false, failedIn("limit.key", err)
		}
		hash = maphash.Bytes(l.seed, key)
		r.memory = r.memory[:begin]
	}
	return l.allow(hash, time.Unix(0, e.Request.GetReceivedNs()), len(e.Body())), nil
}

func (l *limit) allow(hash uint64, at time.Time, size int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(bucketKey{hash, at.Unix() / 60})
	// Blocks of one minute can be a little out of order.
	if at.Before(b.latest) {
		at = b.latest
	}
	b.latest = at
	size = min(size, l.bytes) // what is larger than the bucket takes all of it
	if !has(b.events, at, 1) || !has(b.bytes, at, size) {
		return false
	}
	take(b.events, at, 1)
	take(b.bytes, at, size)
	return true
}

func has(l *rate.Limiter, at time.Time, n int) bool { return l == nil || l.TokensAt(at) >= float64(n) }

func take(l *rate.Limiter, at time.Time, n int) {
	if l != nil {
		l.AllowN(at, n)
	}
}

// bucket is that of a key, which becomes the most recent.
func (l *limit) bucket(key bucketKey) *bucket {
	if at, known := l.buckets[key]; known {
		l.recent.MoveToFront(at)
		b, _ := at.Value.(*bucket)
		return b
	}
	if len(l.buckets) == maxBuckets {
		idlest, _ := l.recent.Remove(l.recent.Back()).(*bucket)
		delete(l.buckets, idlest.key)
	}
	b := &bucket{key: key, events: newLimiter(l.events), bytes: newLimiter(l.bytes)}
	l.buckets[key] = l.recent.PushFront(b)
	return b
}

func newLimiter(perSecond int) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), perSecond)
}

package door

import (
	"context"
	"math/bits"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// Buffers come in sizes of 4, 16, 64 and 256 KiB and 1 MiB; what is larger is
	// made to measure and not kept.
	smallest = 4 << 10
	sizes    = 5
)

// buffers lend the memory of bodies. The sum of what is lent is bounded, so that
// no number of connections makes the process large.
type buffers struct {
	capacity int64
	budget   *semaphore.Weighted
	pools    [sizes]sync.Pool
}

func newBuffers(capacity int64) *buffers {
	return &buffers{capacity: capacity, budget: semaphore.NewWeighted(capacity)}
}

// Body is a request's body in borrowed memory.
type Body struct {
	// Bytes is the body, valid until Release.
	Bytes []byte

	memory []byte
	from   *buffers
}

// lend waits for room for n bytes until ctx ends. A body that is larger than the
// whole budget waits until it is alone.
func (b *buffers) lend(ctx context.Context, n int) (*Body, error) {
	class, size := sizeOf(n)
	if charge := b.charge(size); !b.budget.TryAcquire(charge) {
		if err := b.budget.Acquire(ctx, charge); err != nil {
			return nil, errNoRoom
		}
	}
	if class < sizes {
		if body, ok := b.pools[class].Get().(*Body); ok {
			return body, nil
		}
	}
	return &Body{memory: make([]byte, size), from: b}, nil
}

// Release gives the memory back. It is called once.
func (b *Body) Release() {
	b.Bytes = nil
	b.from.budget.Release(b.from.charge(len(b.memory)))
	if class, _ := sizeOf(len(b.memory)); class < sizes {
		b.from.pools[class].Put(b)
	}
}

func (b *buffers) charge(size int) int64 { return min(int64(size), b.capacity) }

// sizeOf is the pool for n bytes and the size of its buffers; beyond the pools it
// is n itself.
func sizeOf(n int) (class, size int) {
	if n > smallest {
		class = (bits.Len(uint((n-1)/smallest)) + 1) / 2
	}
	if class >= sizes {
		return sizes, n
	}
	return class, smallest << (2 * class)
}

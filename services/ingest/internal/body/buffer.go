package body

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

const (
	// Buffers come in powers of two from 4 KiB to 1 MiB; what is larger is made to
	// measure and not kept.
	smallest = 4 << 10
	sizes    = 9
	// ordinary is the longest body that gets all its memory when its beginning has
	// come, in bytes. Logplex sends about 100 KiB at most.
	ordinary = 256 << 10
	// growth is how much larger than a buffer the next one of a longer body is.
	growth = 4
)

// buffers lend the memory of bodies. The sum of what is lent is bounded, so that
// no number of connections makes the process large. Half of it is for the first
// buffer of every body, half for those that grow out of theirs.
//
// Nobody waits for ever: a body asks each half once, the first before the second,
// so whoever has grown waits for no memory and will give it back.
type buffers struct {
	half         int64
	small, large *semaphore.Weighted
	lent         atomic.Int64
	pools        [sizes]sync.Pool
}

func newBuffers(capacity int64) *buffers {
	half := capacity / 2
	return &buffers{half: half, small: semaphore.NewWeighted(half), large: semaphore.NewWeighted(half)}
}

// Body is a request's body in borrowed memory.
type Body struct {
	// Bytes is the body, valid until Release.
	Bytes []byte

	memory []byte
	from   *buffers
	// What it has of either half.
	small, large int64
}

// lend waits for room for the first n bytes of a body until ctx ends.
func (b *buffers) lend(ctx context.Context, n int) (*Body, error) {
	_, size := sizeOf(n)
	if err := wait(ctx, b.small, int64(size)); err != nil {
		return nil, err
	}
	b.lent.Add(int64(size))
	body := b.take(n)
	body.small = int64(size)
	return body, nil
}

// grow moves a full body to a larger buffer. The first time it waits until ctx
// ends for room for all of most, the bytes that the body can have. A body that is
// larger than its half waits until it is alone there. After an error the body is
// where it was.
func (b *buffers) grow(ctx context.Context, full *Body, most int) (*Body, error) {
	if full.large == 0 {
		_, size := sizeOf(most)
		room := min(int64(size), b.half)
		if err := wait(ctx, b.large, room); err != nil {
			return full, err
		}
		b.lent.Add(room)
		full.large = room
	}
	n := min(growth*len(full.memory), most)
	if class, _ := sizeOf(n); class == sizes || most <= ordinary {
		n = most
	}
	larger := b.take(n)
	larger.large, full.large = full.large, 0
	copy(larger.memory, full.memory)
	full.Release()
	return larger, nil
}

func wait(ctx context.Context, room *semaphore.Weighted, n int64) error {
	if !room.TryAcquire(n) && room.Acquire(ctx, n) != nil {
		return ErrNoRoom
	}
	return nil
}

func (b *buffers) take(n int) *Body {
	class, size := sizeOf(n)
	if class < sizes {
		if body, ok := b.pools[class].Get().(*Body); ok {
			return body
		}
	}
	return &Body{memory: make([]byte, size), from: b}
}

// Release gives the memory back. It is called once.
func (b *Body) Release() {
	b.from.small.Release(b.small)
	b.from.large.Release(b.large)
	b.from.lent.Add(-b.small - b.large)
	b.Bytes, b.small, b.large = nil, 0, 0
	if class, _ := sizeOf(len(b.memory)); class < sizes {
		b.from.pools[class].Put(b)
	}
}

// sizeOf is the pool for n bytes and the size of its buffers; beyond the pools it
// is n itself.
func sizeOf(n int) (class, size int) {
	if n > smallest {
		class = bits.Len(uint((n - 1) / smallest))
	}
	if class >= sizes {
		return sizes, n
	}
	return class, smallest << class
}

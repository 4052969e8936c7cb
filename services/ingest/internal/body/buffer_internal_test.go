package body

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestSizeOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, class, size int }{
		{0, 0, 4 << 10},
		{4 << 10, 0, 4 << 10},
		{4<<10 + 1, 1, 8 << 10},
		{8 << 10, 1, 8 << 10},
		{8<<10 + 1, 2, 16 << 10},
		{100 << 10, 5, 128 << 10},
		{256<<10 + 1, 7, 512 << 10},
		{512<<10 + 1, 8, 1 << 20},
		{1 << 20, 8, 1 << 20},
		{1<<20 + 1, sizes, 1<<20 + 1},
		{64 << 20, sizes, 64 << 20},
	} {
		if class, size := sizeOf(c.n); class != c.class || size != c.size {
			t.Errorf("%d bytes: class %d, %d bytes", c.n, class, size)
		}
	}
}

// allFree fails unless everything that was lent has come back.
func allFree(t *testing.T, b *buffers) {
	t.Helper()
	if !b.small.TryAcquire(b.half) || !b.large.TryAcquire(b.half) || b.lent.Load() != 0 {
		t.Error("not everything came back")
	}
}

func TestBuffersWaitForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBuffers(128 << 10)
		first, err := b.lend(t.Context(), 60<<10)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.lend(short, 1); !errors.Is(err, ErrNoRoom) {
			t.Errorf("lent without room: %v", err)
		}
		larger, err := b.grow(t.Context(), first, 1<<20) // larger than all there is: alone
		if err != nil || len(larger.memory) != 256<<10 {
			t.Fatalf("grown to %d bytes, %v", len(larger.memory), err)
		}
		second, err := b.lend(t.Context(), 1)
		if err != nil {
			t.Fatalf("the first room of a body that has grown is free: %v", err)
		}
		if kept, err := b.grow(short, second, 1<<20); kept != second || !errors.Is(err, ErrNoRoom) {
			t.Errorf("grown without room: %v", err)
		}
		second.Release()
		larger.Release()
		allFree(t, b)
	})
}

// Bodies that do not say how long they are come at once, and more of them than
// there is room for when they have grown. Nobody gives up: time does not pass.
func TestGrowingBodiesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 2 << 20
		d := &Reader{buffers: newBuffers(2 * limit)}
		body := bytes.Repeat([]byte("x"), limit-1)
		start := make(chan struct{})
		var senders sync.WaitGroup
		for range 40 {
			senders.Go(func() {
				head := make([]byte, beginning)
				source := io.MultiReader(bytes.NewReader(head), waiting(start), bytes.NewReader(body[len(head):]))
				got, err := d.fill(t.Context(), source, limit)
				if err != nil || len(got.Bytes) != len(body) {
					t.Errorf("not read: %v", err)
					return
				}
				got.Release()
			})
		}
		synctest.Wait()
		close(start)
		senders.Wait()
		allFree(t, d.buffers)
	})
}

// waiting reads as nothing, once it is closed.
type waiting <-chan struct{}

func (w waiting) Read([]byte) (int, error) {
	<-w
	return 0, io.EOF
}

// However a body comes, it is what was sent, or too large.
func TestFill(t *testing.T) {
	t.Parallel()
	d := &Reader{buffers: newBuffers(8 << 20)}
	rapid.Check(t, func(r *rapid.T) {
		most := rapid.SampledFrom([]int{1, beginning, beginning + 1, ordinary, ordinary + 1, 1 << 20, 1<<20 + 1, 3 << 20}).Draw(r, "most")
		n := max(most+rapid.IntRange(-2, 1).Draw(r, "length"), 0)
		sent := bytes.Repeat([]byte("drain"), n/5+1)[:n]
		body, err := d.fill(t.Context(), bytes.NewReader(sent), most)
		switch {
		case n > most:
			if !errors.Is(err, ErrTooLarge) {
				r.Fatalf("%d bytes of %d: %v", n, most, err)
			}
		case err != nil || !bytes.Equal(body.Bytes, sent):
			r.Fatalf("%d bytes of %d are not what was sent: %v", n, most, err)
		default:
			body.Release()
		}
	})
	allFree(t, d.buffers)
}

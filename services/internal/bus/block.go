package bus

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// maxWaiting bounds the requests that wait for their block in one BlockWriter,
// in bytes.
const maxWaiting = 64 << 20

// BlockWriter merges requests into RawBlocks and stores them, one publish in
// flight. A lone request goes at once; whatever arrives while a block is being
// stored makes the next one. Merging is the group commit: a block costs one
// fsync however many requests are in it.
type BlockWriter struct {
	conn    *Conn
	subject string
	stop    context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	closed  bool
	bytes   int
	waiting []*appended
	wake    chan struct{}
	room    chan struct{} // closed and renewed when waiting shrinks
}

// appended is the requests of one Append; a block takes all of them or leaves
// the rest for the next.
type appended struct {
	requests []*drainlinev1.Request
	sizes    []int // encoded, of each request
	taken    int // requests that are in a block already
	stored   int
	err      error
	outcome  chan error // one value, buffered
}

// NewBlockWriter starts a writer for one shard. Close it.
func NewBlockWriter(c *Conn, shard string) *BlockWriter {
	ctx, cancel := context.WithCancel(context.Background())
	w := &BlockWriter{
		conn: c, subject: c.names.RawSubject(shard), stop: cancel, done: make(chan struct{}),
		wake: make(chan struct{}, 1), room: make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

// Append returns nil when every request is stored; a request's body is at most
// wire.MaxBlock bytes and must not change until its outcome is known. When ctx
// ends first, an *UnsettledError says that requests may still be stored, and any
// other error that they are not and will not be.
func (w *BlockWriter) Append(ctx context.Context, requests ...*drainlinev1.Request) error {
	if len(requests) == 0 {
		return nil
	}
	a := &appended{requests: requests, sizes: make([]int, len(requests)), outcome: make(chan error, 1)}
	for i, r := range requests {
		a.sizes[i] = proto.Size(r)
	}
	if err := w.enqueue(ctx, a); err != nil {
		return err
	}
	select {
	case err := <-a.outcome:
		return err
	case <-ctx.Done():
		if w.withdraw(a) {
			return &RetryError{Err: fmt.Errorf("%s: %w", w.subject, context.Cause(ctx))}
		}
		return &UnsettledError{Err: context.Cause(ctx), outcome: a.outcome}
	}
}

func (w *BlockWriter) enqueue(ctx context.Context, a *appended) error {
	size := sum(a.sizes)
	for {
		w.mu.Lock()
		if w.closed {
			w.mu.Unlock()
			return ErrClosed
		}
		if w.bytes+size <= maxWaiting || len(w.waiting) == 0 {
			w.waiting = append(w.waiting, a)
			w.bytes += size
			w.mu.Unlock()
			select {
			case w.wake <- struct{}{}:
			default:
			}
			return nil
		}
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return &RetryError{Err: fmt.Errorf("%s: %d MiB wait already: %w", w.subject, maxWaiting>>20, context.Cause(ctx))}
		}
	}
}

// withdraw takes a back if no block has any of it.
func (w *BlockWriter) withdraw(a *appended) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.taken > 0 {
		return false
	}
	for i, other := range w.waiting {
		if other == a {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			w.shrink(sum(a.sizes))
			return true
		}
	}
	return false
}

// shrink lets those in that wait for room. The caller holds mu.
func (w *BlockWriter) shrink(bytes int) {
	w.bytes -= bytes
	close(w.room)
	w.room = make(chan struct{})
}

// Close stores what waits until ctx ends, then stops. What was not stored by
// then gets an error as its outcome.
func (w *BlockWriter) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	defer w.stop()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		w.stop()
		<-w.done
		return &RetryError{Err: fmt.Errorf("%s: %w", w.subject, context.Cause(ctx))}
	}
}

func (w *BlockWriter) run(ctx context.Context) {
	defer close(w.done)
	var (
		block   drainlinev1.RawBlock
		members []member
		message []byte
		payload []byte
	)
	for {
		members = w.take(&block, members[:0])
		if len(members) == 0 {
			if w.finished() {
				return
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
			}
			continue
		}
		id := wire.RandomID()
		block.Id = id[:]
		var err error
		if message, err = (proto.MarshalOptions{}).MarshalAppend(message[:0], &block); err != nil {
			err = &PermanentError{Err: fmt.Errorf("%s: encode block: %w", w.subject, err)}
		} else {
			payload = wire.Seal(payload[:0], message)
			err = w.conn.Publish(ctx, Msg{ID: id, Subject: w.subject, Payload: payload})
		}
		w.settle(members, err)
	}
}

// member is what a block has of one Append.
type member struct {
	of       *appended
	requests int
}

// take moves waiting requests into block, in order, up to wire.MaxBlock bytes as
// encoded. A single request may be larger by its envelope.
func (w *BlockWriter) take(block *drainlinev1.RawBlock, members []member) []member {
	clear(block.Requests)
	block.Requests = block.Requests[:0]
	w.mu.Lock()
	defer w.mu.Unlock()
	size, done := 0, 0
	for _, a := range w.waiting {
		m := member{of: a}
		for i := a.taken; i < len(a.requests); i++ {
			if size > 0 && size+a.sizes[i] > wire.MaxBlock {
				break
			}
			size += a.sizes[i]
			block.Requests = append(block.Requests, a.requests[i])
			m.requests++
		}
		if m.requests > 0 {
			a.taken += m.requests
			members = append(members, m)
		}
		if a.taken < len(a.requests) {
			break
		}
		done++
	}
	if len(members) > 0 {
		w.waiting = append(w.waiting[:0], w.waiting[done:]...)
		w.shrink(size)
	}
	return members
}

// settle gives each Append its outcome once the last of its requests has one.
func (w *BlockWriter) settle(members []member, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range members {
		m.of.stored += m.requests
		if err != nil {
			m.of.err = err
		}
		if m.of.stored == len(m.of.requests) {
			m.of.outcome <- m.of.err
		}
	}
}

func (w *BlockWriter) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed && len(w.waiting) == 0
}

func sum(sizes []int) int {
	n := 0
	for _, s := range sizes {
		n += s
	}
	return n
}

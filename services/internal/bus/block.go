package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/tracing"
)

const (
	// maxWaiting bounds the requests that wait for their block in one BlockWriter,
	// in bytes.
	maxWaiting = 32 << 20

	// blockEnvelope is what a block's id and its sealing add at most, in bytes.
	blockEnvelope = 64
	// maxRequest bounds one encoded request, so that a block of it alone can be
	// published however badly it compresses.
	maxRequest = wire.MaxPayload - blockEnvelope
)

// Field numbers of drainline.v1.RawBlock.
const blockID, blockRequests = 1, 2

// BlockWriter merges requests into RawBlocks and stores them, one publish in
// flight. A lone request goes at once; whatever arrives while a block is being
// stored makes the next one. Merging is the group commit: a block costs one
// fsync however many requests are in it.
type BlockWriter struct {
	path    path
	subject string
	stream  string
	stop    context.CancelFunc
	done    chan struct{}
	wake    chan struct{}
	room    *semaphore.Weighted   // of maxWaiting bytes; first come, first served
	trouble atomic.Pointer[error] // why the last try to store a block failed

	mu      sync.Mutex
	closed  bool
	waiting []*appended
}

// appended is the requests of one Append. A block takes as many as it has room
// for and leaves the rest to the next.
type appended struct {
	encoded []byte // the requests as a RawBlock holds them, one after another
	ends    []int  // where each of them ends
	// traces has the context of each of them, none when no one is sampled.
	traces  []trace.SpanContext
	taken   int // requests that are in a block already
	settled int // requests whose block has an outcome
	err     error
	outcome chan error // one value, buffered
}

// NewBlockWriter starts a writer for one shard. With a fallback, nil if there is
// none, a block that c does not take goes there. Close it.
func NewBlockWriter(c *Conn, shard string, fallback *Fallback) *BlockWriter {
	ctx, cancel := context.WithCancel(context.Background())
	w := &BlockWriter{
		path: path{main: c, fallback: fallback}, subject: c.names.RawSubject(shard), stream: c.names.RawStream(shard), stop: cancel, done: make(chan struct{}),
		wake: make(chan struct{}, 1), room: semaphore.NewWeighted(maxWaiting),
	}
	go w.run(ctx)
	return w
}

// Append returns nil when every request is stored; a request's body is at most
// wire.MaxBlock bytes, and is not used any more when Append returns. When ctx, or
// the time of Close, ends first, an *UnsettledError says that requests may be
// stored, and any other *RetryError that they are not and will not be. Both tell
// what keeps blocks from being stored. A *PermanentError is about
// these requests alone: one that cannot be encoded harms no other's block. After
// Close, it fails with ErrClosed.
func (w *BlockWriter) Append(ctx context.Context, requests ...*drainlinev1.Request) error {
	if len(requests) == 0 {
		return nil
	}
	a, err := newAppended(requests)
	if err != nil {
		return &PermanentError{Err: fmt.Errorf("%s: %w", w.subject, err)}
	}
	if err := w.enqueue(ctx, a); err != nil {
		return err
	}
	select {
	case err := <-a.outcome:
		return a.known(err)
	case <-ctx.Done():
	}
	if w.withdraw(a) {
		return &RetryError{Err: w.late(ctx)}
	}
	select {
	case err := <-a.outcome:
		return a.known(err)
	default:
		return &UnsettledError{Err: w.late(ctx), outcome: a.outcome}
	}
}

// known is what Append returns for an outcome. A block that Close gave up may
// have been stored.
func (a *appended) known(err error) error {
	if _, ok := errors.AsType[*RetryError](err); ok {
		a.outcome <- err
		return &UnsettledError{Err: err, outcome: a.outcome}
	}
	return err
}

// late says why there is no outcome although ctx has ended.
func (w *BlockWriter) late(ctx context.Context) error {
	if reason := w.trouble.Load(); reason != nil {
		return fmt.Errorf("%s: %w: %w", w.subject, *reason, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", w.subject, context.Cause(ctx))
}

func newAppended(requests []*drainlinev1.Request) (*appended, error) {
	a := &appended{ends: make([]int, len(requests)), outcome: make(chan error, 1)}
	total := 0
	for i, r := range requests {
		size := proto.Size(r)
		if size > maxRequest {
			return nil, fmt.Errorf("a request of %d bytes with its envelope, over %d", size, maxRequest)
		}
		a.ends[i] = size
		total += protowire.SizeTag(blockRequests) + protowire.SizeBytes(size)
	}
	a.encoded = make([]byte, 0, total)
	for i, r := range requests {
		a.encoded = protowire.AppendTag(a.encoded, blockRequests, protowire.BytesType)
		a.encoded = protowire.AppendVarint(a.encoded, uint64(a.ends[i]))
		var err error
		if a.encoded, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(a.encoded, r); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		a.ends[i] = len(a.encoded)
		if sc := tracing.Sampled(r.GetTrace().GetTraceparent(), r.GetTrace().GetTracestate()); sc.IsSampled() {
			if a.traces == nil {
				a.traces = make([]trace.SpanContext, len(requests))
			}
			a.traces[i] = sc
		}
	}
	return a, nil
}

// weight is the room a takes. What is larger than all the room waits for all of it.
func (a *appended) weight() int64 { return min(int64(len(a.encoded)), maxWaiting) }

func (w *BlockWriter) enqueue(ctx context.Context, a *appended) error {
	if err := w.room.Acquire(ctx, a.weight()); err != nil {
		return &RetryError{Err: fmt.Errorf("%d MiB wait already: %w", maxWaiting>>20, w.late(ctx))}
	}
	w.mu.Lock()
	closed := w.closed
	if !closed {
		w.waiting = append(w.waiting, a)
	}
	w.mu.Unlock()
	if closed {
		w.room.Release(a.weight())
		return ErrClosed
	}
	w.wakeUp()
	return nil
}

func (w *BlockWriter) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// withdraw takes a back if no block has any of it.
func (w *BlockWriter) withdraw(a *appended) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.waiting, a)
	if at < 0 || a.taken > 0 {
		return false
	}
	w.waiting = slices.Delete(w.waiting, at, at+1)
	w.room.Release(a.weight())
	return true
}

// Close stores what waits until ctx ends, then stops. What has no answer by then
// is unsettled for ever: the block that was on its way may yet be stored.
func (w *BlockWriter) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wakeUp()
	defer w.stop()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		w.stop()
		<-w.done
		return &RetryError{Err: w.late(ctx)}
	}
}

func (w *BlockWriter) run(ctx context.Context) {
	defer close(w.done)
	var (
		members []member
		block   []byte
		payload []byte
	)
	for {
		w.path.gather(ctx)
		members = w.take(members[:0])
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
		block = protowire.AppendTag(block[:0], blockID, protowire.BytesType)
		block = protowire.AppendBytes(block, id[:])
		requests := 0
		for _, m := range members {
			block = append(block, m.of.encoded[m.begin:m.end]...)
			requests += m.requests
		}
		payload = wire.Seal(payload[:0], block)
		m := Msg{ID: id, Subject: w.subject, Payload: payload, Trace: w.trace(members)}
		err := w.path.publish(ctx, m, func(err error) { w.trouble.Store(&err) })
		if _, gaveUp := errors.AsType[*RetryError](err); !gaveUp {
			w.trouble.Store(nil) // a block that is refused for good hinders no other
		}
		if err == nil {
			w.path.main.meters.merged(ctx, len(payload), requests)
		}
		w.settle(members, err)
		clear(members)
	}
}

// member is what a block has of one Append.
type member struct {
	of         *appended
	begin, end int // in of.encoded
	first      int // of the requests of the Append
	requests   int
}

// trace is what a block of these members carries.
func (w *BlockWriter) trace(members []member) Trace {
	t := Trace{Stream: w.stream}
	for _, m := range members {
		t.Messages += m.requests
		if m.of.traces == nil {
			continue
		}
		for _, sc := range m.of.traces[m.first : m.first+m.requests] {
			t.Carries = t.Carries.With(sc)
		}
	}
	return t
}

// take picks waiting requests for a block, in order, up to wire.MaxBlock bytes as
// encoded. A single request may be larger by its envelope, and is alone then.
func (w *BlockWriter) take(members []member) []member {
	w.mu.Lock()
	defer w.mu.Unlock()
	size, done := 0, 0
	for _, a := range w.waiting {
		m := member{of: a, first: a.taken}
		if a.taken > 0 {
			m.begin = a.ends[a.taken-1]
		}
		m.end = m.begin
		for _, end := range a.ends[a.taken:] {
			if size > 0 && size+end-m.end > wire.MaxBlock {
				break
			}
			size += end - m.end
			m.end = end
			m.requests++
		}
		if m.requests > 0 {
			a.taken += m.requests
			members = append(members, m)
		}
		if a.taken < len(a.ends) {
			break
		}
		done++
		w.room.Release(a.weight())
	}
	w.waiting = slices.Delete(w.waiting, 0, done)
	return members
}

// settle gives each Append its outcome once the last of its requests has one.
func (w *BlockWriter) settle(members []member, err error) {
	for _, m := range members {
		m.of.settled += m.requests
		if err != nil {
			m.of.err = err
		}
		if m.of.settled == len(m.of.ends) {
			m.of.outcome <- m.of.err
		}
	}
}

// Trouble is why no block can be stored now, nil while one can, as far as is
// known: a block that could not be stored is tried until it is, and nothing else
// tells that a stream is full.
func (w *BlockWriter) Trouble() error {
	if reason := w.trouble.Load(); reason != nil {
		return fmt.Errorf("%s: %w", w.subject, *reason)
	}
	if w.path.away() {
		return fmt.Errorf("%s: %w", w.subject, errAway)
	}
	return nil
}

func (w *BlockWriter) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed && len(w.waiting) == 0
}

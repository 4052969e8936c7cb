package endpoint

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// body is the bytes of one request. net/http may still be reading them when
// RoundTrip has returned, until it closes the reader it was given, so whoever wants to use
// them again has to wait for that.
type body struct {
	data  []byte
	begun time.Time
	first atomic.Int64 // when the first byte was read, in ns since begun; 0 before
	users sync.WaitGroup
}

// open is for each try of the transport: it makes another when the one before has met
// a connection that was just closed, and has sent nothing.
func (b *body) open() io.ReadCloser {
	b.users.Add(1)
	b.first.Store(0)
	return &bodyReader{body: b}
}

// await returns when every reader is closed. The request's context must have ended.
func (b *body) await() { b.users.Wait() }

// sent reports whether any of it may have left.
func (b *body) sent() bool { return b.first.Load() > 0 }

// age is the time since its first byte left.
func (b *body) age() time.Duration {
	return time.Since(b.begun) - time.Duration(b.first.Load())
}

type bodyReader struct {
	body *body

	mu     sync.Mutex
	at     int
	closed bool
}

func (r *bodyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return 0, io.ErrClosedPipe
	case r.at == len(r.body.data):
		return 0, io.EOF
	case r.at == 0:
		r.body.first.CompareAndSwap(0, max(int64(time.Since(r.body.begun)), 1))
	}
	n := copy(p, r.body.data[r.at:])
	r.at += n
	return n, nil
}

// Close may be called more than once.
func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.body.users.Done()
	}
	return nil
}

// Package body reads the bodies of requests off their connections, within bounds
// of memory and time that no number of senders can exceed.
package body

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Why a body could not be read.
var (
	// ErrNoRoom is no fault of the sender's: other bodies are in memory.
	ErrNoRoom   = errors.New("bodies take up all the memory they may")
	ErrTooLarge = errors.New("the body is too large")
	ErrGone     = errors.New("the upload broke off or took too long")
	ErrBroken   = errors.New("the body is not valid gzip")
)

// Limits bound one body.
type Limits struct {
	// Compressed and Inflated are bytes, as sent and as read.
	Compressed, Inflated int64
	// Upload is how long a body may take, First until it begins: it takes up no
	// memory until then. Afterwards it may not stand still for more than five seconds.
	Upload, First time.Duration
}

// stalled is how long a body may stand still, so that nobody keeps memory for
// nothing.
const stalled = 5 * time.Second

// beginning is the first buffer of a body, in bytes: it gets more when this much
// has come. Whoever announces a body and sends little of it keeps little memory.
const beginning = 16 << 10

// inflaters are gzip readers to be used again: one is 40 KiB.
type inflaters struct{ pool sync.Pool }

// Reader reads bodies into memory that it lends and takes back. It is for
// concurrent use.
type Reader struct {
	buffers   *buffers
	inflaters inflaters
}

// NewReader makes a Reader for bodies of capacity bytes together.
func NewReader(capacity int64) *Reader { return &Reader{buffers: newBuffers(capacity)} }

// Lent is how many bytes bodies have of the capacity now.
func (r *Reader) Lent() int64 { return r.buffers.lent.Load() }

// Read takes a body off the connection, and waits for memory until ctx ends. Its
// errors are the four above. The body is released by the caller.
func (r *Reader) Read(ctx context.Context, w http.ResponseWriter, q *http.Request, l Limits, gzipped bool) (*Body, error) {
	if !gzipped && q.ContentLength > l.Inflated {
		return nil, ErrTooLarge
	}
	u := newUpload(w, q, l)
	if err := u.begin(); err != nil {
		return nil, u.reason(err)
	}
	limit := int(l.Inflated)
	var (
		body *Body
		err  error
	)
	switch length := q.ContentLength; {
	case gzipped:
		body, err = r.inflate(ctx, u, limit)
	case length < 0:
		body, err = r.fill(ctx, u, limit)
	default:
		body, err = r.fill(ctx, u, int(length))
	}
	if err != nil {
		return nil, u.reason(err)
	}
	u.done()
	return body, nil
}

func (r *Reader) inflate(ctx context.Context, u *upload, limit int) (*Body, error) {
	inflater, err := r.inflaters.get(u)
	if err == io.EOF { //nolint:errorlint // gzip returns it as it is for no bytes at all
		return r.buffers.lend(ctx, 0)
	}
	if err != nil {
		return nil, err
	}
	defer r.inflaters.pool.Put(inflater)
	return r.fill(ctx, inflater, limit)
}

// fill reads source to its end, its beginning into one buffer and the rest, if
// there is more, into larger ones. There may be no more than most bytes.
func (r *Reader) fill(ctx context.Context, source io.Reader, most int) (*Body, error) {
	body, err := r.buffers.lend(ctx, min(beginning, most))
	if err != nil {
		return nil, err
	}
	n := 0
	for err == nil {
		switch n {
		case most:
			err = atEnd(source)
		case len(body.memory):
			body, err = r.buffers.grow(ctx, body, most)
		default:
			var got int
			got, err = source.Read(body.memory[n:min(len(body.memory), most)])
			n += got
		}
	}
	if !errors.Is(err, io.EOF) {
		body.Release()
		return nil, err //nolint:wrapcheck // the caller sorts errors by what they are
	}
	body.Bytes = body.memory[:n]
	return body, nil
}

// atEnd returns io.EOF at the end of source.
func atEnd(source io.Reader) error {
	var more [1]byte
	if _, err := io.ReadFull(source, more[:]); err != nil {
		return err //nolint:wrapcheck // the caller sorts errors by what they are
	}
	return ErrTooLarge
}

func (i *inflaters) get(source io.Reader) (*gzip.Reader, error) {
	if inflater, ok := i.pool.Get().(*gzip.Reader); ok {
		if err := inflater.Reset(source); err != nil {
			return nil, err //nolint:wrapcheck // the caller sorts errors by what they are
		}
		return inflater, nil
	}
	return gzip.NewReader(source) //nolint:wrapcheck // the caller sorts errors by what they are
}

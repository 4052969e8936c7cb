package door

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Why a body could not be read.
var (
	errNoRoom   = errors.New("bodies take up all the memory they may")
	errTooLarge = errors.New("the body is too large")
	errGone     = errors.New("the upload broke off or took too long")
	errBroken   = errors.New("the body is not valid gzip")
)

const (
	// ordinary is the longest body that gets all its memory before its first byte.
	// Logplex sends about 100 KiB at most.
	ordinary = 256 << 10
	// beginning is the first buffer of a body that is longer, or does not say how
	// long it is: it gets more when this much has come. Both in bytes.
	beginning = 64 << 10
)

// inflaters are gzip readers to be used again: one is 40 KiB.
type inflaters struct{ pool sync.Pool }

// read takes a body of at most limit bytes, as sent and inflated, off the
// connection. It waits for memory until ctx ends. Its errors are the four above.
func (d *Door) read(ctx context.Context, w http.ResponseWriter, r *http.Request, limit int64, gzipped bool) (*Body, error) {
	u := newUpload(w, r, limit)
	var (
		body *Body
		err  error
	)
	switch length := r.ContentLength; {
	case gzipped:
		body, err = d.inflate(ctx, u, int(limit))
	case length < 0:
		body, err = d.fill(ctx, u, beginning, int(limit))
	case length <= ordinary:
		body, err = d.fill(ctx, u, int(length), int(length))
	default: // at most limit, which the caller has checked
		body, err = d.fill(ctx, u, beginning, int(length))
	}
	if err != nil {
		return nil, u.reason(err)
	}
	u.done()
	return body, nil
}

func (d *Door) inflate(ctx context.Context, u *upload, limit int) (*Body, error) {
	inflater, err := d.inflaters.get(u)
	if err == io.EOF { //nolint:errorlint // gzip returns it as it is for no bytes at all
		return d.buffers.lend(ctx, 0)
	}
	if err != nil {
		return nil, err
	}
	defer d.inflaters.pool.Put(inflater)
	return d.fill(ctx, inflater, beginning, limit)
}

// fill reads source to its end, first bytes into one buffer and the rest, if
// there is more, into larger ones. There may be no more than most bytes.
func (d *Door) fill(ctx context.Context, source io.Reader, first, most int) (*Body, error) {
	body, err := d.buffers.lend(ctx, min(first, most))
	if err != nil {
		return nil, err
	}
	n := 0
	for err == nil {
		switch n {
		case most:
			err = atEnd(source)
		case len(body.memory):
			body, err = d.buffers.grow(ctx, body, most)
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
	return errTooLarge
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

package door

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Why a body could not be read.
var (
	errNoRoom   = errors.New("bodies take up all the memory they may")
	errTooLarge = errors.New("the body is too large")
	errGone     = errors.New("the upload broke off or took too long")
	errBroken   = errors.New("the body is not whole or not valid gzip")
)

// unknown is the first buffer for a body that does not say how long it is, in bytes.
const unknown = 16 << 10

// inflaters are gzip readers to be used again: one is 40 KiB.
type inflaters struct{ pool sync.Pool }

// read takes a body off the connection: one of a declared length in one piece,
// any other, or a gzipped one, in growing buffers up to limit. It waits for
// memory until ctx ends. Its errors are the four above.
func (d *Door) read(ctx context.Context, w http.ResponseWriter, r *http.Request, limit int64, gzipped bool) (*Body, error) {
	if r.ContentLength >= 0 && !gzipped {
		return d.readDeclared(ctx, r)
	}
	// As sent it is bounded too: gzip can be endless and inflate to nothing.
	source := io.Reader(http.MaxBytesReader(w, r.Body, limit))
	if !gzipped {
		return d.readAll(ctx, source, limit)
	}
	inflater, err := d.inflaters.get(source)
	if err == io.EOF { //nolint:errorlint // gzip returns it as it is for no bytes at all
		return d.buffers.lend(ctx, 0)
	}
	if err != nil {
		return nil, readError(err)
	}
	defer d.inflaters.pool.Put(inflater)
	return d.readAll(ctx, inflater, limit)
}

func (d *Door) readDeclared(ctx context.Context, r *http.Request) (*Body, error) {
	n := int(r.ContentLength) // at most limit, which the caller has checked
	body, err := d.buffers.lend(ctx, n)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r.Body, body.memory[:n]); err != nil {
		body.Release()
		return nil, readError(err)
	}
	body.Bytes = body.memory[:n]
	return body, nil
}

func (d *Door) readAll(ctx context.Context, source io.Reader, limit int64) (*Body, error) {
	body, err := d.buffers.lend(ctx, int(min(unknown, limit+1)))
	if err != nil {
		return nil, err
	}
	n := 0
	for {
		if n == len(body.memory) {
			if body, err = d.grow(ctx, body, limit); err != nil {
				return nil, err
			}
		}
		got, err := source.Read(body.memory[n:])
		n += got
		if int64(n) > limit {
			body.Release()
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			body.Bytes = body.memory[:n]
			return body, nil
		}
		if err != nil {
			body.Release()
			return nil, readError(err)
		}
	}
}

// grow moves a full body to a buffer four times as large, with one byte more
// than limit at most: the byte that shows that a body is too large.
func (d *Door) grow(ctx context.Context, body *Body, limit int64) (*Body, error) {
	defer body.Release()
	larger, err := d.buffers.lend(ctx, int(min(4*int64(len(body.memory)), limit+1)))
	if err != nil {
		return nil, err
	}
	copy(larger.memory, body.memory)
	return larger, nil
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

// readError sorts what can go wrong with an upload by whose fault it is.
func readError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return errGone
	}
	return errBroken
}

package endpoint

import (
	"bytes"
	"io"
	"sync"
)

// body is the bytes of one request. net/http may still be reading them when
// RoundTrip has returned, until it closes the reader it was given, so whoever wants to use
// them again has to wait for that.
type body struct {
	data  []byte
	users sync.WaitGroup
}

func (b *body) open() io.ReadCloser {
	b.users.Add(1)
	return &bodyReader{Reader: bytes.NewReader(b.data), close: sync.OnceFunc(b.users.Done)}
}

// await returns when every reader is closed. The request's context must have ended.
func (b *body) await() { b.users.Wait() }

type bodyReader struct {
	*bytes.Reader

	close func()
}

// Close may be called more than once.
func (r *bodyReader) Close() error {
	r.close()
	return nil
}

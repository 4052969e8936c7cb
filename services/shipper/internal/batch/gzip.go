package batch

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Gzip compresses bodies. It may be used from any goroutine.
type Gzip struct{ writers sync.Pool }

// NewGzip makes a compressor. Writers are large, so it keeps them.
func NewGzip() *Gzip {
	return &Gzip{writers: sync.Pool{New: func() any {
		// The fastest level: a higher one costs several times the CPU for a few percent.
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
		return w
	}}}
}

// Compress replaces what is in dst by data, compressed.
func (g *Gzip) Compress(dst *bytes.Buffer, data []byte) {
	w := g.writers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put in
	defer g.writers.Put(w)
	dst.Reset()
	w.Reset(dst)
	_, _ = w.Write(data) // a bytes.Buffer never fails
	_ = w.Close()
}

// Package batch is what a HEC request holds: its events, by the delivery from the bus
// that each came from, and its body.
package batch

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Gzip makes gzip writers of one level. It may be used from any goroutine.
type Gzip struct{ writers sync.Pool }

// NewGzip makes a maker of writers of a level from 1, the fastest, to 9. Writers are
// large, so it keeps them.
func NewGzip(level int) *Gzip {
	return &Gzip{writers: sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			return gzip.NewWriter(nil) // the configuration knows no other levels
		}
		return w
	}}}
}

// Body is the body of a request while events are written to it, straight through gzip.
// The zero value has to be started.
type Body struct {
	packed bytes.Buffer
	loose  []byte // events that are not yet in packed: gzip likes larger pieces
	gzip   *Gzip
	writer *gzip.Writer // while the body is open
	size   int
	events int
}

// Start begins another body; without g it is not compressed.
func (b *Body) Start(g *Gzip) {
	b.close()
	b.packed.Reset()
	b.loose = b.loose[:0]
	b.gzip, b.size, b.events = g, 0, 0
	if g != nil {
		b.writer = g.writers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put in
		b.writer.Reset(&b.packed)
	}
}

// Add appends an encoded event.
func (b *Body) Add(encoded []byte) {
	b.size += len(encoded)
	b.events++
	if b.writer == nil {
		b.packed.Write(encoded)
		return
	}
	if b.loose = append(b.loose, encoded...); len(b.loose) >= piece {
		b.flush()
	}
}

// piece is how much goes through gzip at a time, in bytes. One event a write costs 6 to
// 10 % more.
const piece = 8 << 10

func (b *Body) flush() {
	_, _ = b.writer.Write(b.loose) // a bytes.Buffer never fails
	b.loose = b.loose[:0]
}

// Size is the length of the events that were added, in bytes before compression.
func (b *Body) Size() int { return b.size }

// Len is the number of events.
func (b *Body) Len() int { return b.events }

// Compressed says whether the body goes through gzip, and by which.
func (b *Body) Compressed() *Gzip { return b.gzip }

// Bytes ends the body and returns it as it is to be sent. It stays valid until Start or
// Reset.
func (b *Body) Bytes() []byte {
	b.close()
	return b.packed.Bytes()
}

// Reset lets go of the body, and of its memory if that is more than most bytes.
func (b *Body) Reset(most int) {
	b.close()
	b.packed.Reset()
	b.gzip, b.size, b.events = nil, 0, 0
	if b.packed.Cap() > most {
		b.packed = bytes.Buffer{}
	}
	if cap(b.loose) > most {
		b.loose = nil
	}
}

func (b *Body) close() {
	if b.writer != nil {
		b.flush()
		_ = b.writer.Close() // a bytes.Buffer never fails
		b.gzip.writers.Put(b.writer)
		b.writer = nil
	}
}

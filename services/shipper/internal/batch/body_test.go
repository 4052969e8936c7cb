package batch_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/shipper/internal/batch"
)

func TestBody(t *testing.T) {
	t.Parallel()
	var b batch.Body
	fast, small := batch.NewGzip(1), batch.NewGzip(9)
	f := func(g *batch.Gzip, events ...string) {
		t.Helper()
		b.Start(g)
		size := 0
		for _, e := range events {
			b.Add([]byte(e))
			size += len(e)
		}
		if b.Len() != len(events) || b.Size() != size || b.Compressed() != g {
			t.Errorf("%d events of %d bytes, compressed %v", b.Len(), b.Size(), b.Compressed() != nil)
		}
		got := bytes.Clone(b.Bytes())
		if !bytes.Equal(got, b.Bytes()) {
			t.Error("asked twice, the body has two answers")
		}
		if g != nil {
			r, err := gzip.NewReader(bytes.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if want := strings.Join(events, ""); string(got) != want {
			t.Errorf("%d bytes come back as %d", len(want), len(got))
		}
	}
	f(nil)
	f(nil, "a", "b")
	f(fast)
	f(fast, "a", strings.Repeat("line after line, ", 100_000), "c")
	f(small, "short again")
	b.Start(fast) // without an end: a request that is given up
	b.Add([]byte("x"))
	f(small, "y")
	b.Start(fast)
	b.Add([]byte("x"))
	b.Reset(10)
	f(nil, "z")
}

// A large body does not hold its memory for ever, a usual one does.
func TestBodyMemory(t *testing.T) {
	t.Parallel()
	f := func(size, most int, keeps bool) {
		t.Helper()
		var b batch.Body
		b.Start(nil)
		b.Add(bytes.Repeat([]byte("x"), size))
		before := b.Bytes()
		b.Reset(most)
		b.Start(nil)
		b.Add([]byte("y"))
		if kept := &before[0] == &b.Bytes()[0]; kept != keeps {
			t.Errorf("after %d bytes with room for %d the memory is kept: %v", size, most, kept)
		}
	}
	f(50, 100, true)
	f(100_000, 1000, false)
}

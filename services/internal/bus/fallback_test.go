package bus

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

// twofold is a writer with a main server, behind a proxy, and a fallback.
type twofold struct {
	*writing
	other jetstream.JetStream
	full  atomic.Bool // of the fallback's disk
	took  atomic.Int64
}

func startTwofold(t *testing.T) *twofold {
	t.Helper()
	main, other := startServer(t), startServer(t)
	f := &twofold{writing: &writing{t: t, proxy: startProxy(t, main), js: main.admin()}, other: other.admin()}
	for _, js := range []jetstream.JetStream{f.js, f.other} {
		createStreams(t, js, shortWait, rawConfig())
	}
	f.BlockWriter = NewBlockWriter(dial(t, f.proxy.url()), "s0", &Fallback{
		Conn: dial(t, other.url()),
		Healthy: func() error {
			if f.full.Load() {
				return syscall.ENOSPC
			}
			return nil
		},
		Took: func(why error) {
			if why == nil {
				t.Error("no reason")
			}
			f.took.Add(1)
		},
	})
	t.Cleanup(func() {
		f.full.Store(false)
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func resize(t *testing.T, js jetstream.JetStream, maxBytes int64) {
	t.Helper()
	c := rawConfig()
	c.MaxBytes = maxBytes
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestFallbackTakesWhatMainDoesNot(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(f *twofold){
		"full":  func(f *twofold) { resize(f.t, f.js, 1) },
		"hangs": func(f *twofold) { f.proxy.holdRequests(true) },
		"away":  func(f *twofold) { f.path.main.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startTwofold(t)
			if err := f.Append(soon(t), numbered(1)); err != nil {
				t.Fatal(err)
			}
			if f.took.Load() != 0 {
				t.Error("the fallback takes blocks beside a main that works")
			}
			trouble(f)
			for n := range 3 {
				if err := f.Append(soon(t), numbered(n)); err != nil {
					t.Fatal(err)
				}
			}
			if got := len(blocks(t, f.other)); got != 3 || f.took.Load() != 3 {
				t.Errorf("%d blocks in the fallback, told of %d", got, f.took.Load())
			}
			if err := f.Trouble(); err != nil {
				t.Errorf("in trouble: %v", err)
			}
			f.proxy.holdRequests(false)
		})
	}
}

// A block is the same wherever it ends, also when it ends in both.
func TestBothHaveTheSameBlock(t *testing.T) {
	t.Parallel()
	f := startTwofold(t)
	f.proxy.holdAnswers(true)
	if err := f.Append(soon(t), numbered(1)); err != nil {
		t.Fatal(err)
	}
	main, other := stored(t, f.js, rawStream), stored(t, f.other, rawStream)
	if len(main) != 1 || len(other) != 1 {
		t.Fatalf("%d and %d blocks", len(main), len(other))
	}
	if main[0].Header.Get(wire.HeaderMsgID) != other[0].Header.Get(wire.HeaderMsgID) ||
		main[0].Subject != other[0].Subject || string(main[0].Data) != string(other[0].Data) {
		t.Errorf("%+v and %+v", main[0], other[0])
	}
	f.proxy.holdAnswers(false)
}

// After a try that failed, main is left alone for a while.
func TestMainRests(t *testing.T) {
	t.Parallel()
	f := startTwofold(t)
	p := path{main: f.path.main, fallback: f.path.fallback}
	publish := func() {
		t.Helper()
		m := Msg{ID: wire.RandomID(), Subject: f.subject, Payload: wire.Seal(nil, []byte("block"))}
		if err := p.publish(soon(t), m, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	resize(t, f.js, 1)
	publish()
	if !p.rest.After(time.Now()) {
		t.Error("main does not rest")
	}
	resize(t, f.js, 1<<30)
	p.rest = time.Now().Add(time.Hour)
	publish()
	p.rest = time.Now()
	publish()
	if main, other := len(stored(t, f.js, rawStream)), len(stored(t, f.other, rawStream)); main != 1 || other != 2 {
		t.Errorf("%d blocks in main and %d in the fallback", main, other)
	}
}

// With both in trouble blocks wait for either.
func TestNeitherTakesBlocks(t *testing.T) {
	t.Parallel()
	for name, ease := range map[string]func(f *twofold){
		"main first":         func(f *twofold) { resize(f.t, f.js, 1<<30) },
		"the fallback first": func(f *twofold) { f.full.Store(false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startTwofold(t)
			resize(t, f.js, 1)
			f.full.Store(true)
			outcome := make(chan error, 1)
			go func() { outcome <- f.Append(soon(t), numbered(1)) }()
			eventually(t, "the writer is in trouble", func() bool { return f.Trouble() != nil })
			for _, want := range []string{"maximum bytes exceeded", "and the spool: " + syscall.ENOSPC.Error()} {
				if err := f.Trouble(); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("trouble %q, want %q", err, want)
				}
			}
			ease(f)
			if err := <-outcome; err != nil {
				t.Error(err)
			}
			eventually(t, "the trouble is over", func() bool { return f.Trouble() == nil })
		})
	}
}

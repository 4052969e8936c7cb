package bus

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// book is a log to look into.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) count(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), what)
}

// logged is a connection with a log to look into.
func logged(t *testing.T, s *testServer) (*Conn, *book) {
	t.Helper()
	log := &book{}
	o := testOptions(s.url())
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, log
}

// leave stops the server, and waits until it is missed: what is sent before that is
// sent again by nats.go.
func leave(t *testing.T, s *testServer, c *Conn) {
	t.Helper()
	s.stop()
	eventually(t, "the server is missed", c.Away)
}

func (c *Conn) tellsUntold() bool {
	c.untold.mu.Lock()
	defer c.untold.mu.Unlock()
	return c.untold.running
}

// What cannot be told while the bus is away is told as soon as it is back, of every kind.
func TestUntoldIsToldLater(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackConfig())
	c, log := logged(t, s)
	leave(t, s, c)
	const batches = 10
	for n := range batches {
		routed := []*drainlinev1.Routed{{Ack: &drainlinev1.Ack{Id: uint64(n), Parts: 1}}}
		reported := []*drainlinev1.Ack{{Id: uint64(n)}}
		for _, err := range []error{c.TellRouted(soon(t), routed), c.TellSettled(soon(t), []wire.ID{batchID(n)}), c.TellReported(soon(t), reported)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	s.start()
	eventually(t, "what is untold is told", func() bool { return !c.tellsUntold() })
	var h heard
	follow(t, c, &h)
	h.awaitBatches(t, 0, batches)
	if len(h.routed) != batches || len(h.reported) != batches || h.notes > 4 {
		t.Errorf("heard %d and %d of %d in %d notes", len(h.routed), len(h.reported), batches, h.notes)
	}
	if n := log.count("can not be told"); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
	tellSettled(t, c, batches, batches+1)
	h.awaitBatches(t, 0, batches+1)
}

// What is told for long while nobody takes it pushes out what was told first.
func TestUntoldIsBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackConfig())
	c, _ := logged(t, s)
	leave(t, s, c)
	const each, times = 10_000, 8
	told, lost := 0, 0
	for range times {
		var batches []wire.ID
		for range each {
			batches = append(batches, batchID(told))
			told++
		}
		err := c.TellSettled(soon(t), batches)
		lost += Untold(err, each)
		if older, ok := errors.AsType[*UntoldError](err); err != nil && (!ok || older.Count%each != 0) {
			t.Fatalf("outcome %v", err)
		}
		c.untold.mu.Lock()
		size := 0
		for _, n := range c.untold.notes {
			size += len(n.message)
		}
		if size != c.untold.size || size > untoldBytes {
			t.Errorf("%d bytes are kept, %d counted", size, c.untold.size)
		}
		c.untold.mu.Unlock()
	}
	if lost == 0 || lost > told/2 {
		t.Errorf("%d of %d are lost", lost, told)
	}
	s.start()
	eventually(t, "what is untold is told", func() bool { return !c.tellsUntold() })
	var h heard
	follow(t, c, &h)
	got := h.batches() // the one that was tried all the time is older
	if len(got) != told-lost || !slices.Contains(got, batchID(told-1)) || slices.Contains(got, batchID(each)) {
		t.Errorf("heard %d of %d, %d are lost", len(got), told, lost)
	}
}

// A connection is closed with what is untold, and tells nothing more.
func TestUntoldEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackConfig())
	c, log := logged(t, s)
	leave(t, s, c)
	for n := range 3 {
		if err := c.TellSettled(soon(t), []wire.ID{batchID(n)}); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	if c.tellsUntold() || log.count("notes=3") != 1 {
		t.Errorf("log:\n%s", &log.text)
	}
	err := c.TellSettled(soon(t), []wire.ID{batchID(3)})
	if !errors.Is(err, ErrClosed) || Untold(err, 1) != 1 {
		t.Errorf("outcome %v", err)
	}
	s.start()
}

// A bus that comes back without its streams is told nothing for ever.
func TestUntoldOfABusThatLostEverything(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStream(t, s.admin(), ackConfig())
	c, log := logged(t, s)
	leave(t, s, c)
	if err := c.TellSettled(soon(t), []wire.ID{batchID(0)}); err != nil {
		t.Fatal(err)
	}
	s.opts.StoreDir = t.TempDir()
	s.start()
	eventually(t, "it is given up", func() bool { return log.count("notes=1") == 1 })
	if c.tellsUntold() {
		t.Error("somebody tells on")
	}
}

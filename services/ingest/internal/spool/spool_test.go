package spool_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/spool"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(t *testing.T, prefix string, shards int) *config.Config {
	t.Helper()
	return bustest.Config(t, map[string]any{
		"bus.url": "nats://127.0.0.1:1", "bus.prefix": prefix, "bus.raw.shards": shards, "bus.raw.max_bytes": "64MiB",
		"ingest.spool.dir": t.TempDir(), "ingest.spool.max_bytes": "64MiB",
	})
}

func open(t *testing.T, c *config.Config, main *bus.Conn) *spool.Spool {
	t.Helper()
	s, err := spool.Open(t.Context(), options(t, c, main))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func options(t *testing.T, c *config.Config, main *bus.Conn) spool.Options {
	t.Helper()
	return spool.Options{Config: c, Main: main, Metrics: bustest.Metrics(t), Log: slog.New(slog.DiscardHandler)}
}

// put stores a block in the spool as a writer does.
func put(t *testing.T, s *spool.Spool, subject string, id wire.ID) {
	t.Helper()
	if err := s.Conn().Publish(t.Context(), bus.Msg{ID: id, Subject: subject, Payload: wire.Seal(nil, []byte("block"))}); err != nil {
		t.Fatal(err)
	}
}

// Blocks of shards that are no more, or of another prefix, come where somebody
// looks for them.
func TestBlocksFromBeforeAChange(t *testing.T) {
	t.Parallel()
	before := settings(t, "old", 4)
	b := bustest.Start(t, before)
	away := b.Connect("away")
	away.Close() // takes nothing, so all stays in the spool
	s := open(t, before, away)
	for n := range 4 {
		put(t, s, away.Names().RawSubject(wire.Shard(n)), wire.ID{byte(n + 1)})
	}
	for n := range 2 {
		put(t, s, away.Names().RawSubject(wire.OrderedShard(n)), wire.ID{byte(n + 11)})
	}
	s.Close()

	after := settings(t, "new", 2)
	after.Ingest.Spool = before.Ingest.Spool
	b = bustest.Start(t, after)
	conn := b.Connect("ingest")
	s = open(t, after, conn)
	defer s.Close()
	b.AwaitMessages(conn, conn.Names().RawStream("s0"), 4)
	b.AwaitMessages(conn, conn.Names().RawStream("o0"), 2)

	// Those of the shards that are there come to their own.
	put(t, s, conn.Names().RawSubject("s1"), wire.ID{9})
	b.AwaitMessages(conn, conn.Names().RawStream("s1"), 1)
}

// Blocks of an ordered shard come to the bus as they came to the spool.
func TestOrderIsKept(t *testing.T) {
	t.Parallel()
	c := settings(t, "drainline", 1)
	b := bustest.Start(t, c)
	away := b.Connect("away")
	away.Close()
	s := open(t, c, away)
	const n = 60
	for i := range n {
		for _, shard := range []string{"s0", "o0"} {
			put(t, s, away.Names().RawSubject(shard), wire.PayloadID([]byte(shard+strconv.Itoa(i))))
		}
	}
	s.Close()

	conn := b.Connect("ingest")
	defer open(t, c, conn).Close()
	for _, shard := range []string{"s0", "o0"} {
		b.AwaitMessages(conn, conn.Names().RawStream(shard), n)
	}
	ordered, err := conn.JetStream().Stream(t.Context(), conn.Names().RawStream("o0"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		m, err := ordered.GetMsg(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if want := wire.PayloadID([]byte("o0" + strconv.Itoa(i))).String(); m.Header.Get(wire.HeaderMsgID) != want {
			t.Errorf("another block than %d comes as number %d", i, i)
		}
	}
}

// A block that is forwarded again, because it is not known whether it was, is
// there once.
func TestForwardedAgain(t *testing.T) {
	t.Parallel()
	c := settings(t, "drainline", 1)
	b := bustest.Start(t, c)
	conn := b.Connect("ingest")
	subject, id := conn.Names().RawSubject("s0"), wire.ID{1}
	if err := conn.Publish(t.Context(), bus.Msg{ID: id, Subject: subject, Payload: wire.Seal(nil, []byte("block"))}); err != nil {
		t.Fatal(err)
	}
	s := open(t, c, conn)
	defer s.Close()
	put(t, s, subject, id)
	put(t, s, subject, wire.ID{2})
	bustest.Await(t, "the spool does not become empty", func() bool { return b.Stream(s.Conn(), wire.SpoolStream).Msgs == 0 })
	if got := b.Stream(conn, conn.Names().RawStream("s0")).Msgs; got != 2 {
		t.Errorf("%d blocks on the bus", got)
	}
}

func TestOpenFailsWithOneSentence(t *testing.T) {
	t.Parallel()
	c := settings(t, "drainline", 1)
	conn := bustest.Start(t, c).Connect("ingest")
	s := open(t, c, conn)
	defer s.Close()
	_, err := spool.Open(t.Context(), options(t, c, conn))
	want := "spool: data directory " + filepath.Join(c.Ingest.Spool.Dir, "spool") + " is in use by another drainline"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "stop it or set ingest.spool.dir") {
		t.Errorf("%v", err)
	}
}

// The log tells the beginning and the end, once.
func TestLog(t *testing.T) {
	t.Parallel()
	c := settings(t, "drainline", 1)
	conn := bustest.Start(t, c).Connect("ingest")
	var log strings.Builder
	lines := make(chan string, 100)
	o := options(t, c, conn)
	o.Log = slog.New(slog.NewTextHandler(writer(func(p []byte) { lines <- string(p) }), nil))
	s, err := spool.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Fallback()
	for range 3 {
		put(t, s, conn.Names().RawSubject("s0"), wire.RandomID())
		f.Took(context.DeadlineExceeded)
	}
	for !strings.Contains(log.String(), "the spool is empty again") {
		select {
		case line := <-lines:
			log.WriteString(line)
		case <-time.After(bustest.Patience):
			t.Fatalf("the end is not told:\n%s", log.String())
		}
	}
	s.Close()
	if got := strings.Count(log.String(), "the bus takes no blocks, they go to the spool"); got != 1 {
		t.Errorf("the beginning is told %d times:\n%s", got, log.String())
	}
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestSpoolIsEncrypted(t *testing.T) {
	t.Parallel()
	c := settings(t, "drainline", 1)
	b := bustest.Start(t, c)
	away := b.Connect("away")
	away.Close()
	c.Ingest.Spool.EncryptionKey = "0123456789abcdef"
	s := open(t, c, away)
	put(t, s, away.Names().RawSubject(wire.Shard(0)), wire.ID{1})
	s.Close()

	c.Ingest.Spool.EncryptionKey = ""
	s, err := spool.Open(t.Context(), options(t, c, away))
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "is encrypted: set ingest.spool.encryption_key or encryption_key_file") {
		t.Errorf("opened without its key: %v", err)
	}

	c.Ingest.Spool.EncryptionKey = "0123456789abcdef"
	conn := b.Connect("ingest")
	s = open(t, c, conn)
	defer s.Close()
	b.AwaitMessages(conn, conn.Names().RawStream("s0"), 1)
}

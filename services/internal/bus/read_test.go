package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

// startKeeping starts a server with a stream that keeps letters, and nothing in it.
func startKeeping(t *testing.T) (*testServer, jetstream.JetStream) {
	t.Helper()
	s := startServer(t)
	js := s.admin()
	if _, err := js.CreateStream(t.Context(), deadConfig()); err != nil {
		t.Fatal(err)
	}
	return s, js
}

// keep publishes messages numbered first to last, each to the subject of one reason.
func keep(t *testing.T, c *Conn, reason string, first, last int, size int) {
	t.Helper()
	for i := first; i <= last; i++ {
		payload := fmt.Sprintf("%d %s", i, strings.Repeat("x", size))
		m := Msg{ID: wire.PayloadID([]byte(reason + payload)), Subject: c.Names().DeadSubject("test", reason), Payload: []byte(payload)}
		if err := c.Publish(soon(t), m); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, c *Conn, o ReadOptions) []string {
	t.Helper()
	o.Stream = c.Names().DeadStream()
	got := []string{}
	err := c.Read(soon(t), o, func(k *Kept) error {
		number, _, _ := strings.Cut(string(k.Payload), " ")
		got = append(got, strings.TrimPrefix(k.Subject, c.Names().Prefix+".dead.test.")+number)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func consumers(t *testing.T, js jetstream.JetStream, stream string) int {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Consumers
}

func TestReadGivesWhatAStreamKeeps(t *testing.T) {
	t.Parallel()
	s, js := startKeeping(t)
	c := dial(t, s.url())
	if got := read(t, c, ReadOptions{}); len(got) > 0 {
		t.Errorf("an empty stream has %v", got)
	}
	keep(t, c, "a", 1, 2, 0)
	keep(t, c, "b", 1, 1, 0)
	later := time.Now()
	keep(t, c, "a", 3, 3, 0)
	subject := func(reason string) string { return c.Names().DeadSubject("test", reason) }
	for _, k := range []struct {
		name    string
		options ReadOptions
		want    []string
	}{
		{"all", ReadOptions{}, []string{"a1", "a2", "b1", "a3"}},
		{"one subject", ReadOptions{Subjects: []string{subject("a")}}, []string{"a1", "a2", "a3"}},
		{"two subjects", ReadOptions{Subjects: []string{subject("b"), subject("a")}}, []string{"a1", "a2", "b1", "a3"}},
		{"a subject that nothing is on", ReadOptions{Subjects: []string{subject("c")}}, []string{}},
		{"since", ReadOptions{Since: later}, []string{"a3"}},
		{"since, one subject", ReadOptions{Since: later, Subjects: []string{subject("b")}}, []string{}},
		{"since now", ReadOptions{Since: time.Now().Add(time.Hour)}, []string{}},
	} {
		if diff := cmp.Diff(k.want, read(t, c, k.options)); diff != "" {
			t.Errorf("%s: %s", k.name, diff)
		}
	}
	if n := consumers(t, js, c.Names().DeadStream()); n != 0 {
		t.Errorf("%d readers are left with the server", n)
	}
}

func TestReadTellsOfEachMessage(t *testing.T) {
	t.Parallel()
	s, _ := startKeeping(t)
	c := dial(t, s.url())
	want := Kept{
		ID: wire.RandomID(), Subject: c.Names().DeadSubject("test", "a"), Sequence: 1,
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Payload: []byte("x"),
	}
	if err := c.Publish(soon(t), Msg{ID: want.ID, Subject: want.Subject, Traceparent: want.Traceparent, Payload: want.Payload}); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	err := c.Read(soon(t), ReadOptions{Stream: c.Names().DeadStream()}, func(k *Kept) error {
		if age := before.Sub(k.Stored); age < 0 || age > patience {
			t.Errorf("stored at %v", k.Stored)
		}
		want.Stored = k.Stored
		if diff := cmp.Diff(want, *k); diff != "" {
			t.Error(diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// More than a pull has room for, in messages and in bytes.
func TestReadGoesOnUntilTheEnd(t *testing.T) {
	t.Parallel()
	s, _ := startKeeping(t)
	c := dial(t, s.url())
	for _, k := range []struct {
		reason      string
		count, size int
	}{{"many", 2*readMessages + 1, 1}, {"large", 2*readBytes/(800<<10) + 1, 800 << 10}} {
		keep(t, c, k.reason, 1, k.count, k.size)
		got := read(t, c, ReadOptions{Subjects: []string{c.Names().DeadSubject("test", k.reason)}})
		for i, g := range got {
			if want := fmt.Sprint(k.reason, i+1); g != want {
				t.Fatalf("%s instead of %s", g, want)
			}
		}
		if len(got) != k.count {
			t.Errorf("%s: %d of %d", k.reason, len(got), k.count)
		}
	}
}

// What is removed while it is read is waited for by nobody.
func TestReadOutlivesARemoval(t *testing.T) {
	t.Parallel()
	s, js := startKeeping(t)
	c := dial(t, s.url())
	keep(t, c, "a", 1, readMessages+10, 0)
	got := 0
	err := c.Read(soon(t), ReadOptions{Stream: c.Names().DeadStream()}, func(*Kept) error {
		got++
		if got > 1 {
			return nil
		}
		stream, err := js.Stream(t.Context(), c.Names().DeadStream())
		if err != nil {
			return err
		}
		return stream.Purge(t.Context())
	})
	if err != nil || got == 0 || got > readMessages {
		t.Errorf("%d read, %v", got, err)
	}
}

// A connection that is lost in the middle costs no message and repeats none.
func TestReadOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	s, _ := startKeeping(t)
	c := dial(t, s.url())
	keep(t, c, "a", 1, 3*readMessages, 100)
	p := startProxy(t, s)
	through := dial(t, p.url())
	next := 1
	err := through.Read(soon(t), ReadOptions{Stream: c.Names().DeadStream()}, func(k *Kept) error {
		if number, _, _ := strings.Cut(string(k.Payload), " "); number != fmt.Sprint(next) {
			return fmt.Errorf("%s instead of %d", number, next)
		}
		if next++; next == readMessages {
			before := through.Connects()
			p.cut()
			eventually(t, "the connection is back", func() bool { return through.Connects() > before })
		}
		return nil
	})
	if err != nil || next != 3*readMessages+1 {
		t.Errorf("%d read, %v", next-1, err)
	}
}

// A stream for which nobody answers for a moment, as while a cluster chooses a leader, is
// asked for again, until somebody does or the context ends.
func TestReadWaitsForALeader(t *testing.T) {
	t.Parallel()
	s, _ := startKeeping(t)
	c := dial(t, s.url())
	keep(t, c, "a", 1, 3, 0)
	calls := 0
	err := withLeader(soon(t), "x", func() error {
		if calls++; calls < 3 {
			return nats.ErrNoResponders
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
	calls = 0
	refused := errors.New("refused")
	if err := withLeader(soon(t), "x", func() error { calls++; return refused }); !errors.Is(err, refused) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ended, end := context.WithCancel(t.Context())
	calls = 0
	err = withLeader(ended, "x", func() error {
		if calls++; calls == 1 {
			return nats.ErrNoResponders
		}
		end() // while the server has not answered
		return ended.Err()
	})
	if !errors.Is(err, nats.ErrNoResponders) || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}

	// A server without JetStream answers for no stream.
	restart := func(jetStream bool) {
		before := c.Connects()
		s.stop()
		s.opts.JetStream = jetStream
		s.start()
		eventually(t, "the connection is back", func() bool { return c.Connects() > before })
	}
	restart(false)
	brief, cancel := context.WithTimeout(t.Context(), 8*leaderPause)
	defer cancel()
	err = c.Read(brief, ReadOptions{Stream: c.Names().DeadStream()}, func(*Kept) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "stream t_dead: no NATS server answers for it") {
		t.Error(err)
	}
	restart(true)
	if diff := cmp.Diff([]string{"a1", "a2", "a3"}, read(t, c, ReadOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestReadEnds(t *testing.T) {
	t.Parallel()
	s, js := startKeeping(t)
	c := dial(t, s.url())
	keep(t, c, "a", 1, 3, 0)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	for _, k := range []struct {
		name   string
		stream string
		f      func(*Kept) error
		want   error
	}{
		{"with an error of whom it tells", c.Names().DeadStream(), func(*Kept) error { return enough }, enough},
		{"without the stream", "nothing", nil, jetstream.ErrStreamNotFound},
		{"with its context", c.Names().DeadStream(), func(*Kept) error { cancel(enough); return enough }, enough},
		{"at once when that has ended", c.Names().DeadStream(), nil, context.Canceled},
	} {
		if err := c.Read(ctx, ReadOptions{Stream: k.stream}, k.f); !errors.Is(err, k.want) {
			t.Errorf("%s: %v", k.name, err)
		}
	}
	if n := consumers(t, js, c.Names().DeadStream()); n != 0 {
		t.Errorf("%d readers are left with the server", n)
	}
}

func TestRemoveTakesOneMessage(t *testing.T) {
	t.Parallel()
	s, js := startKeeping(t)
	c := dial(t, s.url())
	stream := c.Names().DeadStream()
	keep(t, c, "a", 1, 3, 0)
	var all []*Kept
	if err := c.Read(soon(t), ReadOptions{Stream: stream}, func(k *Kept) error {
		all = append(all, k)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	second := all[1]
	elsewhere, earlier, never := *second, *second, *second
	elsewhere.Subject += "x"
	earlier.Stored = earlier.Stored.Add(-time.Nanosecond)
	never.Sequence = 100
	for _, k := range []struct {
		name string
		kept *Kept
		want error
	}{
		{"another subject has the number", &elsewhere, ErrGone},
		{"another message has the number", &earlier, ErrGone},
		{"nothing has the number", &never, ErrGone},
		{"it is there", second, nil},
		{"it is not there any more", second, ErrGone},
	} {
		if err := c.Remove(soon(t), stream, k.kept); !errors.Is(err, k.want) {
			t.Errorf("%s: %v", k.name, err)
		}
	}
	if diff := cmp.Diff([]string{"a1", "a3"}, read(t, c, ReadOptions{})); diff != "" {
		t.Error(diff)
	}
	if err := js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(soon(t), stream, second); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("without a stream: %v", err)
	}
}

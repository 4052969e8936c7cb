package natsd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/services/internal/natsd"
)

func TestFullDiskWhilePublishing(t *testing.T) {
	t.Parallel()
	o := quick(mount(t, "size=32m", 0))
	var log logBuffer
	o.Log = log.logger()
	s := start(t, o)
	_, js := connect(t, s)
	createStream(t, js)
	acked := 0
	for ; acked < 100; acked++ {
		publish(t, js, acked)
	}

	b := newBallast(t, o.Dir)
	b.leave(t, o.MinFree/2)
	eventually(t, "Healthy names the disk", func() error { return expect(s.Healthy(), "nearly full: ") })
	publish(t, js, acked) // early enough: it still works
	acked++

	b.leave(t, 0)
	for tryPublish(t, js, acked) == nil {
		acked++
	}
	unknown := acked
	if _, err := s.InProcessConn(); err == nil {
		t.Error("a server with a broken store still takes connections")
	}
	b.drop(t)
	eventually(t, "healthy again", s.Healthy)
	eventually(t, "publish through the old connection", func() error { return tryPublish(t, js, unknown+1) })

	got := stored(t, js)
	for i := range acked {
		if !got[payload(i)] {
			t.Errorf("message %d was acknowledged and is lost", i)
		}
	}
	if !got[payload(unknown+1)] {
		t.Error("the message after the restart is not there")
	}
	for _, line := range []string{"disk nearly full", "restarting the embedded NATS server", "embedded NATS server is healthy"} {
		if n := log.count(`msg="` + line); n != 1 {
			t.Errorf("%q is %d times in the log, want once: %s", line, n, log.buf.String())
		}
	}
}

// An ack on a work queue is a write as well. When it fails it is answered all
// the same, and Healthz stays "ok", so this holds the server to its log line.
func TestFullDiskWhileAcking(t *testing.T) {
	t.Parallel()
	o := quick(mount(t, "size=32m", 0))
	var log logBuffer
	o.Log = log.logger()
	s := start(t, o)
	_, js := connect(t, s)
	st := createStream(t, js)
	const messages = 400 // half as many acks take more than the page that is left in the block
	for i := range messages {
		publish(t, js, i)
	}
	c, err := st.CreateConsumer(t.Context(), jetstream.ConsumerConfig{
		Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	var fetched []jetstream.Msg
	if err := fetch(c, messages, func(m jetstream.Msg) error {
		fetched = append(fetched, m)
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	b := newBallast(t, o.Dir)
	b.leave(t, 0)
	acked := map[string]bool{}
	for _, m := range fetched[:messages/2] {
		if ack(t, m) != nil {
			break
		}
		acked[body(m)] = true
	}
	b.drop(t)
	eventually(t, "the restart", func() error { return log.has("embedded NATS server is healthy") })
	if err := log.has("restarting the embedded NATS server"); err != nil {
		t.Error(err)
	}
	eventually(t, "publish through the old connection", func() error { return tryPublish(t, js, messages) })
	eventually(t, "all that was not acknowledged comes again", func() error {
		err := fetch(c, messages, func(m jetstream.Msg) error {
			acked[body(m)] = true
			return ack(t, m)
		})
		if err == nil && len(acked) <= messages {
			err = fmt.Errorf("%d of %d", len(acked), messages+1)
		}
		return err
	})
}

func TestDiskDecidesAtStart(t *testing.T) {
	t.Parallel()
	small := natsd.Options{Dir: mount(t, "size=2m", 0)}
	refused(t, small, "data directory DIR has 2097152 bytes free and needs 67108864: ")
	readOnly := natsd.Options{Dir: mount(t, "size=128m", syscall.MS_RDONLY)}
	refused(t, readOnly, "data directory DIR is not writable: ")

	// Under the floor, with room to work: it starts, so that the backlog can drain.
	o := quick(mount(t, "size=100m", 0))
	o.MinFree = 200 << 20
	if err := expect(start(t, o).Healthy(), "nearly full: "); err != nil {
		t.Error(err)
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	const size, slack = 100 << 20, 1 << 20 // the server's own files
	o := quick(mount(t, "size=100m", 0))
	if err := os.WriteFile(filepath.Join(o.Dir, "data"), make([]byte, size/2), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, o)
	if got, most := s.Capacity(), int64(size/100*70); got > most+slack || got < most-slack {
		t.Errorf("capacity is %d with the disk half full of our own data, want 70 %% of all: %d", got, most)
	}
	s.Shutdown()

	o.MaxBytes = 1 << 20
	if got := start(t, o).Capacity(); got != o.MaxBytes {
		t.Errorf("capacity is %d, want max_bytes %d", got, o.MaxBytes)
	}
}

// A disk can be smaller than the streams on it were made for, after a move or
// when others use it too. They must still open, and shrink.
func TestStreamsLargerThanTheDisk(t *testing.T) {
	t.Parallel()
	o := quick(mount(t, "size=32m", 0))
	_, js := connect(t, start(t, o))
	st := createStream(t, js)
	cfg := st.CachedInfo().Config
	cfg.MaxBytes = 8 << 30
	for _, size := range []int64{8 << 30, 4 << 20} {
		cfg.MaxBytes = size
		if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
			t.Errorf("max_bytes %d: %v", size, err)
		}
	}
}

func fetch(c jetstream.Consumer, most int, f func(jetstream.Msg) error) error {
	batch, err := c.FetchNoWait(most)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	for m := range batch.Messages() {
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

func body(m jetstream.Msg) string { return string(m.Data()[:len(payload(0))]) }

func ack(t *testing.T, m jetstream.Msg) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return m.DoubleAck(ctx)
}

// mount makes a disk of its own. It takes root, like the product's container has.
func mount(t *testing.T, data string, flags uintptr) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, data); err != nil {
		t.Fatalf("this test needs a disk it can fill, so it must be allowed to mount a tmpfs (run it as root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ballast is a file that takes space away.
type ballast struct{ *os.File }

func newBallast(t *testing.T, dir string) ballast {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return ballast{f}
}

// leave fills the disk until only that many bytes are free.
func (b ballast) leave(t *testing.T, bytes int64) {
	t.Helper()
	page := make([]byte, 4<<10)
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(b.Name(), &st); err != nil {
			t.Fatal(err)
		}
		if int64(st.Bavail)*st.Bsize <= bytes {
			return
		}
		if _, err := b.Write(page); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// drop gives the space back.
func (b ballast) drop(t *testing.T) {
	t.Helper()
	if err := b.Truncate(0); err != nil {
		t.Fatal(err)
	}
}

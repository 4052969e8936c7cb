package natsd_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/drainline/drainline/services/internal/natsd"
)

const (
	patience   = 15 * time.Second
	streamName = "work"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(publisherEnv); dir != "" {
		publishForever(dir)
	}
	goleak.VerifyTestMain(m)
}

func TestKeepsMessagesWhenRestarted(t *testing.T) {
	t.Parallel()
	for name, always := range map[string]bool{"sync always": true, "sync interval": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quick(t.TempDir())
			o.SyncAlways = always
			s := start(t, o)
			nc, js := connect(t, s)
			createStream(t, js)
			if nc.MaxPayload() < 1<<20 {
				t.Errorf("max_payload is %d, want a MiB", nc.MaxPayload())
			}
			for i := range 20 {
				publish(t, js, i)
			}
			nc.Close()
			s.Shutdown()

			_, js = connect(t, start(t, o))
			for i := range 20 {
				if !stored(t, js)[payload(i)] {
					t.Errorf("message %d is lost", i)
				}
			}
		})
	}
}

func TestStartRefusesInOneSentence(t *testing.T) {
	t.Parallel()
	taken := listen(t)
	cases := map[string]struct {
		prepare func(t *testing.T, o *natsd.Options)
		want    string
	}{
		"no directory": {
			func(_ *testing.T, o *natsd.Options) { o.Dir = "" },
			"data directory is missing: set bus.embedded.dir",
		},
		"in use": {
			func(t *testing.T, o *natsd.Options) {
				t.Helper()
				start(t, *o)
			},
			fmt.Sprintf("data directory DIR is in use by another drainline (pid %d): stop it or set bus.embedded.dir", os.Getpid()),
		},
		"cannot be created": {
			func(t *testing.T, o *natsd.Options) {
				t.Helper()
				o.Dir = filepath.Join(regularFile(t, o.Dir, "f"), "data")
			},
			"data directory DIR cannot be created: ",
		},
		"port taken": {
			func(_ *testing.T, o *natsd.Options) { o.Listen = taken },
			"bus.embedded.listen " + taken + " is taken: stop what listens there or choose another port",
		},
		"no address": {
			func(_ *testing.T, o *natsd.Options) { o.Listen = "4222" },
			"bus.embedded.listen 4222: ",
		},
		"JetStream does not start": {
			func(t *testing.T, o *natsd.Options) {
				t.Helper()
				regularFile(t, o.Dir, "jetstream")
			},
			"does not start on DIR: Can't start JetStream: storage directory is not a directory",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quick(t.TempDir())
			c.prepare(t, &o)
			refused(t, o, c.want)
		})
	}
}

func TestFailedStartUnlocks(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	bad := o
	bad.Listen = listen(t)
	refused(t, bad, "is taken")
	start(t, o)
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := natsd.Start(ctx, o); err == nil {
		s.Shutdown()
		t.Fatal("started although its context was done")
	}
	var s *natsd.Server
	eventually(t, "the directory is free again", func() (err error) {
		s, err = natsd.Start(t.Context(), o)
		return err
	})
	s.Shutdown()
}

func TestListensForOtherProcesses(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	if addr := start(t, o).Addr(); addr != "" {
		t.Errorf("listens on %s without being told to", addr)
	}
	o = quick(t.TempDir())
	o.Listen = "127.0.0.1:0"
	nc, err := nats.Connect("nats://" + start(t, o).Addr())
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	o := quick(filepath.Join(t.TempDir(), "made", "here"))
	s := start(t, o)
	if err := s.Healthy(); err != nil {
		t.Errorf("healthy server: %v", err)
	}
	if info, err := os.Stat(o.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v %v, want mode 0700", info, err)
	}
	s.Shutdown()
	s.Shutdown()
	if err := s.Healthy(); err == nil {
		t.Error("healthy after Shutdown")
	}
	if _, err := s.InProcessConn(); err == nil {
		t.Error("connection after Shutdown")
	}
}

// A stream that cannot be recovered is one more reason for JetStream to be
// unavailable; unlike a full disk it needs no mount.
func TestUnavailableServerIsReplaced(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	o.Listen = "127.0.0.1:0"
	var log logBuffer
	o.Log = log.logger()
	s := start(t, o)
	_, js := connect(t, s)
	createStream(t, js)
	publish(t, js, 1)
	addr := s.Addr()

	ghost := filepath.Join(o.Dir, "jetstream", "$G", "streams", "ghost")
	if err := os.Mkdir(ghost, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Healthy names the stream", func() error { return expect(s.Healthy(), "ghost") })
	eventually(t, "a restart", func() error { return log.has("restarting the embedded NATS server") })
	if err := os.Remove(ghost); err != nil {
		t.Fatal(err)
	}
	eventually(t, "healthy again", s.Healthy)
	eventually(t, "publish through the old connection", func() error { return tryPublish(t, js, 2) })
	if got := stored(t, js); !got[payload(1)] || !got[payload(2)] {
		t.Errorf("stored: %v", got)
	}
	if s.Addr() != addr {
		t.Errorf("moved from %s to %s", addr, s.Addr())
	}
}

// --- what the tests share

// quick makes a server that finds out soon.
func quick(dir string) natsd.Options {
	return natsd.Options{
		Dir:           dir,
		SyncAlways:    true,
		Log:           slog.New(slog.DiscardHandler),
		MinFree:       4 << 20,
		CheckInterval: 10 * time.Millisecond,
		RestartAfter:  50 * time.Millisecond,
	}
}

func start(t *testing.T, o natsd.Options) *natsd.Server {
	t.Helper()
	s, err := natsd.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func refused(t *testing.T, o natsd.Options, want string) {
	t.Helper()
	s, err := natsd.Start(t.Context(), o)
	if err == nil {
		s.Shutdown()
		t.Fatalf("started, want %q", want)
	}
	if want = strings.ReplaceAll(want, "DIR", o.Dir); !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %q, want one line with %q", err, want)
	}
}

func connect(t *testing.T, s *natsd.Server) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

func createStream(t *testing.T, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: streamName, Subjects: []string{streamName}, MaxBytes: 64 << 20,
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew,
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func payload(i int) string { return fmt.Sprintf("%08d", i) }

func tryPublish(t *testing.T, js jetstream.JetStream, i int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	body := payload(i) + strings.Repeat("x", 8<<10)
	_, err := js.Publish(ctx, streamName, []byte(body), jetstream.WithMsgID(payload(i)))
	return err
}

func publish(t *testing.T, js jetstream.JetStream, i int) {
	t.Helper()
	if err := tryPublish(t, js, i); err != nil {
		t.Fatal(err)
	}
}

// stored reads the payloads of all messages, by sequence, without consuming them.
func stored(t *testing.T, js jetstream.JetStream) map[string]bool {
	t.Helper()
	st, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	state := st.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		if m, err := st.GetMsg(t.Context(), seq); err == nil {
			got[string(m.Data[:len(payload(0))])] = true
		}
	}
	return got
}

func regularFile(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func listen(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for: %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// expect is nil when err says what it should.
func expect(err error, text string) error {
	switch {
	case err == nil:
		return fmt.Errorf("no error, want %q", text)
	case !strings.Contains(err.Error(), text):
		return fmt.Errorf("got %w, want %q", err, text)
	default:
		return nil
	}
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), text)
}

func (b *logBuffer) has(text string) error {
	if b.count(text) > 0 {
		return nil
	}
	return fmt.Errorf("%q is not in the log", text)
}

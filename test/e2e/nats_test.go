package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// startNATS starts a NATS server that syncs every write, as one would beside
// services of their own. More is added to its configuration.
func startNATS(t *testing.T, more string) (p *process, url string) {
	t.Helper()
	dir := t.TempDir()
	address, file := freeAddress(t), filepath.Join(dir, "nats.conf")
	content := fmt.Sprintf("listen: %q\njetstream {store_dir: %q, sync_interval: always}\n%s\n", address, filepath.Join(dir, "data"), more)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p = command{program: "nats-server", args: []string{"-c", file}}.start(t)
	p.line(`.* Server is ready`)
	return p, "nats://" + address
}

// bus looks at what the streams hold.
type bus struct {
	t    *testing.T
	js   jetstream.JetStream
	last string // what is not settled, to be shown if it never is
}

// lookAt connects to a NATS server. It follows when the server is restarted.
func lookAt(t *testing.T, url string) *bus {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	b := &bus{t: t, js: js}
	t.Cleanup(func() {
		if b.last != "" {
			t.Log(b.last)
		}
	})
	return b
}

// holds is how many messages are in a stream, or false when the bus is away.
func (b *bus) holds(stream string) (uint64, bool) {
	b.t.Helper()
	s, err := b.js.Stream(b.t.Context(), stream)
	if err != nil {
		return 0, false
	}
	return s.CachedInfo().State.Msgs, true
}

// settle waits until all that was accepted is delivered or dead. What transform
// takes from the first stream is in the second before it leaves the first.
func (b *bus) settle() {
	b.t.Helper()
	for _, queue := range []struct{ stream, consumer string }{
		{"drainline_raw_s0", "transform"}, {"drainline_events_splunk", "shipper"},
	} {
		eventually(b.t, queue.stream+" is empty", func() bool {
			n, ok := b.holds(queue.stream)
			if ok && n > 0 {
				b.last = b.describe(queue.stream, queue.consumer)
			}
			return ok && n == 0
		})
	}
	b.last = ""
}

// describe says how far a consumer has come.
func (b *bus) describe(stream, consumer string) string {
	ctx := b.t.Context()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return err.Error()
	}
	c, err := s.Consumer(ctx, consumer)
	if err != nil {
		return err.Error()
	}
	state, at := s.CachedInfo().State, c.CachedInfo()
	return fmt.Sprintf("%s holds %d messages from %d to %d; delivered %d, acknowledged to %d, %d pending, %d unacknowledged",
		stream, state.Msgs, state.FirstSeq, state.LastSeq, at.Delivered.Stream, at.AckFloor.Stream, at.NumPending, at.NumAckPending)
}

// dead counts the dead letters by stage and reason.
func (b *bus) dead() map[string]uint64 {
	b.t.Helper()
	const prefix = "drainline.dead."
	s, err := b.js.Stream(b.t.Context(), "drainline_dead")
	if err != nil {
		b.t.Fatal(err)
	}
	info, err := s.Info(b.t.Context(), jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		b.t.Fatal(err)
	}
	letters := map[string]uint64{}
	for subject, n := range info.State.Subjects {
		letters[strings.TrimPrefix(subject, prefix)] = n
	}
	return letters
}

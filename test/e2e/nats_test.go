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

	"github.com/drainline/drainline/test/internal/port"
)

// startNATS starts a NATS server that syncs every write, as one would beside
// services of their own. More is added to its configuration. What streams may hold
// by default is more than three quarters of a small machine's free disk, which is all
// that a server lets them reserve when it is told nothing.
func startNATS(t *testing.T, more string) (p *process, url string) {
	t.Helper()
	dir := t.TempDir()
	address, file := port.Free(t), filepath.Join(dir, "nats.conf")
	content := fmt.Sprintf("listen: %q\njetstream {store_dir: %q, max_file_store: 1TB, sync_interval: always}\n%s\n", address, filepath.Join(dir, "data"), more)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p = command{program: "nats-server", args: []string{"-c", file}}.start(t)
	p.line(`.* Server is ready`)
	return p, "nats://" + address
}

// bus looks at what is on its way.
type bus struct {
	t  *testing.T
	js jetstream.JetStream
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
	return &bus{t: t, js: js}
}

// settle waits until all that was accepted is delivered or dead: transform has
// published what it acknowledges, and the shipper has delivered it.
//
// It asks the consumers, because a work queue may go on holding a message that
// was acknowledged when its server was killed; a later restart removes it.
func (b *bus) settle() {
	b.t.Helper()
	for _, queue := range []struct{ stream, consumer string }{
		{"drainline_raw_s0", "transform"}, {"drainline_raw_o0", "transform"}, {"drainline_events_splunk", "shipper"},
	} {
		var info *jetstream.ConsumerInfo
		ok := false
		for deadline := time.Now().Add(patience); !ok && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			c, err := b.js.Consumer(b.t.Context(), queue.stream, queue.consumer)
			if err != nil {
				continue // the server is away
			}
			info = c.CachedInfo()
			ok = info.NumPending == 0 && info.NumAckPending == 0
		}
		if !ok {
			b.t.Fatalf("%s has not settled within %v: %+v", queue.stream, patience, info)
		}
	}
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

// Package bustest gives tests of services a real bus: an embedded server with
// the streams a configuration needs.
package bustest

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

// Patience is how long a test waits for what must happen, on a busy machine.
const Patience = 30 * time.Second

// Config loads a configuration from key=value pairs, with a destination
// "splunk" unless they name one.
func Config(t *testing.T, sets map[string]any) *config.Config {
	t.Helper()
	flags := map[string]any{
		"destinations.splunk.urls": "http://127.0.0.1:1", "destinations.splunk.token": "t",
		"ingest.logplex.listen": "127.0.0.1:0",
	}
	maps.Copy(flags, sets)
	c, err := config.Loader{Flags: flags}.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Bus is a running server.
type Bus struct {
	Server *natsd.Server
	Config *config.Config
	t      *testing.T
}

// Start starts a server with the streams of c, and stops it after the test.
func Start(t *testing.T, c *config.Config) *Bus {
	t.Helper()
	server, err := natsd.Start(t.Context(), natsd.Options{Dir: t.TempDir(), SyncAlways: true, Log: Log(t), MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	b := &Bus{Server: server, Config: c, t: t}
	if err := topology.New(c, server.Capacity()).Apply(t.Context(), b.Connect("test")); err != nil {
		t.Fatal(err)
	}
	return b
}

// Connect opens a connection of its own, closed after the test.
func (b *Bus) Connect(service string) *bus.Conn {
	b.t.Helper()
	c, err := bus.Connect(b.t.Context(), bus.Options{
		InProcess: b.Server, Name: service, Names: wire.Names{Prefix: b.Config.Bus.Prefix}, ConnectTimeout: Patience, Log: Log(b.t),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// Stream is a stream's state.
func (b *Bus) Stream(c *bus.Conn, name string) jetstream.StreamState {
	b.t.Helper()
	s, err := c.JetStream().Stream(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return s.CachedInfo().State
}

// AwaitMessages waits until a stream holds n messages.
func (b *Bus) AwaitMessages(c *bus.Conn, name string, n uint64) {
	b.t.Helper()
	Await(b.t, name+" does not come to hold what it should", func() bool { return b.Stream(c, name).Msgs == n })
}

// DeadLetters reads the dead letters that are stored.
func (b *Bus) DeadLetters(c *bus.Conn) []*drainlinev1.DeadBlock {
	b.t.Helper()
	var letters []*drainlinev1.DeadBlock
	err := c.Stored(b.t.Context(), c.Names().DeadStream(), time.Time{}, func(payload []byte) {
		message, err := wire.Open(nil, payload)
		if err != nil {
			b.t.Error(err)
			return
		}
		d := &drainlinev1.DeadBlock{}
		if err := proto.Unmarshal(message, d); err != nil {
			b.t.Error(err)
		}
		letters = append(letters, d)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return letters
}

// NewerSchema seals as a later version would: the envelope stays as it is.
func NewerSchema(message []byte) []byte {
	payload := wire.Seal(nil, message)
	payload[0] = wire.SchemaVersion + 1
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(payload[:1], table), table, payload[1+crc32.Size:])
	binary.BigEndian.PutUint32(payload[1:], sum)
	return payload
}

// Await polls until ok, and fails the test with problem when patience ends.
func Await(t *testing.T, problem string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(problem)
		}
	}
}

// Metrics makes a set of metrics.
func Metrics(t *testing.T) *telemetry.Metrics {
	t.Helper()
	m, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Log is a logger that writes to the test's output.
func Log(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

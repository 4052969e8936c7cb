package bus

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

const (
	// patience is how long a test waits for what must happen, on a busy machine.
	patience = 30 * time.Second
	// shortWait is an AckWait that a test can outlive.
	shortWait = 2 * time.Second
	rawStream = "t_raw_s0"
	durable   = "c"
)

var testNames = wire.Names{Prefix: "t"}

// testServer is a nats-server that can be stopped and started again on the same
// directory and port.
type testServer struct {
	t    *testing.T
	opts server.Options
	ns   *server.Server
	live atomic.Pointer[server.Server] // ns, for connections that follow a restart
}

func startServer(t *testing.T, change ...func(*server.Options)) *testServer {
	t.Helper()
	s := &testServer{t: t, opts: serverOptions(t.TempDir())}
	for _, c := range change {
		c(&s.opts)
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func serverOptions(dir string) server.Options {
	return server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: 1 << 40, JetStreamMaxMemory: 1 << 20,
	}
}

func (s *testServer) start() {
	s.t.Helper()
	opts := s.opts // the server writes into its options
	ns, err := server.NewServer(&opts)
	if err != nil {
		s.t.Fatal(err)
	}
	ns.Start()
	if !ns.ReadyForConnections(patience) {
		s.t.Fatal("the server does not start")
	}
	s.ns = ns
	s.live.Store(ns)
	_, port := s.hostPort()
	s.opts.Port = port
}

func (s *testServer) stop() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

func (s *testServer) hostPort() (string, int) {
	addr := s.ns.PortsInfo(patience).Nats[0]
	host, port, err := splitURL(addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return host, port
}

func (s *testServer) url() string { return s.ns.ClientURL() }

// admin is a connection that knows nothing of package bus.
func (s *testServer) admin(opts ...nats.Option) jetstream.JetStream {
	s.t.Helper()
	nc, err := nats.Connect(s.url(), append(opts, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

func dial(t *testing.T, url string) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), testOptions(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testOptions(url string) Options {
	return Options{URL: url, Name: "test", Names: testNames, ConnectTimeout: patience, Log: slog.New(slog.DiscardHandler)}
}

// rawConfig is a stream as package topology plans it.
func rawConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: rawStream, Subjects: []string{testNames.RawSubject("s0")}, Retention: jetstream.WorkQueuePolicy,
		Discard: jetstream.DiscardNew, MaxBytes: 1 << 30, Duplicates: wire.RawDedupWindow,
	}
}

func deadConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: testNames.DeadStream(), Subjects: []string{testNames.DeadSubjects()},
		Discard: jetstream.DiscardNew, MaxBytes: 1 << 30, Duplicates: wire.EventsDedupWindow,
	}
}

func suspectConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: testNames.SuspectStream(), Subjects: []string{testNames.SuspectSubjects()}, MaxMsgsPerSubject: 1, MaxBytes: 1 << 20,
	}
}

func consumerConfig(ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: MaxAckPending, MaxDeliver: -1,
	}
}

func createStreams(t *testing.T, js jetstream.JetStream, ackWait time.Duration, streams ...jetstream.StreamConfig) {
	t.Helper()
	for _, s := range streams {
		if _, err := js.CreateStream(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateConsumer(t.Context(), rawStream, consumerConfig(ackWait)); err != nil {
		t.Fatal(err)
	}
}

func streamState(t *testing.T, js jetstream.JetStream, name string) jetstream.StreamState {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State
}

func consumerInfo(t *testing.T, js jetstream.JetStream) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := js.Consumer(t.Context(), rawStream, durable)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// stored reads a whole stream, in order.
func stored(t *testing.T, js jetstream.JetStream, name string) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for next := uint64(1); ; {
		m, err := s.GetMsg(t.Context(), next, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
		next = m.Sequence + 1
	}
}

// blocks reads all the blocks of the raw stream and holds them to their limits.
func blocks(t *testing.T, js jetstream.JetStream) []*drainlinev1.RawBlock {
	t.Helper()
	messages := stored(t, js, rawStream)
	all := make([]*drainlinev1.RawBlock, 0, len(messages))
	for _, m := range messages {
		block := openBlock(t, m.Data)
		if got, want := m.Header.Get(wire.HeaderMsgID), wire.ToID(block.GetId()).String(); got != want {
			t.Errorf("message id %s of block %s", got, want)
		}
		all = append(all, block)
	}
	return all
}

func openBlock(t interface{ Fatal(args ...any) }, payload []byte) *drainlinev1.RawBlock {
	message, err := wire.Open(nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	block := &drainlinev1.RawBlock{}
	if err := proto.Unmarshal(message, block); err != nil {
		t.Fatal(err)
	}
	return block
}

// eventually waits for what must come true.
func eventually(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !isTrue() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// soon bounds a call that must return.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func numbered(n int) *drainlinev1.Request {
	id := wire.RequestID("test", "d.0", strconv.Itoa(n))
	return &drainlinev1.Request{Id: id[:], FrameId: strconv.Itoa(n), Body: []byte("66 <190>1 2026-11-23T00:00:00+00:00 host app web.1 - message " + strconv.Itoa(n))}
}

func frameIDs(all []*drainlinev1.RawBlock) []string {
	var ids []string
	for _, b := range all {
		for _, r := range b.GetRequests() {
			ids = append(ids, r.GetFrameId())
		}
	}
	return ids
}

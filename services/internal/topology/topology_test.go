package topology_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 30 * time.Second
	gib      = 1 << 30
)

// configured is a configuration with two shards and two destinations.
func configured() *config.Config {
	return &config.Config{
		Bus: config.Bus{
			Prefix: "p", Replicas: 1,
			Raw:  config.RawStream{Shards: 2},
			Dead: config.DeadStream{MaxAge: 14 * 24 * time.Hour},
		},
		Telemetry:    config.Telemetry{Ledger: config.Ledger{Keep: 400 * 24 * time.Hour}},
		Destinations: map[string]config.Destination{"splunk": {}, "archive": {}},
	}
}

// acknowledging is configured, with a token that promises acknowledgement.
func acknowledging() *config.Config {
	c := configured()
	c.Ingest.HEC.Tokens = map[string]config.Token{"plain": {}, "ack": {Ack: true}}
	c.Ingest.HEC.Acks.Channels = 1_000_000
	return c
}

// joining is configured, with a drain that joins lines.
func joining() *config.Config {
	c := configured()
	c.Drains = []config.Drain{{Token: "d.1"}, {Token: "d.2", Join: []string{"java"}}}
	return c
}

// start runs a server with room for a number of bytes and connects to it.
func start(t *testing.T, room int64) (*bus.Conn, jetstream.JetStream) {
	t.Helper()
	conn := connect(t, serve(t, room))
	return conn, conn.JetStream()
}

// serve runs a server with room for a number of bytes and returns its URL.
func serve(t *testing.T, room int64) string {
	t.Helper()
	return serveUsers(t, room)
}

// serveUsers runs a server as serve does, for these users alone if there are any.
func serveUsers(t *testing.T, room int64, users ...*server.User) string {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, Users: users,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: room, JetStreamMaxMemory: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	return ns.ClientURL()
}

func connect(t *testing.T, url string) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{
		URL: url, Name: "test", Names: wire.Names{Prefix: "p"}, ConnectTimeout: patience, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestNewSharesTheRoom(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	own := configured()
	own.Bus.Raw.MaxBytes, own.Bus.Dead.MaxBytes = 5*mib, 6*mib
	own.Destinations["splunk"] = config.Destination{MaxBytes: 7 * mib}
	tiny := configured()
	tiny.Bus.Raw.MaxBytes = mib
	plain := configured()
	plain.Ingest.HEC.Tokens = map[string]config.Token{"plain": {}}
	many, manyJoining := configured(), joining()
	many.Bus.Raw.OrderedShards, manyJoining.Bus.Raw.OrderedShards = 4, 4
	ownJoining, tinyJoining := joining(), joining()
	ownJoining.Bus.Raw.MaxBytes, tinyJoining.Bus.Raw.MaxBytes = 5*mib, mib
	tinyJoining.Bus.Raw.OrderedShards = 2
	few := acknowledging()
	few.Ingest.HEC.Acks.Channels = 100
	for _, c := range []struct {
		name     string
		config   *config.Config
		capacity int64
		want     map[string]int64
	}{
		{"embedded", configured(), 100 * gib, map[string]int64{
			"p_raw_s0": 10 * gib, "p_raw_s1": 10 * gib, "p_raw_o0": 2 * gib, "p_events_archive": 30 * gib, "p_events_splunk": 30 * gib,
			"p_dead": 5 * gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"external", configured(), 0, map[string]int64{
			"p_raw_s0": 2 * gib, "p_raw_s1": 2 * gib, "p_raw_o0": 4 * gib / 10, "p_events_archive": 16 * gib, "p_events_splunk": 16 * gib,
			"p_dead": gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"configured", own, 100 * gib, map[string]int64{
			"p_raw_s0": 5 * mib / 2, "p_raw_s1": 5 * mib / 2, "p_raw_o0": mib, "p_events_archive": 30 * gib, "p_events_splunk": 7 * mib,
			"p_dead": 6 * mib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"room for a message", tiny, 0, map[string]int64{
			"p_raw_s0": mib, "p_raw_s1": mib, "p_raw_o0": mib, "p_events_archive": 16 * gib, "p_events_splunk": 16 * gib,
			"p_dead": gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"joining", joining(), 100 * gib, map[string]int64{
			"p_raw_s0": 10 * gib, "p_raw_s1": 10 * gib, "p_raw_o0": 20 * gib, "p_events_archive": 30 * gib, "p_events_splunk": 30 * gib,
			"p_dead": 5 * gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"joining, external", joining(), 0, map[string]int64{
			"p_raw_s0": 2 * gib, "p_raw_s1": 2 * gib, "p_raw_o0": 4 * gib, "p_events_archive": 16 * gib, "p_events_splunk": 16 * gib,
			"p_dead": gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"joining, configured", ownJoining, 0, map[string]int64{
			"p_raw_s0": 5 * mib / 2, "p_raw_s1": 5 * mib / 2, "p_raw_o0": 5 * mib, "p_events_archive": 16 * gib, "p_events_splunk": 16 * gib,
			"p_dead": gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"joining, room for a message", tinyJoining, 0, map[string]int64{
			"p_raw_s0": mib, "p_raw_s1": mib, "p_raw_o0": mib, "p_raw_o1": mib, "p_events_archive": 16 * gib, "p_events_splunk": 16 * gib,
			"p_dead": gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"many ordered shards", many, 100 * gib, map[string]int64{
			"p_raw_s0": 10 * gib, "p_raw_s1": 10 * gib, "p_raw_o0": gib / 2, "p_raw_o1": gib / 2, "p_raw_o2": gib / 2, "p_raw_o3": gib / 2,
			"p_events_archive": 30 * gib, "p_events_splunk": 30 * gib, "p_dead": 5 * gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"many ordered shards, joining", manyJoining, 100 * gib, map[string]int64{
			"p_raw_s0": 10 * gib, "p_raw_s1": 10 * gib, "p_raw_o0": 5 * gib, "p_raw_o1": 5 * gib, "p_raw_o2": 5 * gib, "p_raw_o3": 5 * gib,
			"p_events_archive": 30 * gib, "p_events_splunk": 30 * gib, "p_dead": 5 * gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib,
		}},
		{"no acknowledgement", plain, 100 * mib, map[string]int64{
			"p_raw_s0": 10 * mib, "p_raw_s1": 10 * mib, "p_raw_o0": 2 * mib, "p_events_archive": 30 * mib, "p_events_splunk": 30 * mib,
			"p_dead": 5 * mib, "p_suspects": mib, "p_ledger": mib, "p_audit": mib,
		}},
		{"acknowledgement", acknowledging(), 1000 * mib, map[string]int64{
			"p_raw_s0": 100 * mib, "p_raw_s1": 100 * mib, "p_raw_o0": 20 * mib, "p_events_archive": 300 * mib, "p_events_splunk": 300 * mib,
			"p_dead": 50 * mib, "p_suspects": mib, "p_ledger": 10 * mib, "p_audit": 10 * mib, "p_acks": 10 * mib, "p_ackids": 50 * mib,
		}},
		{"acknowledgement, little room", acknowledging(), 40 * mib, map[string]int64{
			"p_raw_s0": 4 * mib, "p_raw_s1": 4 * mib, "p_raw_o0": mib, "p_events_archive": 12 * mib, "p_events_splunk": 12 * mib,
			"p_dead": 2 * mib, "p_suspects": mib, "p_ledger": mib, "p_audit": mib, "p_acks": mib, "p_ackids": 2 * mib,
		}},
		{"acknowledgement, few channels", few, 100 * gib, map[string]int64{
			"p_raw_s0": 10 * gib, "p_raw_s1": 10 * gib, "p_raw_o0": 2 * gib, "p_events_archive": 30 * gib, "p_events_splunk": 30 * gib,
			"p_dead": 5 * gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib, "p_acks": 128 * mib, "p_ackids": mib,
		}},
		{"acknowledgement, external", acknowledging(), 0, map[string]int64{
			"p_raw_s0": 2 * gib, "p_raw_s1": 2 * gib, "p_raw_o0": 4 * gib / 10, "p_events_archive": 16 * gib, "p_events_splunk": 16 * gib,
			"p_dead": gib, "p_suspects": mib, "p_ledger": 256 * mib, "p_audit": 16 * mib, "p_acks": 128 * mib, "p_ackids": 131_000_000,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := map[string]int64{}
			for _, s := range topology.New(c.config, c.capacity).Streams {
				got[s.Config.Name] = s.Config.MaxBytes
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// want is a stream and its consumer as the contract on the bus says.
type want struct {
	subject   string
	retention jetstream.RetentionPolicy
	discard   jetstream.DiscardPolicy
	maxAge    time.Duration
	window    time.Duration
	perStream int64
	consumer  string
}

var contract = map[string]want{
	"p_raw_s0":         {"p.raw.s0", jetstream.WorkQueuePolicy, jetstream.DiscardNew, 0, 2 * time.Minute, -1, "transform"},
	"p_raw_s1":         {"p.raw.s1", jetstream.WorkQueuePolicy, jetstream.DiscardNew, 0, 2 * time.Minute, -1, "transform"},
	"p_raw_o0":         {"p.raw.o0", jetstream.WorkQueuePolicy, jetstream.DiscardNew, 0, 2 * time.Minute, -1, "transform"},
	"p_events_archive": {"p.events.archive", jetstream.WorkQueuePolicy, jetstream.DiscardNew, 0, 30 * time.Minute, -1, "shipper"},
	"p_events_splunk":  {"p.events.splunk", jetstream.WorkQueuePolicy, jetstream.DiscardNew, 0, 30 * time.Minute, -1, "shipper"},
	"p_dead":           {"p.dead.>", jetstream.LimitsPolicy, jetstream.DiscardNew, 14 * 24 * time.Hour, 30 * time.Minute, -1, ""},
	"p_suspects":       {"p.suspects.>", jetstream.LimitsPolicy, jetstream.DiscardOld, 24 * time.Hour, 2 * time.Minute, 1, ""},
	"p_ledger":         {"p.ledger.>", jetstream.LimitsPolicy, jetstream.DiscardOld, 400 * 24 * time.Hour, 2 * time.Minute, 1, ""},
	"p_audit":          {"p.audit", jetstream.LimitsPolicy, jetstream.DiscardOld, 90 * 24 * time.Hour, 2 * time.Minute, -1, ""},
}

// ackContract is what acknowledgement adds.
var ackContract = map[string]want{
	"p_acks":   {"p.acks.>", jetstream.LimitsPolicy, jetstream.DiscardOld, 24 * time.Hour, 2 * time.Minute, -1, ""},
	"p_ackids": {"p.ackids.>", jetstream.LimitsPolicy, jetstream.DiscardOld, 7 * 24 * time.Hour, 2 * time.Minute, 1, ""},
}

func holdToContract(t *testing.T, js jetstream.JetStream, more ...map[string]want) {
	t.Helper()
	contract := maps.Clone(contract)
	for _, m := range more {
		maps.Copy(contract, m)
	}
	var names []string
	for name := range js.StreamNames(t.Context()).Name() {
		names = append(names, name)
	}
	if len(names) != len(contract) {
		t.Errorf("streams %v", names)
	}
	for name, w := range contract {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := s.CachedInfo().Config
		got := want{strings.Join(c.Subjects, " "), c.Retention, c.Discard, c.MaxAge, c.Duplicates, c.MaxMsgsPerSubject, ""}
		for consumer := range s.ConsumerNames(t.Context()).Name() {
			got.consumer += consumer
		}
		if diff := cmp.Diff(w, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if c.AllowMsgCounter != (name == "p_ackids") {
			t.Errorf("%s: counter %v", name, c.AllowMsgCounter)
		}
		if c.Storage != jetstream.FileStorage || c.Compression != jetstream.NoCompression || c.MaxMsgSize != wire.ServerPayload || c.MaxBytes <= 0 {
			t.Errorf("%s: %+v", name, c)
		}
		if w.consumer == "" {
			continue
		}
		k, err := s.Consumer(t.Context(), w.consumer)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		kc := k.CachedInfo().Config
		pending := 4096
		if strings.Contains(name, "_raw_o") {
			pending = 16384
		}
		if kc.AckPolicy != jetstream.AckExplicitPolicy || kc.AckWait != 30*time.Second || kc.MaxAckPending != pending || kc.MaxDeliver != -1 || kc.DeliverPolicy != jetstream.DeliverAllPolicy {
			t.Errorf("%s: %+v", name, kc)
		}
		if pinned := kc.PriorityPolicy == jetstream.PriorityPolicyPinned && slices.Equal(kc.PriorityGroups, []string{"ordered"}) &&
			kc.PinnedTTL == 5*time.Second; pinned != (name == "p_raw_o0") {
			t.Errorf("%s: %+v", name, kc)
		}
	}
}

func TestApplyCreatesAndUpdates(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	if err := topology.New(configured(), 10*gib).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	holdToContract(t, js)

	larger := topology.New(configured(), 20*gib)
	for range 2 { // the second time there is nothing to do
		if err := larger.Apply(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if differences, err := larger.Ensure(t.Context(), conn); err != nil || differences != nil {
			t.Errorf("after Apply: %v, %v", differences, err)
		}
	}
	holdToContract(t, js)
}

// Acknowledgement may be promised from one reload to the next, and counting goes
// on when the streams change.
func TestAckStreamsComeWithAReload(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	if err := topology.New(configured(), gib).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	channel := wire.ChannelID("ack", "c")
	var permanent *bus.PermanentError
	if _, err := conn.NextAckID(t.Context(), channel); !errors.As(err, &permanent) {
		t.Errorf("without its stream: %v", err)
	}
	for want := range uint64(3) {
		plan := topology.New(acknowledging(), gib*int64(want+1))
		if err := plan.Apply(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if differences, err := plan.Ensure(t.Context(), conn); err != nil || differences != nil {
			t.Errorf("after Apply: %v, %v", differences, err)
		}
		holdToContract(t, js, ackContract)
		if id, err := conn.NextAckID(t.Context(), channel); err != nil || id != want {
			t.Errorf("ackId %d, %v, want %d", id, err, want)
		}
		if err := conn.TellSettled(t.Context(), []wire.ID{channel}); err != nil {
			t.Error(err)
		}
	}
	holdings, err := topology.New(acknowledging(), gib).Holdings(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range holdings {
		if strings.HasPrefix(h.Name, "p_ack") || h.Messages > 0 {
			t.Errorf("%s holds no logs", h.Name)
		}
	}
	// Whoever does not promise it leaves what there is.
	if err := topology.New(configured(), gib).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	holdToContract(t, js, ackContract)
}

// The counters of as many channels as there may be have room, also on a small bus.
func TestCountersHaveRoom(t *testing.T) {
	t.Parallel()
	const channels = 15_000
	conn, js := start(t, 100<<20)
	c := acknowledging()
	c.Ingest.HEC.Acks.Channels = channels
	if err := topology.New(c, 100<<20).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	name := func(n int) wire.ID { return wire.ChannelID("ack", strconv.Itoa(n)) }
	count := func(n int, by string) {
		m := nats.NewMsg(conn.Names().AckIDSubject(name(n)))
		m.Header.Set("Nats-Incr", by)
		if _, err := js.PublishMsgAsync(m); err != nil {
			t.Fatal(err)
		}
	}
	count(0, "+100000000000000000") // for very long
	for n := range channels {
		count(n, "+1")
		if n%1000 > 0 && n < channels-1 {
			continue
		}
		select {
		case <-js.PublishAsyncComplete():
		case <-time.After(patience):
			t.Fatal("counting takes too long")
		}
	}
	if id, err := conn.NextAckID(t.Context(), name(0)); err != nil || id != 100_000_000_000_000_001 {
		t.Errorf("ackId %d, %v", id, err)
	}
	info, err := js.Stream(t.Context(), conn.Names().AckIDStream())
	if err != nil {
		t.Fatal(err)
	}
	if got := info.CachedInfo(); got.State.Msgs != channels || int64(got.State.Bytes) > got.Config.MaxBytes*9/10 {
		t.Errorf("%d counters take %d of %d bytes", got.State.Msgs, got.State.Bytes, got.Config.MaxBytes)
	}
}

// The first join of lines gives the ordered shards room, and the last takes it back.
func TestApplyGivesJoinsRoom(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	for _, c := range []struct {
		config *config.Config
		want   int64
	}{{configured(), 2 * gib}, {joining(), 20 * gib}, {configured(), 2 * gib}} {
		if err := topology.New(c.config, 100*gib).Apply(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		s, err := js.Stream(t.Context(), "p_raw_o0")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().Config.MaxBytes; got != c.want {
			t.Errorf("%d bytes, want %d", got, c.want)
		}
	}
}

// Neither what is stored, nor a stream that is not planned any more, is lost.
func TestApplyDeletesNothing(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	if err := topology.New(joining(), gib).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	const n, size = 30, 100 << 10
	for i := range n {
		for _, subject := range []string{"p.raw.s0", "p.raw.s1", "p.raw.o0", "p.events.archive", "p.dead.ingest." + strconv.Itoa(i)} {
			if _, err := js.Publish(t.Context(), subject, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	smaller := configured()
	smaller.Bus.Raw = config.RawStream{Shards: 1, MaxBytes: size}
	smaller.Bus.Dead.MaxBytes = size
	delete(smaller.Destinations, "archive")
	if err := topology.New(smaller, gib).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"p_raw_s0", "p_raw_s1", "p_raw_o0", "p_events_archive", "p_dead"} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().State.Msgs; got != n {
			t.Errorf("%s holds %d messages of %d", name, got, n)
		}
	}
}

func TestEnsureCreatesWhatIsMissing(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), gib)
	for _, remove := range []func() error{
		func() error { return nil }, // everything is missing
		func() error { return js.DeleteStream(t.Context(), "p_events_splunk") },
		func() error { return js.DeleteConsumer(t.Context(), "p_raw_s1", "transform") },
		func() error { return nil }, // nothing is missing
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if differences, err := plan.Ensure(t.Context(), conn); err != nil || differences != nil {
			t.Errorf("%v, %v", differences, err)
		}
		holdToContract(t, js)
	}
}

// Who may not create streams starts without the books when an admin has not made them yet,
// soon, and is told what is to be done; without a stream of events it does not.
func TestEnsureWithoutLeaveToCreate(t *testing.T) {
	t.Parallel()
	url := serveUsers(t, 1000*gib, &server.User{Username: "admin", Password: "p"}, &server.User{
		Username: "plain", Password: "p",
		Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.CREATE.>", "$JS.API.STREAM.UPDATE.>"}}},
	})
	as := func(user string) *bus.Conn {
		return connect(t, strings.Replace(url, "nats://", "nats://"+user+":p@", 1))
	}
	admin, plain := as("admin"), as("plain")
	plan := topology.New(acknowledging(), gib)
	if err := plan.Apply(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	names := plain.Names()
	optional := []string{names.LedgerStream(), names.AuditStream()}
	for _, name := range optional {
		if err := admin.JetStream().DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // as services do
	defer cancel()
	begun := time.Now()
	differences, err := plan.Ensure(ctx, plain)
	// An answer that is waited for takes all the time there is.
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("a denial was waited for %v", took)
	}
	if err != nil || len(differences) != len(optional) {
		t.Fatalf("%q, %v", differences, err)
	}
	const remedy = "is missing and may not be created by this user of NATS: run `drainline streams apply` as an admin"
	for i, name := range optional {
		if !strings.Contains(differences[i], name+" "+remedy) {
			t.Error(differences[i])
		}
	}
	if err := admin.JetStream().DeleteStream(t.Context(), names.DeadStream()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := plan.Ensure(ctx, plain); err == nil || !strings.Contains(err.Error(), names.DeadStream()+" "+remedy) {
		t.Error(err)
	}
	if err := plan.Apply(t.Context(), admin); err != nil { // as the sentence says
		t.Fatal(err)
	}
	if differences, err := plan.Ensure(t.Context(), plain); err != nil || differences != nil {
		t.Errorf("%q, %v", differences, err)
	}
}

// Services that start together find what another has made a moment ago, though the
// server, which counts its room once more, refuses to make it again.
func TestEnsureTogether(t *testing.T) {
	t.Parallel()
	c := configured()
	c.Bus.Raw = config.RawStream{Shards: 1, MaxBytes: 40 * gib}
	c.Destinations = map[string]config.Destination{"archive": {MaxBytes: 2 * gib}, "splunk": {MaxBytes: gib}}
	c.Bus.Dead.MaxBytes = gib / 2
	// Each stream of logs is larger than all behind it: once it is there, nowhere is room for two.
	plan := topology.New(c, 0)
	var room int64
	for _, s := range plan.Streams {
		room += s.Config.MaxBytes
	}
	for round := range 5 { // one alone may meet no such moment
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel()
			ensureTogether(t, plan, serve(t, room))
		})
	}
}

// ensureTogether makes sure of a plan from eight connections at the same time.
func ensureTogether(t *testing.T, plan topology.Plan, url string) {
	t.Helper()
	var running sync.WaitGroup
	begin := make(chan struct{})
	for range 8 {
		conn := connect(t, url)
		running.Go(func() {
			<-begin
			if differences, err := plan.Ensure(t.Context(), conn); err != nil || differences != nil {
				t.Errorf("%v, %v", differences, err)
			}
		})
	}
	close(begin)
	running.Wait()
}

// Who uses a server that is not ours learns that the first join of lines wants more room.
func TestEnsureSaysThatJoinsNeedRoom(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	if _, err := topology.New(configured(), 0).Ensure(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	plan := topology.New(joining(), 0)
	want := []string{"p_raw_o0: max_bytes is 429496729, the configuration says 4294967296"}
	if got, err := plan.Ensure(t.Context(), conn); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := js.UpdateStream(t.Context(), plan.Streams[2].Config); err != nil { // as the operator does
		t.Fatal(err)
	}
	if got, err := plan.Ensure(t.Context(), conn); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestEnsureSaysWhatDiffers(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), 10*gib)
	changed := map[string]jetstream.StreamConfig{
		"p_raw_s0": {
			Name: "p_raw_s0", Subjects: []string{"p.raw.other"}, Retention: jetstream.InterestPolicy, Discard: jetstream.DiscardOld,
			Storage: jetstream.MemoryStorage, MaxBytes: 1000, MaxMsgSize: 100, MaxAge: time.Hour, Duplicates: time.Minute, MaxMsgsPerSubject: 9,
		},
	}
	for _, c := range changed {
		if _, err := js.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateConsumer(t.Context(), "p_raw_s0", jetstream.ConsumerConfig{
		Durable: "transform", AckPolicy: jetstream.AckAllPolicy, AckWait: time.Second, MaxAckPending: 7, MaxDeliver: 3,
	}); err != nil {
		t.Fatal(err)
	}
	unpinned := plan.Streams[2] // of the first ordered shard
	if _, err := js.CreateStream(t.Context(), unpinned.Config); err != nil {
		t.Fatal(err)
	}
	plain := *plan.Streams[1].Consumer
	if _, err := js.CreateConsumer(t.Context(), unpinned.Config.Name, plain); err != nil {
		t.Fatal(err)
	}
	got, err := plan.Ensure(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"p_raw_s0: subjects is [p.raw.other], the configuration says [p.raw.s0]",
		"p_raw_s0: retention is Interest, the configuration says WorkQueue",
		"p_raw_s0: discard is DiscardOld, the configuration says DiscardNew",
		"p_raw_s0: storage is Memory, the configuration says File",
		"p_raw_s0: max_bytes is 1000, the configuration says 1073741824",
		"p_raw_s0: max_msg_size is 100, the configuration says 1048576",
		"p_raw_s0: max_msgs_per_subject is 9, the configuration says -1",
		"p_raw_s0: max_age is 1h0m0s, the configuration says 0s",
		"p_raw_s0: duplicate_window is 1m0s, the configuration says 2m0s",
		"p_raw_s0 consumer transform: ack_policy is AckAll, the configuration says AckExplicit",
		"p_raw_s0 consumer transform: ack_wait is 1s, the configuration says 30s",
		"p_raw_s0 consumer transform: max_ack_pending is 7, the configuration says 4096",
		"p_raw_s0 consumer transform: max_deliver is 3, the configuration says -1",
		"p_raw_o0 consumer transform: max_ack_pending is 4096, the configuration says 16384",
		"p_raw_o0 consumer transform: pinned_client is false, the configuration says true",
		"p_raw_o0 consumer transform: priority_groups is [], the configuration says [ordered]",
		"p_raw_o0 consumer transform: priority_timeout is 0s, the configuration says 5s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s, err := js.Stream(t.Context(), "p_raw_s0")
	if err != nil {
		t.Fatal(err)
	}
	if s.CachedInfo().Config.MaxBytes != 1000 {
		t.Error("Ensure changed what it only compares")
	}
}

// A durable that was not pinned can be from one moment to the next.
func TestApplyPins(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), 10*gib)
	before := topology.New(configured(), 10*gib)
	before.Streams[2].Consumer = before.Streams[1].Consumer
	for _, p := range []topology.Plan{before, plan} {
		if err := p.Apply(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	if differences, err := plan.Ensure(t.Context(), conn); err != nil || differences != nil {
		t.Errorf("%v, %v", differences, err)
	}
	holdToContract(t, js)
}

func TestNoRoomIsOneSentence(t *testing.T) {
	t.Parallel()
	conn, _ := start(t, gib)
	plan := topology.New(configured(), 0)
	const sentence = "stream p_raw_s0: the server has no room for 2147483648 bytes: lower its max_bytes or raise the server's storage limit"
	for what, do := range map[string]func() error{
		"apply":  func() error { return plan.Apply(t.Context(), conn) },
		"ensure": func() error { _, err := plan.Ensure(t.Context(), conn); return err },
	} {
		if err := do(); err == nil || !strings.HasPrefix(err.Error(), sentence) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestErrorsNameTheStream(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "p_raw_s0", Subjects: []string{"p.raw.s0"}}); err != nil {
		t.Fatal(err)
	}
	plan := topology.New(configured(), gib)
	if err := plan.Apply(t.Context(), conn); err == nil || !strings.HasPrefix(err.Error(), "stream p_raw_s0: ") {
		t.Errorf("a retention that cannot be changed: %v", err)
	}
	if _, err := plan.Holdings(t.Context(), conn); err == nil || !strings.HasPrefix(err.Error(), "stream p_raw_s1: ") {
		t.Errorf("a stream that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := plan.Ensure(ctx, conn); err == nil {
		t.Error("a context that has ended")
	}
}

func TestHoldings(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), 10*gib)
	if err := plan.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	for _, subject := range []string{"p.raw.s1", "p.raw.s1", "p.dead.ingest.full", "p.suspects.transform.x"} {
		if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Data: make([]byte, 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	holdings, err := plan.Holdings(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, h := range holdings {
		got[h.Name] = h.Messages
		if h.Messages > 0 && (h.Bytes < h.Messages*1000 || h.Oldest.Before(before)) || h.MaxBytes <= 0 {
			t.Errorf("%+v", h)
		}
	}
	want := map[string]uint64{"p_raw_s0": 0, "p_raw_s1": 2, "p_raw_o0": 0, "p_events_archive": 0, "p_events_splunk": 0, "p_dead": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

package shipper

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// patience is how long a test waits for what must happen, on a busy machine. It
// is below the bus's AckWait, so nothing that a test waits for is a redelivery.
const patience = 25 * time.Second

// capacity is what a test's streams may hold together, in bytes.
const capacity = 1 << 30

const token = "11111111-2222-3333-4444-555555555555"

// natsURL is the server that all tests share, each under a prefix of its own.
var natsURL string //nolint:gochecknoglobals // set once, by TestMain

var prefixes atomic.Int64 //nolint:gochecknoglobals // numbers the tests

func TestMain(m *testing.M) {
	// A test waits a second for its consumer's last pull request to end, and hardly
	// computes: one a core would make the package slow.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "shipper")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: 1 << 40, JetStreamMaxMemory: 1 << 20,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ns.Start()
	if !ns.ReadyForConnections(patience) {
		fmt.Fprintln(os.Stderr, "the NATS server does not start")
		return 1
	}
	natsURL = ns.ClientURL()
	code := m.Run()
	ns.Shutdown()
	ns.WaitForShutdown()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// fixture is a bus with a configuration's streams on it.
type fixture struct {
	t      *testing.T
	url    string // of its server
	config *config.Config
	conn   *bus.Conn
	log    *logbook
	// patience is how long await waits.
	patience time.Duration
	batches  int // published so far
	events   int // published so far
}

// setUp takes destinations whose missing settings are filled in with ones that
// suit a test.
func setUp(t *testing.T, destinations map[string]config.Destination) *fixture {
	t.Helper()
	return setUpOn(t, natsURL, destinations)
}

// setUpOn is setUp on a server of the test's own.
func setUpOn(t *testing.T, url string, destinations map[string]config.Destination) *fixture {
	t.Helper()
	f := &fixture{t: t, url: url, log: &logbook{}, patience: patience, config: &config.Config{Destinations: map[string]config.Destination{}}}
	f.config.Bus.Prefix = fmt.Sprintf("t%d", prefixes.Add(1))
	f.config.Bus.Raw.Shards = 1
	f.config.Bus.Dead.MaxAge = time.Hour
	for name, d := range destinations {
		f.config.Destinations[name] = filledIn(d)
	}
	f.conn = f.dial()
	if err := topology.New(f.config, capacity).Apply(t.Context(), f.conn); err != nil {
		t.Fatal(err)
	}
	return f
}

func filledIn(d config.Destination) config.Destination {
	set := func(have *time.Duration, otherwise time.Duration) {
		if *have == 0 {
			*have = otherwise
		}
	}
	set(&d.Timeout, patience)
	set(&d.Batch.Linger, 5*time.Millisecond)
	set(&d.Retry.Initial, time.Millisecond)
	set(&d.Retry.Max, 20*time.Millisecond)
	set(&d.AckTimeout, patience)
	if d.Token == "" {
		d.Token = token
	}
	if d.Batch.MaxBytes == 0 {
		d.Batch.MaxBytes = 1e6
	}
	if d.Batch.MaxEvents == 0 {
		d.Batch.MaxEvents = 10_000
	}
	if d.Concurrency.Max == 0 {
		d.Concurrency.Max = 4
	}
	return d
}

func (f *fixture) dial() *bus.Conn {
	f.t.Helper()
	conn, err := bus.Connect(f.t.Context(), bus.Options{
		URL: f.url, Name: "shipper", Names: wire.Names{Prefix: f.config.Bus.Prefix},
		ConnectTimeout: patience, Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(conn.Close)
	return conn
}

// running is a shipper that runs until stop.
type running struct {
	*Shipper

	run, stop func()
}

// start runs a shipper. It is stopped at the end of the test at the latest.
func (f *fixture) start() running {
	f.t.Helper()
	s := f.prepare()
	s.run()
	return s
}

// prepare makes a shipper that does not run yet.
func (f *fixture) prepare() running {
	f.t.Helper()
	metrics, err := telemetry.New()
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := New(Options{
		Config: f.config, Bus: f.conn, Metrics: metrics, Version: "1.2",
		Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("Run: %v", err)
		}
		if err := metrics.Close(context.Background()); err != nil {
			f.t.Error(err)
		}
	})
	return running{Shipper: s, stop: stop, run: func() {
		go func() { done <- s.Run(ctx) }()
		f.t.Cleanup(stop)
	}}
}

// publish stores one batch of events for a destination, numbered on from the last.
func (f *fixture) publish(destination string, events int, change ...func(n int, e *wire.Event)) {
	f.t.Helper()
	f.batches++
	b := wire.Batch{
		ID: wire.ID{byte(f.batches >> 8), byte(f.batches), 1}, Destination: destination,
		Origins: []wire.Origin{
			{DrainToken: "d.other", ReceivedNS: time.Now().UnixNano()},
			{DrainToken: "d.one", App: "shop", ReceivedNS: time.Now().UnixNano(), Traceparent: "00-a-b-01"},
		},
	}
	message := wire.AppendBatch(nil, &b)
	for range events {
		e := wire.Event{
			TimeNS: time.Now().UnixNano(), Host: "shop", Source: "web", Sourcetype: "heroku:app", Origin: 1,
			Text: fmt.Appendf(nil, "id=%d", f.events), Kind: "app",
		}
		for _, c := range change {
			c(f.events, &e)
		}
		message = wire.AppendEvent(message, &e)
		f.events++
	}
	f.publishPayload(destination, b.ID, wire.Seal(nil, message))
}

func (f *fixture) publishPayload(destination string, id wire.ID, payload []byte) {
	f.t.Helper()
	err := f.conn.Publish(f.t.Context(), bus.Msg{ID: id, Subject: f.conn.Names().EventsSubject(destination), Payload: payload})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) stream(name string) jetstream.StreamState {
	f.t.Helper()
	s, err := f.conn.JetStream().Stream(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.CachedInfo().State
}

// awaitAcked waits until the destination's stream holds nothing more.
func (f *fixture) awaitAcked(destination string) {
	f.t.Helper()
	name := f.conn.Names().EventsStream(destination)
	f.await("everything is acknowledged", func() bool { return f.stream(name).Msgs == 0 })
}

func (f *fixture) await(what string, is func() bool) {
	f.t.Helper()
	const often = 20 * time.Millisecond // most of it asks the server
	for deadline := time.Now().Add(f.patience); !is(); time.Sleep(often) {
		if time.Now().After(deadline) {
			f.t.Fatalf("timed out before %s; log:\n%s", what, f.log)
		}
	}
}

// letters reads the dead letters.
func (f *fixture) letters() []*drainlinev1.DeadBlock {
	f.t.Helper()
	var letters []*drainlinev1.DeadBlock
	err := f.conn.Stored(f.t.Context(), f.conn.Names().DeadStream(), time.Time{}, func(payload []byte) {
		message, err := wire.Open(nil, payload)
		if err != nil {
			f.t.Fatal(err)
		}
		letter := &drainlinev1.DeadBlock{}
		if err := proto.Unmarshal(message, letter); err != nil {
			f.t.Fatal(err)
		}
		letters = append(letters, letter)
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return letters
}

// collector is Splunk behind a server that notes what passes.
type collector struct {
	*splunk.Splunk

	url string

	mu      sync.Mutex
	bodies  []int // sizes of the requests, inflated
	zipped  int   // requests with gzip
	flying  int
	highest int // most requests at a time
}

func collect(t *testing.T, o splunk.Options) *collector {
	t.Helper()
	if o.Tokens == nil {
		o.Tokens = map[string]splunk.Token{token: {}}
	}
	o.KeepEvents = 100_000
	c := &collector{Splunk: splunk.New(o)}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.flying++
	c.highest = max(c.highest, c.flying)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.flying--
		c.mu.Unlock()
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	size, zipped := len(body), r.Header.Get("Content-Encoding") == "gzip"
	if zipped {
		if size, err = inflatedSize(body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	c.mu.Lock()
	c.bodies = append(c.bodies, size)
	if zipped {
		c.zipped++
	}
	c.mu.Unlock()
	c.Splunk.ServeHTTP(w, r)
}

func inflatedSize(body []byte) (int, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("gzip: %w", err)
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return 0, fmt.Errorf("gzip: %w", err)
	}
	return int(n), nil
}

// sizes are the number of events of each request that indexed some.
func (c *collector) sizes() []int {
	byRequest := map[int64]int{}
	for _, e := range c.Events() {
		byRequest[e.Request]++
	}
	sizes := make([]int, 0, len(byRequest))
	for _, n := range byRequest {
		sizes = append(sizes, n)
	}
	return sizes
}

func (c *collector) requests() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int(nil), c.bodies...)
}

// wantOnce fails unless events 0 to n-1, but for those missing, were indexed once.
func (c *collector) wantOnce(t *testing.T, n int, missing ...int) {
	t.Helper()
	for i := range n {
		want := 1
		for _, m := range missing {
			if i == m {
				want = 0
			}
		}
		if got := c.Ledger().Times(fmt.Sprint(i)); got != want {
			t.Errorf("event %d was indexed %d times, want %d", i, got, want)
			return
		}
	}
	if v := c.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// logbook keeps the log.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) count(text string) int { return strings.Count(l.String(), text) }

// shortly is time for what is refused at once.
func shortly(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), time.Second)
}

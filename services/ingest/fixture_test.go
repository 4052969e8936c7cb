package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

// atOnce is how many tests run side by side at least: most only wait.
const atOnce = 4

func TestMain(m *testing.M) {
	flag.Parse()
	if runtime.GOMAXPROCS(0) < atOnce {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	patience = 20 * time.Second
	secret   = "opensesame"
	// hold is shorter than the least time a request gets, which is what it gets then.
	hold = 100 * time.Millisecond
)

// nats starts a NATS server with JetStream on a port, -1 for any.
func nats(tb testing.TB, dir string, port int) *server.Server {
	tb.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, StoreDir: dir, JetStream: true, SyncAlways: true,
		NoSigs: true, NoLog: true, MaxPayload: 2 << 20,
		JetStreamMaxStore: 1 << 40, // told nothing it lets streams reserve three quarters of the free disk
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		tb.Fatal("NATS server does not start")
	}
	tb.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// connect joins a NATS server, with the streams that c plans.
func connect(tb testing.TB, s *server.Server, c *config.Config) *bus.Conn {
	tb.Helper()
	conn := connected(tb, s, c)
	if err := topology.New(c, 0).Apply(tb.Context(), conn); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// connected joins a NATS server with the streams that it has.
func connected(tb testing.TB, s *server.Server, c *config.Config) *bus.Conn {
	tb.Helper()
	conn, err := bus.Connect(tb.Context(), bus.Options{
		URL: s.ClientURL(), Name: "ingest", Names: wire.Names{Prefix: c.Bus.Prefix},
		ConnectTimeout: patience, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(conn.Close)
	return conn
}

func settings() *config.Config {
	return &config.Config{
		Bus: config.Bus{Prefix: "drainline", Replicas: 1, Raw: config.RawStream{Shards: 1}, Dead: config.DeadStream{MaxAge: time.Hour}},
		Ingest: config.Ingest{
			Hold:        hold,
			BehindProxy: true, // most tests want to be answered whatever happens
			Identity:    config.Identity{AppFrom: []string{"drain", "path", "query", "hostname", "credential", "token"}},
			Logplex: config.Logplex{
				Listen: "127.0.0.1:0", Paths: []string{"/logs", "/events", "/heroku/api/v1/drain"}, MaxBody: 8 << 20,
				Limits:      config.Limits{Connections: 1000, Requests: 1000, Header: 32 << 10, Compressed: 8 << 20, Upload: 20 * time.Second},
				QueryFields: []string{"app", "env"},
				Credentials: map[string]config.Credential{"team_a": {User: "shop", Secret: secret}},
			},
		},
	}
}

// instance is a running ingest.
type instance struct {
	*ingest.Ingest

	t    testing.TB
	addr string
	stop func() error // ends Run and returns what it returned
}

func open(tb testing.TB, o ingest.Options) *ingest.Ingest {
	tb.Helper()
	o.Metrics, o.Log = metrics(tb), slog.New(slog.DiscardHandler)
	i, err := ingest.New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

func metrics(tb testing.TB) *telemetry.Metrics {
	tb.Helper()
	m, err := telemetry.New()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func run(tb testing.TB, i *ingest.Ingest) *instance {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Error(err)
		}
	})
	u, err := url.Parse(i.DrainURL(true))
	if err != nil {
		tb.Fatal(err)
	}
	return &instance{Ingest: i, t: tb, addr: "127.0.0.1:" + u.Port(), stop: stop}
}

// start is an ingest on a NATS server of its own.
func start(tb testing.TB) (*instance, *bus.Conn) {
	tb.Helper()
	c := settings()
	conn := connect(tb, nats(tb, tb.TempDir(), -1), c)
	return run(tb, open(tb, ingest.Options{Config: c, Bus: conn})), conn
}

func basic(userinfo string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
}

// headers are Logplex's, with changes given as pairs of names and values; the
// value "-" leaves a header out.
func headers(changes ...string) http.Header {
	h := http.Header{
		"Authorization":       {basic("shop:" + secret)},
		"Content-Type":        {"application/logplex-1"},
		"Logplex-Msg-Count":   {"1"},
		"Logplex-Frame-Id":    {"adc10463-d0e2-45d8-8a48-572c607b7a66"},
		"Logplex-Drain-Token": {"d.73ea7440-270a-435a-a0ea-adf50b4e5f5a"},
		"User-Agent":          {"Logplex/v73"},
	}
	for ; len(changes) > 0; changes = changes[2:] {
		name := http.CanonicalHeaderKey(changes[0])
		if changes[1] == "-" {
			delete(h, name)
		} else {
			h[name] = []string{changes[1]}
		}
	}
	return h
}

// do makes one request on a connection of its own.
func (i *instance) do(method, path string, h http.Header, body io.Reader) (status int, text string, answer http.Header, err error) {
	i.t.Helper()
	conn, err := net.Dial("tcp", i.addr)
	if err != nil {
		return 0, "", nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, "", nil, err
	}
	req, err := http.NewRequestWithContext(i.t.Context(), method, "http://"+i.addr+path, body)
	if err != nil {
		return 0, "", nil, err
	}
	req.Header = h
	if _, ok := h["User-Agent"]; !ok {
		req.Header["User-Agent"] = []string{""} // or net/http sends its own
	}
	go func() { _ = req.Write(conn) }() // the answer may come before the end of the body
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if resp.ContentLength != int64(len(content)) && method != http.MethodHead {
		i.t.Errorf("%s %s: Content-Length %d of %d bytes", method, path, resp.ContentLength, len(content))
	}
	if len(resp.TransferEncoding) > 0 {
		i.t.Errorf("%s %s: transfer encoding %v", method, path, resp.TransferEncoding)
	}
	return resp.StatusCode, string(content), resp.Header, err
}

// post sends a body to /logs and returns the status.
func (i *instance) post(h http.Header, body []byte) int {
	i.t.Helper()
	status, _, _, err := i.do(http.MethodPost, "/logs", h, bytes.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	return status
}

// stored reads the requests back that are on the bus, in order.
func stored(tb testing.TB, conn *bus.Conn) []*drainlinev1.Request {
	tb.Helper()
	return storedIn(tb, conn, wire.Shard(0))
}

// storedIn reads those of one shard.
func storedIn(tb testing.TB, conn *bus.Conn, shard string) []*drainlinev1.Request {
	tb.Helper()
	var requests []*drainlinev1.Request
	err := conn.Stored(tb.Context(), conn.Names().RawStream(shard), time.Time{}, func(payload []byte) {
		message, err := wire.Open(nil, payload)
		if err != nil {
			tb.Fatal(err)
		}
		var block drainlinev1.RawBlock
		if err := proto.Unmarshal(message, &block); err != nil {
			tb.Fatal(err)
		}
		requests = append(requests, block.GetRequests()...)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return requests
}

// storedOf are the bodies of one drain that are on the bus.
func storedOf(tb testing.TB, conn *bus.Conn, drainToken string) []string {
	tb.Helper()
	var bodies []string
	for _, r := range stored(tb, conn) {
		if r.GetDrainToken() == drainToken {
			bodies = append(bodies, string(r.GetBody()))
		}
	}
	return bodies
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// line is one frame with that text.
func line(text string) []byte {
	at := time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC)
	return logplex.AppendFrame(nil, 190, at, "host", "app", "web.1", text)
}

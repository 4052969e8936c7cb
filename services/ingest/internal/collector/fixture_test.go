package collector_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/collector"
	"github.com/drainline/drainline/services/ingest/internal/door"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	plainToken = "11111111-1111-4111-8111-111111111111"
	ackToken   = "22222222-2222-4222-8222-222222222222"
	offToken   = "33333333-3333-4333-8333-333333333333"
	queryToken = "44444444-4444-4444-8444-444444444444"
	fullToken  = "55555555-5555-4555-8555-555555555555"
	awayToken  = "66666666-6666-4666-8666-666666666666"
	slowToken  = "77777777-7777-4777-8777-777777777777"
	channel    = "FE0ECFAD-13D5-401B-847D-77833BD77131"
)

func settings() collector.Settings {
	return collector.Settings{
		Hold: 10 * time.Second, MaxBody: 8 << 20, Compressed: 1 << 20, MaxEvent: 512 << 10, MaxEvents: 10_000, MaxDepth: 256,
		Requests: 100, Upload: 10 * time.Second,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Tokens: []collector.Token{
			{Name: "web", Secret: plainToken, Indexes: []string{"main"}},
			{Name: "sure", Secret: ackToken, Ack: true, Indexes: []string{"main"}},
			{Name: "off", Secret: offToken, Disabled: true, QueryAuth: true},
			{Name: "url", Secret: queryToken, QueryAuth: true},
			{
				Name: "full", Secret: fullToken, Index: "team", Indexes: []string{"main", "other"}, Source: "ts", Sourcetype: "tst", Host: "th",
				Fields: map[string]string{"team": `a "b"`, "env": "prod"}, SplitArrays: true,
			},
			{Name: "away", Secret: awayToken, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
			{Name: "slow", Secret: slowToken, Rate: config.Rate{Requests: 1}},
		},
	}
}

// recorder keeps what a door stores.
type recorder struct {
	mu      sync.Mutex
	parcels []*parcel.Parcel
	fails   error
	// until holds every parcel until it is closed; nil holds none.
	until chan struct{}
}

func (s *recorder) Store(ctx context.Context, p *parcel.Parcel) error {
	if s.until != nil {
		select {
		case <-s.until:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	kept := &parcel.Parcel{Shard: p.Shard, Repeatable: p.Repeatable}
	for _, part := range p.Parts {
		part.Request = proto.CloneOf(part.Request) // its body is borrowed
		kept.Parts = append(kept.Parts, part)
	}
	s.parcels = append(s.parcels, kept)
	return nil
}

// take returns what came since the last time.
func (s *recorder) take() []*parcel.Parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	parcels := s.parcels
	s.parcels = nil
	return parcels
}

// requests are those of all parts that came since the last time.
func (s *recorder) requests() []*drainlinev1.Request {
	var requests []*drainlinev1.Request
	for _, p := range s.take() {
		for _, part := range p.Parts {
			requests = append(requests, part.Request)
		}
	}
	return requests
}

// ledger numbers requests, and has all that was stored delivered.
type ledger struct {
	mu     sync.Mutex
	issued map[string]uint64
	told   map[string]bool
	fails  error
	// Requests that were not stored.
	withdrawn []*drainlinev1.Ack
}

// issuedNS is when the ledger gives its ids.
const issuedNS = 1_700_000_000_000_000_000

func (l *ledger) Issue(_ context.Context, token, channel string) (*drainlinev1.Ack, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, of := l.issued[token+channel], wire.ChannelID(token, channel)
	if l.fails != nil {
		return nil, l.fails
	}
	l.issued[token+channel]++
	return &drainlinev1.Ack{Channel: of[:], Id: id, IssuedNs: issuedNS}, nil
}

func (l *ledger) Withdraw(ack *drainlinev1.Ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.withdrawn = append(l.withdrawn, ack)
}

func (l *ledger) Query(_ context.Context, token, channel string, ids []uint64) (map[uint64]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := map[uint64]bool{}
	for _, id := range ids {
		key := token + channel + strconv.FormatUint(id, 10)
		if id < l.issued[token+channel] && !l.told[key] {
			known[id], l.told[key] = true, true
		}
	}
	return known, l.fails
}

// fixture is a door on a port.
type fixture struct {
	t      testing.TB
	door   *collector.Collector
	counts *collector.Counts
	store  *recorder
	acks   *ledger
	bodies *body.Reader
	log    *bytes.Buffer
	url    string
	// Why nothing can be stored, why nothing may be, and why it is time to go.
	trouble, health, stopping error
}

func start(tb testing.TB, s collector.Settings) *fixture {
	tb.Helper()
	metrics, err := telemetry.New()
	if err != nil {
		tb.Fatal(err)
	}
	f := &fixture{
		t: tb, counts: collector.NewCounts(metrics), store: &recorder{}, bodies: body.NewReader(32 << 20), log: &bytes.Buffer{},
		acks: &ledger{issued: map[string]uint64{}, told: map[string]bool{}},
	}
	log := slog.New(slog.NewTextHandler(f.log, nil))
	healthy := func() error { return f.health }
	f.door = collector.New(collector.Options{
		Store: f.store, Healthy: healthy, Trouble: func() error { return f.trouble },
		Stopping: func() error { return f.stopping }, Acks: f.acks, Bodies: f.bodies,
		Logplex: door.New(
			door.Options{Store: f.store, Healthy: healthy, Stopping: func() error { return f.stopping }, Counts: door.NewCounts(metrics), Log: log},
			door.Settings{
				Paths: []string{"/logs"}, Hold: s.Hold, MaxBody: 1 << 20, UnknownDrains: config.AcceptDrains,
				Limits: config.Limits{Requests: 100, Compressed: 1 << 20, Upload: time.Minute},
			},
		),
		Counts: f.counts, Log: log,
	}, s)
	server := httptest.NewServer(f.door)
	f.url = server.URL
	tb.Cleanup(server.Close)
	return f
}

// reply is an answer as a client gets it.
type reply struct {
	status int
	body   string
	header http.Header
}

// do makes a request on a connection of its own. Headers are pairs of names and
// values.
func (f *fixture) do(method, target string, content io.Reader, headers ...string) reply {
	f.t.Helper()
	r, err := f.send(method, target, content, headers...)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) send(method, target string, content io.Reader, headers ...string) (reply, error) {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), method, f.url+target, content)
	if err != nil {
		f.t.Fatal(err)
	}
	for ; len(headers) > 0; headers = headers[2:] {
		request.Header.Add(headers[0], headers[1])
	}
	conn, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return reply{}, err
	}
	go func() { _ = request.Write(conn) }() // the answer may come before the end of the body
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if len(response.TransferEncoding) > 0 || method != http.MethodHead && response.ContentLength != int64(len(got)) {
		f.t.Errorf("%s %s: Content-Length %d of %d bytes, transfer encoding %v",
			method, target, response.ContentLength, len(got), response.TransferEncoding)
	}
	return reply{response.StatusCode, string(got), response.Header}, err
}

// post sends a body with a token.
func (f *fixture) post(target, token, content string, headers ...string) reply {
	f.t.Helper()
	return f.do(http.MethodPost, target, strings.NewReader(content), append(headers, "Authorization", "Splunk "+token)...)
}

func (f *fixture) want(what string, got reply, status int, content string) {
	f.t.Helper()
	if got.status != status || got.body != content {
		f.t.Errorf("%s: %d %s, want %d %s", what, got.status, got.body, status, content)
	}
}

const (
	success = `{"text":"Success","code":0}`
	busy    = `{"text":"Server is busy","code":9}`
	noData  = `{"text":"No data","code":5}`
	lost    = `{"text":"The requested URL was not found on this server.","code":404}`
)

func invalid(event string) string {
	return `{"text":"Invalid data format","code":6,"invalid-event-number":` + event + `}`
}

var errDown = errors.New("the bus is down")

func basic(userinfo string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
}

func zipped(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// waitFor polls.
func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not in time: %s", what)
		}
	}
}

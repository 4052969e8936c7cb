package ack_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/drainline/drainline/services/shipper/internal/ack"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is an indexer with its table of acknowledgements, behind real HTTP.
// Requests have numbers of the test's own.
type collector struct {
	// indexing is how long a request takes to be indexed; never, if negative.
	indexing func(n int) time.Duration
	// spoil may answer the ask-th question (from 0) with something else than the
	// whole answer, and reports whether it has. The statuses are told by then.
	spoil func(ask int, w http.ResponseWriter, whole []byte) bool

	mu       sync.Mutex
	channels map[string]map[int64]request
	next     map[string]int64
	told     map[int]bool // of requests that were reported in a whole answer
	asks     []question
	asked    int
	open     int
	mostOpen int
}

type request struct {
	n  int
	at time.Time // when it is indexed; zero is never
}

type question struct {
	at  time.Time
	ids []int64
}

func (c *collector) begin() {
	c.channels, c.next, c.told = map[string]map[int64]request{}, map[string]int64{}, map[int]bool{}
}

// accept is what /services/collector/event does.
func (c *collector) accept(channel string, n int) (ackID int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ackID = c.next[channel]
	c.next[channel]++
	if c.channels[channel] == nil {
		c.channels[channel] = map[int64]request{}
	}
	r := request{n: n}
	if takes := c.indexing(n); takes >= 0 {
		r.at = time.Now().Add(takes)
	}
	c.channels[channel][ackID] = r
	return ackID
}

// restart forgets every channel.
func (c *collector) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.channels)
	clear(c.next)
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	channel := cmp.Or(r.URL.Query().Get("channel"), r.Header.Get("X-Splunk-Request-Channel"))
	if strings.HasSuffix(r.URL.Path, "/event") {
		var n int
		_, _ = fmt.Fscanf(r.Body, `{"event":%d}`, &n)
		fmt.Fprintf(w, `{"text":"Success","code":0,"ackId":%d}`, c.accept(channel, n))
		return
	}
	var body struct {
		Acks []int64 `json:"acks"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	whole, reported, number := c.report(channel, body.Acks)
	if c.spoil == nil || !c.spoil(number, w, whole) {
		c.mu.Lock()
		for _, n := range reported {
			c.told[n] = true
		}
		c.mu.Unlock()
		_, _ = w.Write(whole)
	}
	c.mu.Lock()
	c.open--
	c.mu.Unlock()
}

// report says true once.
func (c *collector) report(channel string, ids []int64) (answer []byte, reported []int, ask int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ask = c.asked
	c.asked++
	c.asks = append(c.asks, question{time.Now(), ids})
	c.open++
	c.mostOpen = max(c.mostOpen, c.open)
	acks := map[string]bool{}
	for _, id := range ids {
		r, known := c.channels[channel][id]
		indexed := known && !r.at.IsZero() && !r.at.After(time.Now())
		acks[strconv.FormatInt(id, 10)] = indexed
		if indexed {
			delete(c.channels[channel], id)
			reported = append(reported, r.n)
		}
	}
	return encode("acks", acks), reported, ask
}

func encode[T any](key string, value T) []byte {
	text, err := json.Marshal(map[string]T{key: value})
	if err != nil {
		panic(err)
	}
	return text
}

// questions are those since the last call, and how many were open at a time.
func (c *collector) questions() (asks []question, atOnce int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	asks, c.asks = c.asks, nil
	return asks, c.mostOpen
}

// recount gives the ackIds of a channel again, whose table is kept.
func (c *collector) recount(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.next, channel)
}

// asked is when the questions were, in milliseconds since.
func asked(questions []question, since time.Time) []int {
	var at []int
	for _, q := range questions {
		at = append(at, int(q.at.Sub(since).Milliseconds()))
	}
	return at
}

// session is a channel of a client that does what the shipper's client does.
type session struct {
	channel  string
	client   *http.Client
	turn     chan struct{} // there is one connection, so requests and questions take turns
	last     int64         // ackId
	confused atomic.Bool
	retired  atomic.Bool
	closed   atomic.Bool
}

func (s *session) send(t *testing.T, n int) int64 {
	t.Helper()
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	_, body, err := s.post(t.Context(), "event?channel="+s.channel, encode("event", n))
	var answer map[string]any
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	given, ok := answer["ackId"].(float64)
	if err != nil || !ok {
		t.Errorf("%v: %s", err, body)
	}
	id := int64(given)
	if id <= s.last {
		s.confused.Store(true)
	}
	s.last = id
	return id
}

func (s *session) post(ctx context.Context, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://collector/services/collector/"+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

func (s *session) Ask(ctx context.Context, ids []int64) ([]int64, error) {
	s.closed.Store(false)
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	status, text, err := s.post(ctx, "ack?channel="+s.channel, encode("acks", ids))
	if err != nil {
		return nil, &endpoint.RetryError{Err: err}
	}
	var answer struct {
		Code int             `json:"code"`
		Acks map[string]bool `json:"acks"`
	}
	err = json.Unmarshal(text, &answer)
	switch {
	case status == http.StatusBadRequest && answer.Code == 14:
		return nil, &endpoint.HoldError{Err: errors.New("ACK is disabled")}
	case status == http.StatusTooManyRequests:
		return nil, &endpoint.RetryError{After: time.Hour, Err: errors.New("later")}
	case status != http.StatusOK || err != nil || answer.Acks == nil:
		return nil, &endpoint.RetryError{Err: fmt.Errorf("status %d: %s", status, text)}
	}
	var acked []int64
	for id, indexed := range answer.Acks {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && indexed {
			acked = append(acked, n)
		}
	}
	return acked, nil
}

func (s *session) Confused() bool { return s.confused.Load() }
func (s *session) Retire()        { s.retired.Store(true) }
func (s *session) Close()         { s.closed.Store(true) }

// pipes is a network in memory: what waits for it lets the clock of synctest go on.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "collector"} }
func (p *pipes) Close() error   { close(p.closed); return nil }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fixture is a tracker, a collector and what has become of each item.
type fixture struct {
	t         *testing.T
	began     time.Time
	collector *collector
	client    *http.Client
	log       log
	*ack.Tracker[int]

	mu    sync.Mutex
	acked map[int]time.Duration // since the start
	lost  map[int]error
	twice []int
}

const timeout = 5 * time.Minute

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text []byte
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line...)
	return len(line), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// bubble runs a test on a clock of its own.
func bubble(t *testing.T, c *collector, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c.begin()
		network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: c, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(network) })
		transport := &http.Transport{DialContext: network.dial}
		f := &fixture{
			t: t, began: time.Now(), collector: c, client: &http.Client{Transport: transport},
			acked: map[int]time.Duration{}, lost: map[int]error{},
		}
		f.Tracker = ack.New(ack.Options[int]{
			Acked: func(n int) { f.settle(n, func() { f.acked[n] = time.Since(f.began) }) },
			Lost:  func(n int, why error) { f.settle(n, func() { f.lost[n] = why }) },
			Log:   slog.New(slog.NewTextHandler(&f.log, nil)),
		})
		f.SetTimeout(timeout)
		defer serving.Wait()
		defer server.Close()
		defer transport.CloseIdleConnections()
		defer f.end()
		test(f)
	})
}

// end looks at what always holds, whatever the test was.
func (f *fixture) end() {
	f.t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	f.Drain(ended)
	f.check()
}

func (f *fixture) settle(n int, note func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, acked := f.acked[n]
	_, lost := f.lost[n]
	if acked || lost {
		f.twice = append(f.twice, n)
	}
	note()
}

// check looks at what always holds.
func (f *fixture) check() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.twice) > 0 {
		f.t.Errorf("settled twice: %v", f.twice)
	}
	f.collector.mu.Lock()
	defer f.collector.mu.Unlock()
	for n := range f.acked {
		if !f.collector.told[n] {
			f.t.Errorf("request %d was never acknowledged", n)
		}
	}
	if n := f.Pending(); n != 0 {
		f.t.Errorf("%d pending", n)
	}
}

func (f *fixture) session(channel string) *session {
	return &session{channel: channel, client: f.client, turn: make(chan struct{}, 1), last: -1}
}

// send sends requests on a session and tracks them.
func (f *fixture) send(s *session, requests ...int) {
	f.t.Helper()
	for _, n := range requests {
		f.Track(s, s.send(f.t, n), n)
	}
}

// settled is how many items are acknowledged and lost, and for what reasons.
func (f *fixture) settled() (acked, lost int, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reasons := map[string]bool{}
	for _, err := range f.lost {
		reasons[err.Error()] = true
	}
	return len(f.acked), len(f.lost), strings.Join(slices.Sorted(maps.Keys(reasons)), "; ")
}

// wait lets time pass.
func (f *fixture) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// count is the numbers from, up to and without to.
func count(from, to int) []int {
	var all []int
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

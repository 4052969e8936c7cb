package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

type collectorOptions struct {
	tokens []string // empty is any
	mute   bool     // gives no ackIds
	cookie string   // set with each answer
}

// collector is an indexer that acknowledges.
type collector struct {
	collectorOptions

	url string

	mu        sync.Mutex
	next      map[string]int64 // ackIds, by channel
	seen      []visit
	open      map[net.Conn]bool
	intercept func(w http.ResponseWriter, r *http.Request) bool
}

// visit is one request, as a collector sees it.
type visit struct{ path, channel, token, peer, cookie, body string }

func newCollector(t *testing.T, o collectorOptions) *collector {
	t.Helper()
	c := &collector{collectorOptions: o, next: map[string]int64{}, open: map[net.Conn]bool{}}
	s := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	s.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch state {
		case http.StateNew:
			c.open[conn] = true
		case http.StateClosed:
			delete(c.open, conn)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Splunk ")
	channel := r.Header.Get("X-Splunk-Request-Channel")
	c.mu.Lock()
	c.seen = append(c.seen, visit{
		strings.TrimPrefix(r.URL.RequestURI(), "/services/collector/"), channel, token, r.RemoteAddr, r.Header.Get("Cookie"), string(body),
	})
	intercept := c.intercept
	c.mu.Unlock()
	if intercept != nil && intercept(w, r) {
		return
	}
	if c.cookie != "" {
		http.SetCookie(w, &http.Cookie{Name: "AWSALB", Value: c.cookie, Path: "/"})
	}
	switch {
	case len(c.tokens) > 0 && !slices.Contains(c.tokens, token):
		answer(w, hec.InvalidToken)
	case strings.HasSuffix(r.URL.Path, "/ack"):
		c.acks(w, body)
	case c.mute:
		answer(w, hec.Success)
	default:
		a := hec.NewAnswer(hec.Success)
		a.AckID = c.ackID(channel)
		_, _ = w.Write(hec.AppendAnswer(nil, a))
	}
}

// acks acknowledges what is even.
func (c *collector) acks(w http.ResponseWriter, body []byte) {
	const most = 1000
	ids, refused := hec.ParseAckQuery(body, most)
	if refused != nil {
		answer(w, refused.Code)
		return
	}
	acked := make([]bool, len(ids))
	for i, id := range ids {
		acked[i] = id%2 == 0
	}
	_, _ = w.Write(hec.AppendAcks(nil, ids, acked))
}

func (c *collector) ackID(channel string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.next[channel]
	c.next[channel]++
	return id
}

// restart forgets all ackIds.
func (c *collector) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.next)
}

func (c *collector) meanwhile(intercept func(w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.intercept = intercept
}

// visits are those since the last call.
func (c *collector) visits() []visit {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}

func (c *collector) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func ackClient(t *testing.T, mode string, urls ...string) *Client {
	t.Helper()
	return client(t, func(d *config.Destination) { d.Ack = mode }, urls...)
}

// send sends a request that has to be taken.
func send(t *testing.T, c *Client, r *Request) Receipt {
	t.Helper()
	receipt, err := c.Send(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

var guid = regexp.MustCompile(`^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`)

func TestSessionIsUsedAgain(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{cookie: "one"})
	c := ackClient(t, config.AckAuto, x.url)
	first := send(t, c, events())
	second := send(t, c, &Request{Raw: true, Query: "index=main", Body: []byte("line"), Gzip: true})
	if first.Session == nil || first.Session != second.Session || first.Answer.AckID != 0 || second.Answer.AckID != 1 {
		t.Fatalf("%+v, %+v", first, second)
	}
	s := first.Session
	if !guid.MatchString(channelOf(s)) || s.base != x.url || s.Confused() {
		t.Errorf("%s, %s", channelOf(s), s.base)
	}
	acked, err := s.Ask(t.Context(), []int64{2, 1, 0})
	if err != nil || !slices.Equal(acked, []int64{0, 2}) {
		t.Errorf("%v, %v", acked, err)
	}
	v := x.visits()
	if v[0].path != "event" || v[1].path != "raw?index=main" || v[2].path != "ack?channel="+channelOf(s) || v[2].body != `{"acks":[2,1,0]}` {
		t.Errorf("%+v", v)
	}
	for i, visit := range v {
		wantCookie := "AWSALB=one"
		if i == 0 {
			wantCookie = ""
		}
		if visit.peer != v[0].peer || visit.channel != channelOf(s) || visit.token != "secret" || visit.cookie != wantCookie {
			t.Errorf("%d: %+v", i, visit)
		}
	}
}

func channelOf(s *Session) string { return s.headers.query().Get("X-Splunk-Request-Channel") }

// Requests at the same time are on different channels and connections.
func TestSessionsAtOnce(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	c := ackClient(t, config.AckOn, x.url)
	var (
		mu  sync.Mutex
		got = map[string]bool{}
		all sync.WaitGroup
	)
	const requests = 4
	came := make(chan struct{}, requests)
	open := make(chan struct{})
	x.meanwhile(func(http.ResponseWriter, *http.Request) bool {
		came <- struct{}{}
		<-open
		return false
	})
	for range requests {
		all.Go(func() {
			receipt, err := c.Send(t.Context(), events())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprint(channelOf(receipt.Session), receipt.Answer.AckID)] = true
		})
	}
	for range requests {
		<-came
	}
	close(open)
	all.Wait()
	peers := map[string]bool{}
	for _, v := range x.visits() {
		peers[v.peer] = true
	}
	if len(got) != requests || len(peers) != requests {
		t.Errorf("%d channels over %d connections", len(got), len(peers))
	}
	if n := len(c.balancer.targets[0].sessions.idle); n != 2 {
		t.Errorf("%d idle sessions are kept, more than may be in flight", n)
	}
}

func TestSessionForEachToken(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	c := ackClient(t, config.AckAuto, x.url)
	own := send(t, c, events()).Session
	other := send(t, c, &Request{Body: []byte("{}"), Token: "other"}).Session
	if own == other || send(t, c, events()).Session != own || send(t, c, &Request{Body: []byte("{}"), Token: "other"}).Session != other {
		t.Error("sessions are shared by tokens, or not used again")
	}
	if _, err := other.Ask(t.Context(), []int64{0}); err != nil {
		t.Error(err)
	}
	v := x.visits()
	if last := v[len(v)-1]; last.token != "other" || last.channel != channelOf(other) || last.peer != v[1].peer {
		t.Errorf("%+v", last)
	}
	x.meanwhile(func(w http.ResponseWriter, _ *http.Request) bool { answer(w, hec.InvalidToken); return true })
	for s, want := range map[*Session]string{own: "check the destination's token", other: "check the token that the rule has chosen"} {
		if _, err := s.Ask(t.Context(), []int64{0}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestTokenWithoutAcknowledgement(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{mute: true})
	auto := ackClient(t, config.AckAuto, x.url)
	for range 3 {
		if receipt := send(t, auto, events()); receipt.Session != nil {
			t.Error("a session where nothing is acknowledged")
		}
	}
	if v := x.visits(); v[0].channel != v[2].channel || v[0].peer != v[2].peer {
		t.Errorf("%+v", v)
	}
	on := ackClient(t, config.AckOn, x.url)
	if _, err := on.Send(t.Context(), events()); policy(err) != "hold, taken: every" {
		t.Errorf("on: %s: %v", policy(err), err)
	}
	off := ackClient(t, config.AckOff, newCollector(t, collectorOptions{}).url)
	if receipt := send(t, off, events()); receipt.Session != nil || receipt.Answer.AckID != 0 {
		t.Errorf("off: %+v", receipt)
	}
}

// After a restart, or behind a load balancer that is not sticky, ackIds begin anew. Then
// each request has its own channel, for ten minutes.
func TestSessionConfused(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	var log bytes.Buffer
	c := clientWithLog(t, slog.New(slog.NewTextHandler(&log, nil)), func(d *config.Destination) { d.Ack = config.AckAuto }, x.url)
	now := newClock()
	c.now = now.time
	first := send(t, c, events()).Session
	send(t, c, events())
	x.restart()
	if again := send(t, c, events()).Session; again != first || !first.Confused() {
		t.Fatal("nobody has noticed")
	}
	seen := map[string]bool{channelOf(first): true}
	for range 5 {
		now.add(100 * time.Second)
		receipt := send(t, c, events())
		if receipt.Session.Confused() || seen[channelOf(receipt.Session)] || receipt.Answer.AckID != 0 {
			t.Errorf("%s of %v", channelOf(receipt.Session), seen)
		}
		seen[channelOf(receipt.Session)] = true
	}
	if _, err := first.Ask(t.Context(), []int64{0}); err != nil {
		t.Errorf("what is pending can be asked for: %v", err)
	}
	now.add(101 * time.Second)
	shared := send(t, c, events()).Session
	if send(t, c, events()).Session != shared {
		t.Error("sessions are not shared after ten minutes")
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "enable stickiness by cookie") {
		t.Errorf("log: %s", said)
	}
}

func TestSessionRetires(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	c := ackClient(t, config.AckAuto, x.url)
	now := newClock()
	c.now = now.time
	old := send(t, c, events()).Session
	f := func(why string, want bool) {
		t.Helper()
		s := send(t, c, events()).Session
		if (s != old) != want {
			t.Errorf("%s: another session: %v, want %v", why, s != old, want)
		}
		if _, err := old.Ask(t.Context(), []int64{0}); err != nil {
			t.Errorf("%s: what is pending can be asked for: %v", why, err)
		}
		old = s
	}
	meet := func(after time.Duration, h http.HandlerFunc) {
		t.Helper()
		now.add(after)
		x.meanwhile(func(w http.ResponseWriter, r *http.Request) bool { h(w, r); return true })
		if _, err := c.Send(t.Context(), events()); policy(err) == "delivered" {
			t.Error("delivered")
		}
		x.meanwhile(nil)
	}
	f("nothing", false)
	meet(0, always(hec.InvalidDataFormat))
	f("a refusal", false)
	meet(0, always(hec.ServerBusy))
	f("503", true)
	meet(9*time.Second, always(hec.ServerBusy))
	f("503 soon after", false)
	meet(0, always(hec.AckFull))
	f("full channel", true)
	meet(0, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	f("reset", true)
	now.add(3*time.Minute + 30*time.Second)
	f("young", false)
	now.add(3 * time.Minute)
	f("old", true)
	old.Retire()
	f("retired by its user", true)
	c.Close()
	f("closed client", true)
	f("closed client still", true)
}

// The ordinary restart of an indexer takes its connections along, and confuses nobody.
func TestSessionAfterConnection(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	c := ackClient(t, config.AckAuto, x.url)
	first := send(t, c, events()).Session
	x.meanwhile(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Connection", "close")
		return false
	})
	send(t, c, events())
	x.restart()
	x.meanwhile(nil)
	receipt := send(t, c, events())
	if receipt.Session == first || receipt.Answer.AckID != 0 || first.Confused() || receipt.Session.Confused() {
		t.Errorf("%+v", receipt)
	}
	if send(t, c, events()).Session != receipt.Session {
		t.Error("the new session is not used again")
	}
	x.visits()
	if _, err := first.Ask(t.Context(), []int64{0, 1}); err != nil {
		t.Errorf("a question needs no certain connection: %v", err)
	}
	if v := x.visits(); v[0].channel != channelOf(first) {
		t.Errorf("%+v", v)
	}
}

// A session keeps its connection as long as something may be asked for on it.
func TestSessionLetsGo(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	c := ackClient(t, config.AckAuto, x.url)
	s := send(t, c, events()).Session
	c.Close()
	if acked, err := s.Ask(t.Context(), []int64{0}); err != nil || len(acked) != 1 {
		t.Error(acked, err)
	}
	if v := x.visits(); len(v) != 2 || v[0].peer != v[1].peer {
		t.Errorf("another connection: %+v", v)
	}
	s.Close()
	s.Close()
	poll(t, "its connection is closed", func() bool { return x.connections() == 0 })
	if _, err := s.Ask(t.Context(), []int64{0}); err != nil {
		t.Error(err)
	}
	poll(t, "that of a late question is closed", func() bool { return x.connections() == 0 })

	c = ackClient(t, config.AckAuto, x.url)
	s = send(t, c, events()).Session
	s.Close()
	if again := send(t, c, events()).Session; again != s || x.connections() != 1 {
		t.Error("a session on which nothing is pending is used again")
	}
	s.Retire()
	s.Close()
	poll(t, "its connection is closed", func() bool { return x.connections() == 0 })
}

func TestAsk(t *testing.T) {
	t.Parallel()
	x := newCollector(t, collectorOptions{})
	c := client(t, func(d *config.Destination) { d.Ack, d.Timeout = config.AckOn, 300*time.Millisecond }, x.url)
	s := send(t, c, events()).Session
	f := func(name, want string, h http.HandlerFunc) {
		t.Helper()
		x.meanwhile(func(w http.ResponseWriter, r *http.Request) bool { h(w, r); return true })
		acked, err := s.Ask(t.Context(), []int64{7, 0, 3})
		got := policy(err)
		if err == nil {
			got = fmt.Sprint(acked)
		} else if acked != nil {
			t.Errorf("%s: %v beside an error", name, acked)
		}
		if got != want {
			t.Errorf("%s: %s, want %s: %v", name, got, want, err)
		}
	}
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	f("all", "[0 3 7]", says(200, `{"acks":{"0":true,"3":true,"7":true}}`))
	f("some", "[3]", says(200, `{"acks":{"0":false,"3":true,"7":false}}`))
	f("none", "[]", says(200, `{"acks":{"0":false,"3":false,"7":false}}`))
	f("not all answered", "[0]", says(200, `{"acks":{"0":true}}`))
	f("nobody asked", "[0]", says(200, `{"acks":{"0":true,"1":true,"9":true}}`))
	f("no answer in it", "retry", says(200, `{}`))
	f("success of another endpoint", "retry", says(200, code(0)))
	f("empty", "retry", says(200, ``))
	f("HTML", "retry", says(200, html))
	f("truncated", "retry", says(200, `{"acks":{"0":true,"3":tr`))
	f("huge", "retry", says(200, strings.Repeat(" ", hec.MaxAnswer)+`{"acks":{"0":true}}`))
	f("not 200", "retry", says(201, `{"acks":{"0":true}}`))
	f("400 with acks", "retry", says(400, `{"acks":{"0":true}}`))
	f("ACK is disabled", "hold", always(hec.AckDisabled))
	f("ACK is disabled, says 200", "retry", says(200, code(14)))
	f("ACK is disabled, says 403", "retry", says(403, code(14)))
	f("400 of another kind", "retry", always(hec.InvalidDataFormat))
	f("channel", "retry", always(hec.ChannelMissing))
	f("token", "retry", always(hec.InvalidToken))
	f("404", "retry", always(hec.NotFound))
	f("redirect", "retry", says(302, ``))
	f("busy", "retry, pressure", always(hec.ServerBusy))
	f("503", "retry, pressure", says(503, html))
	f("reset", "retry", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	f("breaks off", "retry", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"acks":{"0":true}}`))
	})
	f("late", "retry, pressure", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	x.visits()
	if acked, err := s.Ask(t.Context(), nil); acked != nil || err != nil || len(x.visits()) != 0 {
		t.Error("a question about nothing is asked")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Ask(ctx, []int64{1}); !errors.Is(err, context.Canceled) || policy(err) == "retry" {
		t.Errorf("cancelled: %v", err)
	}
	if c.URLs()[0].State != Up {
		t.Error("what goes wrong with acknowledgement says nothing about events")
	}
}

func FuzzClassifyAcks(f *testing.F) {
	f.Add(200, `{"acks":{"0":true,"1":false}}`)
	f.Add(200, `{"acks":{}}`)
	f.Add(200, html)
	f.Add(400, code(14))
	f.Add(503, code(9))
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 999 {
			return // net/http lets no other through
		}
		acked, err := classifyAcks("u", &outcome{status: status, body: []byte(body)}, time.Now())
		var plain map[string]map[string]bool
		if err == nil && (status != 200 || json.Unmarshal([]byte(body), &plain) != nil) {
			t.Fatalf("%d %q counts as %v", status, body, acked)
		}
		for _, id := range acked {
			if !plain["acks"][strconv.FormatInt(id, 10)] {
				t.Fatalf("%d %q counts as %d", status, body, id)
			}
		}
	})
}

// Cookies of a collector that gives ever more of them are not sent for ever, and do not
// keep requests from going.
func TestSessionCookiesAreBounded(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	longest, requests := 0, 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		longest = max(longest, len(r.Header.Get("Cookie")))
		for n := range 20 {
			http.SetCookie(w, &http.Cookie{Name: fmt.Sprintf("c%d_%d", requests, n), Value: strings.Repeat("x", 200)})
		}
		requests++
		a := hec.NewAnswer(hec.Success)
		a.AckID = int64(requests)
		_, _ = w.Write(hec.AppendAnswer(nil, a))
	})
	c := client(t, func(d *config.Destination) { d.Ack = config.AckOn }, url)
	for range 30 {
		if _, err := c.Send(t.Context(), &Request{Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	if longest == 0 || longest > mostCookies+1000 {
		t.Errorf("%d bytes of cookies were sent", longest)
	}
}

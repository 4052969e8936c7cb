package ingest_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// refuses says whether a connection is refused.
func (i *instance) refuses() bool {
	i.t.Helper()
	conn, err := net.Dial("tcp", i.addr)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Connections are refused while nothing can be stored, and accepted again on the
// same address.
func TestGate(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, c *config.Config) (o ingest.Options, begin, end func()){
		"the bus is away": func(t *testing.T, c *config.Config) (ingest.Options, func(), func()) {
			t.Helper()
			o := startOutage(t)
			return ingest.Options{Bus: connect(t, o.ns, c)}, o.begin, o.end
		},
		"the stream is full": func(t *testing.T, c *config.Config) (ingest.Options, func(), func()) {
			t.Helper()
			conn := connect(t, nats(t, t.TempDir(), -1), c)
			return ingest.Options{Bus: conn}, func() { narrow(t, conn) }, func() { widen(t, conn) }
		},
		"the stream of joined drains is full": func(t *testing.T, c *config.Config) (ingest.Options, func(), func()) {
			t.Helper()
			c.Drains = []config.Drain{joined(headers().Get("Logplex-Drain-Token"))}
			conn := connect(t, nats(t, t.TempDir(), -1), c)
			resize := func(maxBytes int64) { resize(t, conn, wire.OrderedShard(0), maxBytes) }
			return ingest.Options{Bus: conn}, func() { resize(4 << 10) }, func() { resize(1 << 30) }
		},
		"the disk is full": func(t *testing.T, c *config.Config) (ingest.Options, func(), func()) {
			t.Helper()
			var full atomic.Bool
			healthy := func() error {
				if full.Load() {
					return syscall.ENOSPC
				}
				return nil
			}
			conn := connect(t, nats(t, t.TempDir(), -1), c)
			return ingest.Options{Bus: conn, Healthy: healthy}, func() { full.Store(true) }, func() { full.Store(false) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := settings()
			c.Ingest.BehindProxy = false
			o, begin, end := prepare(t, c)
			o.Config = c
			i := run(t, open(t, o))
			if got := i.post(headers("Logplex-Frame-Id", "0"), incompressible()); got != 204 {
				t.Fatalf("answered %d", got)
			}
			for round := range 2 {
				begin()
				if got := i.post(headers("Logplex-Frame-Id", fmt.Sprint(round, "held")), incompressible()); got != 503 {
					t.Errorf("answered %d", got)
				}
				eventually(t, "connections are refused", i.refuses)
				end()
				eventually(t, "connections are accepted", func() bool { return !i.refuses() })
				if got := i.post(headers("Logplex-Frame-Id", fmt.Sprint(round)), logplextest.Body(t, "N1")); got != 204 {
					t.Errorf("answered %d afterwards", got)
				}
			}
		})
	}
}

// Somebody else may take the address meanwhile.
func TestGateFindsItsAddressTaken(t *testing.T) {
	t.Parallel()
	c, o := settings(), startOutage(t)
	c.Ingest.BehindProxy = false
	conn := connect(t, o.ns, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	o.begin()
	eventually(t, "connections are refused", i.refuses)
	taker, err := net.Listen("tcp", i.addr)
	if err != nil {
		t.Fatal(err)
	}
	o.end()
	eventually(t, "the bus is back", func() bool { return conn.Healthy() == nil })
	if err := taker.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connections are accepted", func() bool { return !i.refuses() })
	if got := i.post(headers(), logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("answered %d", got)
	}
}

// A stop finds the gate shut.
func TestStopBehindTheGate(t *testing.T) {
	t.Parallel()
	c, o := settings(), startOutage(t)
	c.Ingest.BehindProxy = false
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, o.ns, c)}))
	o.begin()
	eventually(t, "connections are refused", i.refuses)
	if err := i.stop(); err != nil {
		t.Error(err)
	}
}

// Behind a proxy there is no gate; whether there is a proxy can change.
func TestNoGateBehindAProxy(t *testing.T) {
	t.Parallel()
	c, o := settings(), startOutage(t)
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, o.ns, c)}))
	o.begin()
	for range 4 { // half a second each, more than the gate would wait
		if got := i.post(headers(), logplextest.Body(t, "N1")); got != 503 {
			t.Errorf("answered %d", got)
		}
	}
	open := *c
	open.Ingest.BehindProxy = false
	i.reload(&open)
	eventually(t, "connections are refused", i.refuses)
	i.reload(c)
	eventually(t, "connections are accepted", func() bool { return !i.refuses() })
	o.end()
	if err := i.stop(); err != nil { // before the bus is away for good
		t.Error(err)
	}
}

// HEC clients wait and come again when they are told to: their door stays open.
func TestNoGateForHEC(t *testing.T) {
	t.Parallel()
	c, o := settings(), startOutage(t)
	c.Ingest.BehindProxy = false
	c.Ingest.HEC = config.HEC{
		Listen: "127.0.0.1:0", MaxBody: 8 << 20, MaxEvent: 512 << 10, MaxEvents: 1000, MaxDepth: 64,
		Limits: c.Ingest.Logplex.Limits, Tokens: map[string]config.Token{"web": {Token: secret}},
	}
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, o.ns, c)}))
	o.begin()
	eventually(t, "connections are refused", i.refuses)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.HECURL()+"/services/collector", strings.NewReader(`{"event":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Splunk "+secret)
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %d", answer.StatusCode)
	}
	o.end()
	if err := i.stop(); err != nil { // before the bus is away for good
		t.Error(err)
	}
}

func (i *instance) reload(c *config.Config) {
	i.t.Helper()
	commit, err := i.Reload(c)
	if err != nil {
		i.t.Fatal(err)
	}
	commit()
}

// After the end of its context, ingest serves for shutdown_delay; senders are
// told to go elsewhere, also on connections that they have kept.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.ShutdownDelay = 2 * time.Second
	i := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, nats(t, t.TempDir(), -1), c)}))
	kept, err := net.Dial("tcp", i.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	in := bufio.NewReader(kept)
	closes := func(status int) bool {
		t.Helper()
		if _, err := fmt.Fprint(kept, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != status {
			t.Errorf("a load balancer is answered %d", r.StatusCode)
		}
		_ = r.Body.Close()
		return r.Close
	}
	if closes(http.StatusOK) {
		t.Error("an answer ends its connection before the end")
	}
	if err := i.Stopping(); err != nil {
		t.Error(err)
	}
	stopped := make(chan error)
	go func() { stopped <- i.stop() }()
	eventually(t, "it is stopping", func() bool { return i.Stopping() != nil })
	if !closes(http.StatusServiceUnavailable) {
		t.Error("a connection that was idle is kept")
	}
	if got := i.post(headers(), logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("answered %d", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if !i.refuses() {
		t.Error("connections are accepted after the end")
	}
}

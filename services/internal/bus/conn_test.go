package bus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/drainline/drainline/proto/wire"
)

func TestConnectSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	deaf := nobody.Addr().String()
	nobody.Close()
	locked := startServer(t, func(o *server.Options) { o.Username, o.Password = "u", "right" })
	small := startServer(t, func(o *server.Options) { o.MaxPayload = 256 << 10 })
	plain := startServer(t, func(o *server.Options) { o.JetStream = false })
	withUser := func(url, user string) string { return strings.Replace(url, "nats://", "nats://"+user+"@", 1) }
	for _, c := range []struct{ name, url, want string }{
		{"nobody", "nats://" + deaf, "bus.url nats://" + deaf + ": no NATS server answered within 300ms: start it or correct the URL: dial tcp " + deaf},
		{
			"nobody, with a password", "nats://u:hunter2@" + deaf + ",u:hunter2@" + deaf,
			"bus.url nats://***@" + deaf + ",nats://***@" + deaf + ": no NATS server answered",
		},
		{"wrong password", withUser(locked.url(), "u:hunter2"), "the NATS server refuses the credentials: correct bus.nkey, bus.creds_file or the user in the URL"},
		{"no password", locked.url(), "the NATS server refuses the credentials"},
		{"small payloads", small.url(), "the server's max_payload is 262144 bytes, blocks need 1048576: raise max_payload in its configuration"},
		{"no JetStream", plain.url(), "bus.url " + plain.url() + ": the server has no JetStream: enable it"},
		{"no URL", "nats://u:hunter2/x@" + deaf, "bus.url nats://***@" + deaf + ": this is no URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(c.url)
			o.ConnectTimeout = 300 * time.Millisecond
			conn, err := Connect(t.Context(), o)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("a password or more than one line: %s", err)
			}
		})
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Connect(ctx, testOptions("nats://127.0.0.1:1")); !errors.Is(err, context.Canceled) {
		t.Errorf("outcome %v", err)
	}
}

func TestConnectWaitsForTheServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	url := s.url()
	s.stop()
	type outcome struct {
		conn *Conn
		err  error
	}
	connected := make(chan outcome, 1)
	go func() {
		c, err := Connect(t.Context(), testOptions(url))
		connected <- outcome{c, err}
	}()
	s.start()
	got := <-connected
	if got.err != nil {
		t.Fatal(got.err)
	}
	defer got.conn.Close()
	if err := got.conn.Healthy(); err != nil {
		t.Error(err)
	}
}

// inProcess hands out connections to whatever server runs now.
type inProcess struct{ s *testServer }

func (p inProcess) InProcessConn() (net.Conn, error) { return p.s.live.Load().InProcessConn() }

func TestConnectFollowsAnEmbeddedServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStreams(t, s.admin(), shortWait, rawConfig())
	o := testOptions("")
	o.InProcess = inProcess{s}
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, payload := range []string{"before", "after"} {
		if err := c.Publish(soon(t), rawMsg(payload)); err != nil {
			t.Error(err)
		}
		s.stop()
		s.start()
	}
	if got := streamState(t, s.admin(), rawStream).Msgs; got != 2 {
		t.Errorf("%d messages", got)
	}
}

func TestConnReconnectsForEver(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	away := func() bool { return c.Healthy() != nil }
	back := func() bool { return c.Healthy() == nil }

	s.stop()
	eventually(t, "the loss is noticed", away)
	// nats.go's own default would have given up after two tries with the same
	// refusal, and closed the connection for good.
	s.opts.Username, s.opts.Password = "somebody", "else"
	s.start()
	tries := c.nc.Stats().Reconnects
	eventually(t, "it tried several times", func() bool { return c.nc.Stats().Reconnects >= tries+4 })
	s.stop()
	s.opts.Username, s.opts.Password = "", ""
	s.start()
	eventually(t, "it is back", back)
}

func restricted(deny ...string) []*server.User {
	return []*server.User{{
		Username: "u", Password: "p",
		Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: deny}},
	}}
}

// A user who may not ask about the account may be allowed all that is needed.
func TestConnectWithoutLeaveToAsk(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) { o.Users = restricted("$JS.API.INFO") })
	var log logBook
	o := testOptions(strings.Replace(s.url(), "nats://", "nats://u:p@", 1))
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Healthy(); err != nil || log.String() != "" {
		t.Errorf("healthy: %v, log: %s", err, &log)
	}
}

func TestDenialIsVisible(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) { o.Users = restricted(testNames.RawSubject("s0")) })
	var log logBook
	o := testOptions(strings.Replace(s.url(), "nats://", "nats://u:p@", 1))
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Healthy(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		var retry *RetryError
		if err := c.Publish(ctx, rawMsg("denied")); !errors.As(err, &retry) {
			t.Errorf("outcome %v", err)
		}
		cancel()
		eventually(t, "the denial is visible", func() bool {
			err := c.Healthy()
			return err != nil && strings.Contains(err.Error(), testNames.RawSubject("s0"))
		})
	}
	if got := strings.Count(log.String(), "Permissions Violation"); got != 1 {
		t.Errorf("the denial was logged %d times", got)
	}
	c.denied.Store(&denial{text: "once", at: time.Now().Add(-denialTime)})
	if err := c.Healthy(); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	c.denied.Store(&denial{text: "now", at: time.Now()})
	s.stop()
	s.opts.Users = restricted()
	s.start()
	eventually(t, "it is forgotten once it is granted", func() bool { return c.Healthy() == nil })
}

func TestBroadcastReachesTheOthers(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	conns := []*Conn{dial(t, s.url()), dial(t, s.url()), dial(t, s.url())}
	heard := make([]chan string, len(conns))
	stops := make([]func(), len(conns))
	for i, c := range conns {
		heard[i] = make(chan string, 10)
		stop, err := c.OnBroadcast(func(payload []byte) { heard[i] <- string(payload) })
		if err != nil {
			t.Fatal(err)
		}
		stops[i] = stop
		if err := c.nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range conns {
		if err := c.Broadcast([]byte{byte('a' + i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, others := range []string{"bc", "ac", "ab"} {
		got := []string{<-heard[i], <-heard[i]}
		slices.Sort(got)
		if strings.Join(got, "") != others {
			t.Errorf("%d heard %v", i, got)
		}
	}
	for _, stop := range stops {
		stop()
		stop() // harmless
	}
	conns[0].Close()
	if err := conns[0].Broadcast(nil); err == nil {
		t.Error("broadcast on a closed connection")
	}
	stops[0]()
	for i := range heard {
		if len(heard[i]) > 0 {
			t.Errorf("%d heard more: an echo?", i)
		}
	}
}

// Who has patience need not wait for a server.
func TestConnectWithPatience(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStreams(t, s.admin(), shortWait, rawConfig())
	url := s.url()
	s.stop()
	o := testOptions(url)
	o.ConnectTimeout = 10 * time.Millisecond
	if c, err := Connect(t.Context(), o); err == nil {
		c.Close()
		t.Error("connected to nothing")
	}
	o.Patient = true
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !c.Away() || c.Healthy() == nil {
		t.Error("connected to nothing")
	}
	unhear, err := c.OnBroadcast(func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	defer unhear()
	s.start()
	m := Msg{ID: wire.RandomID(), Subject: testNames.RawSubject("s0"), Payload: []byte("x")}
	if err := c.Publish(soon(t), m); err != nil {
		t.Fatal(err)
	}
}

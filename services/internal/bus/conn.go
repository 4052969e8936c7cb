// Package bus is the discipline Drainline keeps on NATS JetStream: one way to
// publish (with an id, until it is stored), one way to consume (an overlapping
// Fetch loop with explicit acks), group commit of requests into blocks, and dead
// letters. Only this package and topology know JetStream.
package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// A dead connection must be noticed well before a sender's five seconds have
	// passed several times; NATS' own default is minutes.
	pingInterval   = 5 * time.Second
	pingsUnheard   = 2
	reconnectWait  = 100 * time.Millisecond
	reconnectTries = -1
)

// Options say how to reach the bus.
type Options struct {
	// URL of the servers, comma separated; not used with InProcess.
	URL string
	// InProcess connects to an embedded server, also after it was restarted.
	InProcess nats.InProcessConnProvider
	// Name of the service, shown by the server, and part of its inbox subject, so
	// that permissions can be given by service.
	Name           string
	Names          wire.Names
	CredsFile      string
	TLS            *tls.Config
	ConnectTimeout time.Duration
	Log            *slog.Logger
}

// Conn is a connection to the bus. It reconnects by itself for as long as it lives.
type Conn struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	names  wire.Names
	log    *slog.Logger
	local  bool
	closed chan struct{}
	denied atomic.Pointer[string]
}

// Connect waits until the bus answers, at most o.ConnectTimeout. It fails when
// the server has no JetStream or takes smaller payloads than a block needs.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	c := &Conn{names: o.Names, log: o.Log, local: o.InProcess != nil, closed: make(chan struct{})}
	up := make(chan struct{}, 1)
	nc, err := nats.Connect(o.URL, c.natsOptions(o, up)...)
	if err != nil {
		return nil, fmt.Errorf("bus.url %s: %w", withoutUserinfo(o.URL), err)
	}
	c.nc = nc
	if err := c.awaitServer(ctx, o, up); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) natsOptions(o Options, up chan<- struct{}) []nats.Option {
	signal := func(*nats.Conn) {
		select {
		case up <- struct{}{}:
		default:
		}
	}
	options := []nats.Option{
		nats.Name("drainline " + o.Name),
		nats.CustomInboxPrefix("_INBOX_" + o.Name),
		nats.MaxReconnects(reconnectTries),
		nats.ReconnectWait(reconnectWait),
		nats.RetryOnFailedConnect(true),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsUnheard),
		nats.NoEcho(),
		nats.ConnectHandler(signal),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.log.Info("bus is back", "server", nc.ConnectedUrlRedacted())
			signal(nc)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.log.Warn("bus is away, reconnecting", "error", err)
			}
		}),
		nats.ErrorHandler(c.asyncError),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }),
	}
	if o.InProcess != nil {
		options = append(options, nats.InProcessServer(o.InProcess))
	}
	if o.CredsFile != "" {
		options = append(options, nats.UserCredentials(o.CredsFile))
	}
	if o.TLS != nil {
		options = append(options, nats.Secure(o.TLS))
	}
	return options
}

// asyncError hears what NATS tells no caller: a denied publish or subscription
// would otherwise look like a timeout.
func (c *Conn) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		text := err.Error()
		c.denied.Store(&text)
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	c.log.Error("bus", "error", err, "subject", subject)
}

func (c *Conn) awaitServer(ctx context.Context, o Options, up <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	where := withoutUserinfo(o.URL)
	if c.local {
		where = "embedded server"
	}
	if !c.nc.IsConnected() {
		select {
		case <-up:
		case <-ctx.Done():
			reason := c.nc.LastError()
			if reason == nil {
				reason = ctx.Err()
			}
			return fmt.Errorf("bus.url %s: no NATS server answered within %v: start it or correct the URL: %w", where, o.ConnectTimeout, reason)
		}
	}
	if got := c.nc.MaxPayload(); got < wire.ServerPayload {
		return fmt.Errorf("bus.url %s: the server's max_payload is %d bytes, blocks need %d: raise max_payload in its configuration",
			where, got, wire.ServerPayload)
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		return fmt.Errorf("bus.url %s: %w", where, err)
	}
	c.js = js
	return nil
}

// JetStream is for package topology, which administers streams.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Names are the names of streams and subjects on this bus.
func (c *Conn) Names() wire.Names { return c.names }

// Healthy returns nil while the bus is connected and denies nothing.
func (c *Conn) Healthy() error {
	if !c.nc.IsConnected() {
		return errors.New("bus is not connected")
	}
	if text := c.denied.Load(); text != nil {
		return fmt.Errorf("bus denies: %s", *text)
	}
	return nil
}

// Close sends what is buffered and ends the connection.
func (c *Conn) Close() {
	if err := c.nc.FlushTimeout(time.Second); err != nil && c.nc.IsConnected() {
		c.log.Warn("bus: flush at close", "error", err)
	}
	c.nc.Close()
	<-c.closed
}

// Broadcast tells the other instances something, best effort and unstored.
func (c *Conn) Broadcast(payload []byte) error {
	if err := c.nc.Publish(c.names.SeenSubject(), payload); err != nil {
		return fmt.Errorf("bus: broadcast: %w", err)
	}
	return nil
}

// OnBroadcast calls hear with what other instances broadcast, one at a time.
func (c *Conn) OnBroadcast(hear func(payload []byte)) (stop func(), err error) {
	sub, err := c.nc.Subscribe(c.names.SeenSubject(), func(m *nats.Msg) { hear(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("bus: subscribe %s: %w", c.names.SeenSubject(), err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			c.log.Warn("bus: unsubscribe", "error", err)
		}
	}, nil
}

func withoutUserinfo(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	u.User = url.User("***")
	return u.String()
}

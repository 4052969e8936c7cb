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
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/telemetry"
)

const (
	// A dead connection must be noticed well before a sender's five seconds have
	// passed several times; NATS' own default is minutes.
	pingInterval   = 5 * time.Second
	pingsUnheard   = 2
	reconnectWait  = 100 * time.Millisecond
	reconnectTries = -1

	// patientWait is how long the patient wait for the first answer: senders wait
	// for them.
	patientWait = time.Second

	// denialTime is how long a denial counts. What is tried on is denied again
	// sooner; what was a try once must not hold back a service for ever.
	denialTime = time.Minute

	// Whether there is JetStream is asked on this subject, for so long at most. A
	// user who may not ask may still be allowed all that is needed.
	accountInfo     = "$JS.API.INFO"
	accountInfoTime = time.Second
)

// Options say how to reach the bus.
type Options struct {
	// URL of the servers, comma separated; not used with InProcess.
	URL string
	// InProcess connects to an embedded server, also after it was restarted.
	InProcess nats.InProcessConnProvider
	// Name of the service, shown by the server, and part of its inbox subject, so
	// that permissions can be given by service.
	Name      string
	Names     wire.Names
	CredsFile string
	// Seed returns the seed of the user's nkey, empty for none. It is asked again for every
	// connection, so that a key can be changed; nil is none.
	Seed           func() (config.Secret, error)
	TLS            *tls.Config
	ConnectTimeout time.Duration
	// Patient has Connect return after a second although no server answers: it is
	// tried on, for those that have something to do meanwhile.
	Patient bool
	Log     *slog.Logger
	// Tracer makes the spans of what is published and processed; nil makes none.
	Tracer trace.Tracer
	// Metrics has what is published; nil measures nothing.
	Metrics *telemetry.Metrics
}

// Conn is a connection to the bus. It reconnects by itself for as long as it lives.
type Conn struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	names  wire.Names
	log    *slog.Logger
	local  bool
	closed chan struct{}
	link   atomic.Pointer[link] // nil while the connection is away
	denied atomic.Pointer[denial]
	count  atomic.Int64           // of connects
	said   atomic.Pointer[string] // the error that was logged last
	failed atomic.Pointer[error]  // why the last try to connect failed
	stalls stalls
	meters *meters
	untold untold
	tracer trace.Tracer

	askers     askers
	unanswered Alarm
	unshown    atomic.Bool
}

// denial is a permission that was missing.
type denial struct {
	text string
	at   time.Time
}

// link is the time between a connect and the next disconnect. It is kept here
// because nats.go's own status can be asked only after the lock that it holds
// while it dials.
type link struct {
	up     context.Context //nolint:containedctx // ends with the connection, not with a call
	cancel context.CancelFunc
}

// relink ends the link there was and starts the next if there is one.
func (c *Conn) relink(connected bool) {
	var next *link
	if connected {
		c.count.Add(1)
		next = &link{}
		next.up, next.cancel = context.WithCancel(context.Background())
	}
	if last := c.link.Swap(next); last != nil {
		last.cancel()
	}
}

// Connect waits until the bus answers, at most o.ConnectTimeout. It fails when
// the server has no JetStream or takes smaller payloads than a block needs, which
// is not asked of one that comes later.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	c := &Conn{
		names: o.Names, log: o.Log, local: o.InProcess != nil, closed: make(chan struct{}),
		tracer: o.Tracer, meters: newMeters(o.Metrics, o.Names),
	}
	if c.tracer == nil {
		c.tracer = noop.Tracer{}
	}
	up := make(chan struct{}, 1)
	options := c.natsOptions(o, up)
	key, err := newIdentity(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.where(o), err)
	}
	if key != nil {
		options = append(options, key.options()...)
	}
	nc, err := nats.Connect(o.URL, options...)
	if _, malformed := errors.AsType[*url.Error](err); malformed {
		// The error itself may show a part of the password.
		return nil, fmt.Errorf("%s: this is no URL: write nats://host:4222, and %%xx for special characters in a password", c.where(o))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.where(o), err)
	}
	c.nc = nc
	if key != nil {
		key.conn.Store(nc)
	}
	if err := c.awaitServer(ctx, o, up); err != nil {
		c.shut()
		return nil, err
	}
	return c, nil
}

func (c *Conn) natsOptions(o Options, up chan<- struct{}) []nats.Option {
	options := []nats.Option{
		nats.Name("drainline " + o.Name),
		nats.CustomInboxPrefix(wire.InboxPrefix(o.Name)),
		nats.MaxReconnects(reconnectTries),
		nats.IgnoreAuthErrorAbort(), // credentials may be put right while we try
		nats.ReconnectWait(reconnectWait),
		nats.RetryOnFailedConnect(true),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsUnheard),
		nats.NoEcho(),
		nats.ConnectHandler(func(*nats.Conn) {
			c.relink(true)
			up <- struct{}{}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.denied.Store(nil) // what is still denied is denied again
			c.said.Store(nil)
			c.relink(true)
			c.log.Info("bus is back", "server", nc.ConnectedUrlRedacted())
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.failed.Store(&err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.relink(false)
			if err != nil {
				c.log.Warn("bus is away, reconnecting", "error", err)
			}
		}),
		nats.ErrorHandler(c.asyncError),
		nats.ClosedHandler(func(*nats.Conn) {
			c.relink(false)
			close(c.closed)
		}),
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
// would otherwise look like a timeout. What repeats with every try is said once.
func (c *Conn) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	text := err.Error()
	c.askers.deny(err)
	if errors.Is(err, nats.ErrPermissionViolation) {
		switch {
		case strings.Contains(text, `"`+accountInfo+`"`), strings.Contains(text, `"`+userInfo+`"`):
			return
		case c.optional(text):
			if !c.unshown.Swap(true) {
				c.log.Warn("the bus denies what `drainline status` and `nats micro` need: allow it to see this instance there", "error", err)
			}
			return
		case strings.Contains(text, `"`+c.names.AuditSubject()+`"`): // events go on without it
		default:
			c.denied.Store(&denial{text: text, at: time.Now()})
		}
	}
	if said := c.said.Swap(&text); said != nil && *said == text {
		return
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	c.log.Error("bus", "error", err, "subject", subject)
}

func (c *Conn) awaitServer(ctx context.Context, o Options, up <-chan struct{}) error {
	js, err := jetstream.New(c.nc)
	if err != nil {
		return fmt.Errorf("%s: %w", c.where(o), err)
	}
	c.js = js
	limit := o.ConnectTimeout
	if o.Patient {
		limit = min(limit, patientWait)
	}
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-up:
	case <-wait.Done():
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", c.where(o), context.Cause(ctx))
		}
		err := c.unreachable(o)
		if o.Patient {
			c.log.Warn("started without the bus, trying on", "error", err)
			return nil
		}
		return err
	}
	if got := c.nc.MaxPayload(); got < wire.ServerPayload {
		return fmt.Errorf("%s: the server's max_payload is %d bytes, blocks need %d: raise max_payload in its configuration",
			c.where(o), got, wire.ServerPayload)
	}
	asked, done := context.WithTimeout(ctx, accountInfoTime)
	defer done()
	_, err = js.AccountInfo(asked)
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return fmt.Errorf("%s: the server has no JetStream: enable it: %w", c.where(o), err)
	}
	return nil
}

// unreachable is the sentence for a server that let nobody in.
func (c *Conn) unreachable(o Options) error {
	reason := c.nc.LastError()
	if errors.Is(reason, nats.ErrAuthorization) || errors.Is(reason, nats.ErrAuthExpired) || errors.Is(reason, nats.ErrAuthRevoked) {
		return fmt.Errorf("%s: the NATS server refuses the credentials: correct bus.nkey, bus.creds_file or the user in the URL: %w", c.where(o), reason)
	}
	if failed := c.failed.Load(); failed != nil {
		reason = *failed
	}
	if errors.Is(reason, nats.ErrNkeysNotSupported) {
		return fmt.Errorf("%s: the NATS server knows no users with nkeys: give it some or leave out bus.nkey: %w", c.where(o), reason)
	}
	if reason == nil {
		reason = context.DeadlineExceeded
	}
	return fmt.Errorf("%s: no NATS server answered within %v: start it or correct the URL: %w", c.where(o), o.ConnectTimeout, reason)
}

// where names the server in errors, without passwords.
func (c *Conn) where(o Options) string {
	if c.local {
		return "embedded NATS server"
	}
	servers := strings.Split(o.URL, ",")
	for i, s := range servers {
		if at := strings.LastIndexByte(s, '@'); at >= 0 {
			scheme, _, found := strings.Cut(s, "://")
			if !found {
				scheme = "nats"
			}
			servers[i] = scheme + "://***" + s[at:]
		}
	}
	return "bus.url " + strings.Join(servers, ",")
}

// JetStream is for package topology, which administers streams.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Names are the names of streams and subjects on this bus.
func (c *Conn) Names() wire.Names { return c.names }

// Connects is how often the bus has been connected: what it held before the last
// may be lost.
func (c *Conn) Connects() int64 { return c.count.Load() }

// Healthy returns nil while the bus is connected and has denied nothing for a minute.
func (c *Conn) Healthy() error {
	if c.Away() {
		return errors.New("bus is not connected")
	}
	return c.denial()
}

// denial is what was denied in the last minute.
func (c *Conn) denial() error {
	if d := c.denied.Load(); d != nil && time.Since(d.at) < denialTime {
		return fmt.Errorf("bus denies: %s", d.text)
	}
	return nil
}

// Away says that there is no connection at present.
func (c *Conn) Away() bool { return c.link.Load() == nil }

// Close sends what is buffered and ends the connection. Notes on acknowledgement
// that nobody could be told until then are lost.
func (c *Conn) Close() {
	if c.link.Load() != nil {
		if err := c.nc.FlushTimeout(time.Second); err != nil {
			c.log.Warn("bus: flush at close", "error", err)
		}
	}
	c.shut()
}

func (c *Conn) shut() {
	c.untold.end()
	c.nc.Close()
	<-c.closed
	c.untold.telling.Wait()
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

package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// A leader that went away answers nothing; a new one is there within two
	// seconds, so tries against a cluster are short.
	publishTry = 500 * time.Millisecond
	// The embedded server is never elected: a slow answer is a slow disk.
	publishTryLocal = 5 * time.Second

	publishPause    = 10 * time.Millisecond
	publishPauseMax = 500 * time.Millisecond
)

// JetStream's error codes that decide about another try.
const (
	codeMessageTooLarge = 10054 // over the stream's max_msg_size
	codeHeaderTooLarge  = 10097 // over 64 KiB of headers
)

// Msg is one message to store.
type Msg struct {
	// ID makes tries of the same message one message.
	ID          wire.ID
	Subject     string
	Traceparent string
	Tracestate  string
	Payload     []byte
	// Trace makes a span of storing it, whose context the message then has in place of
	// Traceparent and Tracestate.
	Trace Trace
}

// Publish returns nil once the message is stored, and tries until then or until
// ctx ends (*RetryError). What can never be stored comes back at once
// (*PermanentError). Payload must not change until Publish returns.
func (c *Conn) Publish(ctx context.Context, m Msg) error {
	return c.publish(ctx, m, func(error) {})
}

// publish is Publish, and calls failed with the reason of each try that is to be
// followed by another.
func (c *Conn) publish(ctx context.Context, m Msg, failed func(error)) error {
	limit := publishTry
	if c.local {
		limit = publishTryLocal
	}
	return c.traced(ctx, m, func(ctx context.Context, out *nats.Msg) error {
		return c.persist(ctx, m.Subject, &c.stalls, func() error { return c.publishOnce(ctx, out, limit) }, failed)
	})
}

func (m Msg) message() *nats.Msg {
	out := &nats.Msg{Subject: m.Subject, Data: m.Payload, Header: nats.Header{wire.HeaderMsgID: {m.ID.String()}}}
	if m.Traceparent != "" {
		out.Header[wire.HeaderTraceparent] = []string{m.Traceparent}
	}
	if m.Tracestate != "" {
		out.Header[wire.HeaderTracestate] = []string{m.Tracestate}
	}
	return out
}

// persist repeats a try to store a message, as Publish says.
func (c *Conn) persist(ctx context.Context, subject string, told *stalls, try func() error, failed func(error)) error {
	began := time.Now()
	var reason error
	for pause := publishPause; ; pause = min(2*pause, publishPauseMax) {
		err := try()
		if err == nil {
			told.worked(ctx, c.log, subject)
			c.meters.published(ctx, subject, time.Since(began))
			return nil
		}
		if isPermanent(err) {
			return &PermanentError{Err: fmt.Errorf("%s: %w", subject, err)}
		}
		if reason == nil || ctx.Err() == nil {
			reason = err // a try that ctx ended knows less than the one before
		}
		failed(reason)
		told.failed(ctx, c.log, subject, began, reason)
		if errors.Is(err, errAway) {
			pause = reconnectWait
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter needs no secrecy
		case <-c.closed:
			return &RetryError{Err: fmt.Errorf("%s: %w", subject, ErrClosed)}
		case <-ctx.Done():
			return &RetryError{Err: fmt.Errorf("%s: %w", subject, reason)}
		}
	}
}

// publishOnce sends nothing while the connection is away: nats.go would keep
// every try and send them all when it is back, also for callers that gave up.
func (c *Conn) publishOnce(ctx context.Context, m *nats.Msg, limit time.Duration) error {
	link := c.link.Load()
	if link == nil {
		return errAway
	}
	try, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// The answer to a publish is lost with the connection it was made on.
	defer context.AfterFunc(link.up, cancel)()
	// Retries are ours: nats.go's own wait for a stream to appear would hide the
	// reason and the time it takes.
	_, err := c.js.PublishMsg(try, m, jetstream.WithRetryAttempts(0))
	if err != nil && ctx.Err() == nil && link.up.Err() != nil {
		return errAway
	}
	return err //nolint:wrapcheck // wrapped by Publish
}

func isPermanent(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeMessageTooLarge || api.ErrorCode == codeHeaderTooLarge)
}

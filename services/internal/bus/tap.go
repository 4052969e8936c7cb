package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// A tap holds this much that nobody has asked for yet, in messages and bytes.
	tapMessages = 1024
	tapBytes    = 32 << 20
	// tapLook is how often a tap looks whether it may listen at all.
	tapLook = time.Second
	// tapPatience is how long the server may take to hear of it.
	tapPatience = 5 * time.Second
)

// Tap hears what is published on a subject. Streams and consumers know nothing of it, and
// what nobody asks for in time is lost to the tap only. A publisher's second try is
// heard like the first.
type Tap struct {
	conn *Conn
	sub  *nats.Subscription
}

// Tap listens on a subject, with wildcards, to what is published once it returns. Close it.
func (c *Conn) Tap(ctx context.Context, subject string) (*Tap, error) {
	ctx, cancel := context.WithTimeout(ctx, tapPatience)
	defer cancel()
	sub, err := c.nc.SubscribeSync(subject)
	if err == nil {
		err = errors.Join(sub.SetPendingLimits(tapMessages, tapBytes), c.nc.FlushWithContext(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("bus: listening on %s: %w", subject, err)
	}
	return &Tap{conn: c, sub: sub}, nil
}

// Next waits for a message and returns its payload. It fails when ctx ends, when the connection is closed, and
// when the user may not listen; it goes on over reconnects.
func (t *Tap) Next(ctx context.Context) ([]byte, error) {
	for {
		look, cancel := context.WithTimeout(ctx, tapLook)
		m, err := t.sub.NextMsgWithContext(look)
		cancel()
		switch {
		case err == nil:
			return m.Data, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx) //nolint:wrapcheck // the caller's own
		case errors.Is(err, nats.ErrSlowConsumer): // Missed tells how slow
		case !errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("bus: listening on %s: %w", t.sub.Subject, err)
		default:
			if err := t.conn.denial(); err != nil {
				return nil, err
			}
		}
	}
}

// Missed is how many messages came while those before were waiting to be asked for.
func (t *Tap) Missed() int {
	missed, err := t.sub.Dropped()
	if err != nil {
		return 0 // closed
	}
	return missed
}

// Close stops listening.
func (t *Tap) Close() {
	if err := t.sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		t.conn.log.Debug("bus: unsubscribe", "subject", t.sub.Subject, "error", err)
	}
}

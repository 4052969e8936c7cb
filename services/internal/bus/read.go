package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// readMessages and readWait bound one pull of Read.
	readMessages = 256
	readWait     = 2 * time.Second
)

// Kept is a message that a stream keeps.
type Kept struct {
	ID          wire.ID
	Subject     string
	Sequence    uint64
	Stored      time.Time
	Traceparent string
	Payload     []byte
}

// ReadOptions say what to read of a stream.
type ReadOptions struct {
	Stream string
	// Subjects to read, with wildcards; none for all.
	Subjects []string
	// Since is when the first was stored; zero for the oldest there is.
	Since time.Time
}

// Read calls f with every message that a stream keeps now, oldest first, until f returns
// an error. It disturbs no consumer of a stream that keeps messages by limits; from a work
// queue it cannot read. What comes while it reads may be read, too.
func (c *Conn) Read(ctx context.Context, o ReadOptions, f func(*Kept) error) error {
	settings := jetstream.OrderedConsumerConfig{FilterSubjects: o.Subjects}
	if !o.Since.IsZero() {
		settings.DeliverPolicy, settings.OptStartTime = jetstream.DeliverByStartTimePolicy, &o.Since
	}
	consumer, err := c.js.OrderedConsumer(ctx, o.Stream, settings)
	if err != nil {
		return fmt.Errorf("stream %s: %w", o.Stream, err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("stream %s: %w", o.Stream, err)
	}
	for left := info.NumPending; left > 0; {
		messages, err := consumer.Fetch(readMessages, jetstream.FetchMaxWait(readWait))
		if err != nil {
			return fmt.Errorf("stream %s: %w", o.Stream, err)
		}
		for m := range messages.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("stream %s: %w", o.Stream, err)
			}
			left = meta.NumPending
			if err := f(newKept(m, meta)); err != nil {
				return err
			}
		}
		if err := ended(ctx, messages.Error()); err != nil {
			return fmt.Errorf("stream %s: %w", o.Stream, err)
		}
	}
	return nil
}

// ended is why reading ends: the caller's context comes first.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own
	}
	return err
}

func newKept(m jetstream.Msg, meta *jetstream.MsgMetadata) *Kept {
	headers := m.Headers()
	k := &Kept{
		Subject: m.Subject(), Sequence: meta.Sequence.Stream, Stored: meta.Timestamp,
		Traceparent: headers.Get(wire.HeaderTraceparent), Payload: m.Data(),
	}
	var ok bool
	if k.ID, ok = wire.ParseID(headers.Get(wire.HeaderMsgID)); !ok {
		k.ID = wire.PayloadID(k.Payload)
	}
	return k
}

// ErrGone is what Remove returns for a message that is not there any more.
var ErrGone = errors.New("bus: the message is gone already")

// Remove deletes a message that Read has read. It looks first: a stream that was damaged
// may have given the number to another.
func (c *Conn) Remove(ctx context.Context, stream string, k *Kept) error {
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	there, err := s.GetMsg(ctx, k.Sequence)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return ErrGone
	case err != nil:
		return fmt.Errorf("stream %s: message %d: %w", stream, k.Sequence, err)
	case there.Subject != k.Subject || !there.Time.Equal(k.Stored):
		return ErrGone
	}
	if err := s.DeleteMsg(ctx, k.Sequence); err != nil {
		return fmt.Errorf("stream %s: message %d: %w", stream, k.Sequence, err)
	}
	return nil
}

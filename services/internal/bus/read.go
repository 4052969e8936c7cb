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
	// A pull of Read has this much at most, in messages and bytes, and takes this long
	// when the bus does not answer.
	readMessages = 256
	readBytes    = 4 << 20
	readWait     = 2 * time.Second
	// readForgotten is after how long the server forgets a reader that is gone.
	readForgotten = time.Minute
	// readTries are how often what is missing is asked for again.
	readTries = 3
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
// queue it cannot read. What comes while it reads may be read, too. What a lost connection
// swallowed is read again.
func (c *Conn) Read(ctx context.Context, o ReadOptions, f func(*Kept) error) error {
	r := reader{conn: c, o: o}
	for try := 0; ; try++ {
		before := r.last
		done, err := r.read(ctx, f)
		if done || err != nil {
			return err
		}
		if r.last != before {
			try = 0
		}
		if try == readTries {
			return fmt.Errorf("stream %s: the bus does not hand out what comes after message %d", o.Stream, r.last)
		}
	}
}

// reader is how far a Read has come.
type reader struct {
	conn *Conn
	o    ReadOptions
	last uint64 // sequence in the stream of what was read last, 0 for nothing
}

// read reads on from the last message with a consumer of its own. It reports false when
// something is missing.
func (r *reader) read(ctx context.Context, f func(*Kept) error) (done bool, err error) {
	consumer, err := r.conn.js.CreateConsumer(ctx, r.o.Stream, r.consumer())
	if err != nil {
		return false, fmt.Errorf("stream %s: %w", r.o.Stream, err)
	}
	defer r.forget(ctx, consumer.CachedInfo().Name)
	delivered := uint64(0)
	for left := consumer.CachedInfo().NumPending; left > 0; {
		before := r.last
		complete, err := r.pull(ctx, consumer, &delivered, &left, f)
		switch {
		case err != nil:
			return false, err
		case !complete:
			return false, nil
		case r.last == before: // what was counted may have been removed meanwhile
			info, err := consumer.Info(ctx)
			if err != nil {
				return false, fmt.Errorf("stream %s: %w", r.o.Stream, err)
			}
			return info.NumPending == 0, nil
		}
	}
	return true, nil
}

// consumer needs no acknowledgement: what it misses shows in its count of deliveries.
func (r *reader) consumer() jetstream.ConsumerConfig {
	k := jetstream.ConsumerConfig{
		FilterSubjects: r.o.Subjects, AckPolicy: jetstream.AckNonePolicy, Replicas: 1, MemoryStorage: true,
		InactiveThreshold: readForgotten,
	}
	switch {
	case r.last > 0:
		k.DeliverPolicy, k.OptStartSeq = jetstream.DeliverByStartSequencePolicy, r.last+1
	case !r.o.Since.IsZero():
		k.DeliverPolicy, k.OptStartTime = jetstream.DeliverByStartTimePolicy, &r.o.Since
	}
	return k
}

// pull hands on what one request brings, of which nothing is missing when it is complete.
func (r *reader) pull(ctx context.Context, consumer jetstream.Consumer, delivered, left *uint64, f func(*Kept) error) (complete bool, err error) {
	wait, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	messages, err := consumer.Fetch(readMessages, jetstream.FetchMaxBytes(readBytes), jetstream.FetchContext(wait))
	if err != nil {
		return false, fmt.Errorf("stream %s: %w", r.o.Stream, err)
	}
	for m := range messages.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return false, fmt.Errorf("stream %s: %w", r.o.Stream, err)
		}
		if meta.Sequence.Consumer != *delivered+1 {
			return false, nil
		}
		*delivered, *left, r.last = meta.Sequence.Consumer, meta.NumPending, meta.Sequence.Stream
		if err := f(newKept(m, meta)); err != nil {
			return false, err
		}
		if *left == 0 {
			return true, nil // rather than wait for more
		}
	}
	err = messages.Error()
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx) //nolint:wrapcheck // the caller's own
	case err != nil && wait.Err() == nil:
		return false, fmt.Errorf("stream %s: %w", r.o.Stream, err)
	}
	return err == nil, nil
}

// forget ends a consumer; the server does so by itself if it does not hear of it.
func (r *reader) forget(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readWait)
	defer cancel()
	if err := r.conn.js.DeleteConsumer(ctx, r.o.Stream, name); err != nil {
		r.conn.log.Debug("bus: a reader is left to the server to forget", "stream", r.o.Stream, "error", err)
	}
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

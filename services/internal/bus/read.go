package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
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
	// leaderWait is how long nobody may answer for a stream, and leaderPause how long to wait
	// before it is asked for again. A cluster needs some seconds to choose another leader.
	leaderWait  = 15 * time.Second
	leaderPause = 250 * time.Millisecond
	// codeNoCluster is the answer of a cluster that has no leader itself.
	codeNoCluster = 10008
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
	var consumer jetstream.Consumer
	err = withLeader(ctx, r.o.Stream, func() (err error) {
		consumer, err = r.conn.js.CreateConsumer(ctx, r.o.Stream, r.consumer())
		return err //nolint:wrapcheck // withLeader does
	})
	if err != nil {
		return false, err
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
			switch {
			case isLeaderless(err) || errors.Is(err, jetstream.ErrConsumerNotFound): // its server is gone, and it with that
				return false, nil
			case err != nil:
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
	case isLeaderless(err) || errors.Is(err, jetstream.ErrConsumerDeleted):
		return false, nil
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
	var (
		s     jetstream.Stream
		there *jetstream.RawStreamMsg
	)
	err := withLeader(ctx, stream, func() (err error) {
		s, err = c.js.Stream(ctx, stream)
		return err //nolint:wrapcheck // withLeader does
	})
	if err != nil {
		return err
	}
	err = withLeader(ctx, stream, func() (err error) {
		there, err = s.GetMsg(ctx, k.Sequence)
		return err //nolint:wrapcheck // withLeader does
	})
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return ErrGone
	case err != nil:
		return fmt.Errorf("message %d: %w", k.Sequence, err)
	case there.Subject != k.Subject || !there.Time.Equal(k.Stored):
		return ErrGone
	}
	err = withLeader(ctx, stream, func() error { return s.DeleteMsg(ctx, k.Sequence) })
	if err != nil {
		return fmt.Errorf("message %d: %w", k.Sequence, err)
	}
	return nil
}

// withLeader calls f, which asks for a stream, until somebody answers for that. Nothing was
// done where nobody did.
func withLeader(ctx context.Context, stream string, f func() error) error {
	wait, cancel := context.WithTimeout(ctx, leaderWait)
	defer cancel()
	var leaderless error
	for {
		err := f()
		switch {
		case err == nil:
			return nil
		case isLeaderless(err):
			leaderless = err
		case leaderless == nil || ctx.Err() == nil: // or ctx has ended while it was asked again
			return fmt.Errorf("stream %s: %w", stream, err)
		}
		select {
		case <-time.After(leaderPause):
		case <-wait.Done():
			return fmt.Errorf("stream %s: no NATS server answers for it: see that enough of them are up, and try again: %w", stream, leaderless)
		}
	}
}

// isLeaderless reports whether nobody was there to answer, which passes when a cluster has
// chosen another leader.
func isLeaderless(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrNoResponders) || errors.As(err, &api) && api.ErrorCode == codeNoCluster
}

package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

const (
	// ackFetchTime is how long one pull waits for notes, which are heard as they come.
	ackFetchTime = 2 * time.Second
	// ackInactive is when the server forgets a follower that is gone.
	ackInactive = time.Minute
	// ackGoodbye bounds telling the server so.
	ackGoodbye = time.Second
)

// errAckGap says that the server delivered what never came.
var errAckGap = errors.New("a note was lost on its way")

// FollowAcks calls hear with every note on acknowledgement that is still stored,
// in order, one at a time, and returns when that is done; then it goes on with
// what is told until stop, which waits for the last call to end. With each note it
// says when that was told: by the server's clock what was there already, by our own
// what is told now. It outlives reconnects and the loss of anything at the server,
// after which hear may be called again with what it has heard. When the stream is
// not the one it was, or lost its end, lost is called, if there is one, before hear
// is with what is there. Notes that cannot be read are passed over, with an alarm.
// It fails only when ctx ends first (*RetryError).
func (c *Conn) FollowAcks(
	ctx context.Context, hear func(note *drainlinev1.AckNote, told time.Time), lost func(),
) (stop func(), err error) {
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &ackFollower{conn: c, stream: c.names.AckStream(), hear: hear, lost: lost, caught: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() { f.run(following) })
	stop = func() {
		cancel()
		running.Wait()
	}
	select {
	case <-f.caught:
		return stop, nil
	case <-c.closed:
		stop()
		err = ErrClosed
	case <-ctx.Done():
		stop()
		err = cmp.Or(f.reason, context.Cause(ctx))
	}
	return nil, &RetryError{Err: fmt.Errorf("stream %s: %w", f.stream, err)}
}

// ackFollower reads the stream of notes from one sequence to the next. All of it
// runs in one goroutine.
type ackFollower struct {
	conn   *Conn
	stream string
	hear   func(*drainlinev1.AckNote, time.Time)
	lost   func()

	created time.Time // of the stream that last belongs to
	last    uint64    // sequence of the note heard last
	goal    uint64    // sequence up to which it is a replay
	caught  chan struct{}
	ready   bool  // caught is closed
	reason  error // why it does not follow

	buffer  []byte
	trouble Alarm
	unread  Alarm
}

func (f *ackFollower) run(ctx context.Context) {
	for pause := publishPause; ; pause = min(2*pause, publishPauseMax) {
		began := time.Now()
		f.reason = f.follow(ctx)
		if time.Since(began) > publishPauseMax {
			pause = publishPause // it had worked until then
		}
		if ctx.Err() == nil && pause == publishPauseMax && f.trouble.Due() {
			f.conn.log.Warn("acknowledgement is not followed, trying on", "stream", f.stream, "error", f.reason)
		}
		select {
		case <-time.After(pause):
		case <-f.conn.closed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// follow reads with a consumer of its own until something fails or ctx ends.
func (f *ackFollower) follow(ctx context.Context) error {
	link := f.conn.link.Load()
	if link == nil {
		return errAway
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A consumer in memory may be lost with the connection, and a pull always is.
	defer context.AfterFunc(link.up, cancel)()
	stream, err := f.conn.js.Stream(ctx, f.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		f.lose()
	}
	if err != nil {
		return err //nolint:wrapcheck // FollowAcks names the stream
	}
	f.start(stream.CachedInfo())
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.last + 1,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: ackInactive,
	})
	if err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	defer f.leave(ctx, stream, consumer.CachedInfo().Name)
	for heard := uint64(0); ; {
		if heard, err = f.fetch(ctx, consumer, heard); err != nil {
			return err
		}
	}
}

// start looks at what there is to replay. Another stream of the same name, or one
// that lost its end, is read from its beginning.
func (f *ackFollower) start(info *jetstream.StreamInfo) {
	if !f.created.Equal(info.Created) || info.State.LastSeq < f.last {
		f.lose()
		f.created = info.Created
	}
	f.goal = info.State.LastSeq
	if info.State.Msgs == 0 || f.last >= f.goal {
		f.catchUp()
	}
}

// lose says that what was heard is there no more.
func (f *ackFollower) lose() {
	if !f.created.IsZero() && f.lost != nil {
		f.lost()
	}
	f.created, f.last = time.Time{}, 0
}

func (f *ackFollower) catchUp() {
	if !f.ready {
		f.ready = true
		close(f.caught)
	}
}

// leave spares the server the wait until it forgets the consumer.
func (f *ackFollower) leave(ctx context.Context, stream jetstream.Stream, consumer string) {
	if f.conn.link.Load() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackGoodbye)
	defer cancel()
	if err := stream.DeleteConsumer(ctx, consumer); err != nil {
		f.conn.log.Debug("consumer is not deleted", "stream", f.stream, "error", err)
	}
}

// fetch hears what comes within one pull. Heard counts what came through this
// consumer, for the server keeps no account of what arrives.
func (f *ackFollower) fetch(ctx context.Context, consumer jetstream.Consumer, heard uint64) (uint64, error) {
	pull, cancel := context.WithTimeout(ctx, ackFetchTime)
	defer cancel()
	batch, err := consumer.Fetch(fetchMessages, jetstream.FetchContext(pull), jetstream.FetchMaxBytes(fetchBytes))
	if err != nil {
		return heard, fmt.Errorf("fetch: %w", err)
	}
	before := heard
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return heard, fmt.Errorf("fetch: %w", err)
		}
		heard++
		if meta.Sequence.Consumer != heard {
			return heard, errAckGap
		}
		f.last = meta.Sequence.Stream
		f.pass(msg.Data(), f.told(meta))
		if f.last >= f.goal || meta.NumPending == 0 {
			f.catchUp()
		}
	}
	if ctx.Err() != nil {
		return heard, errAway
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return heard, fmt.Errorf("fetch: %w", err)
	}
	if heard > before {
		return heard, nil
	}
	return heard, f.compare(ctx, consumer, heard)
}

// compare asks the server whether it, too, delivered nothing.
func (f *ackFollower) compare(ctx context.Context, consumer jetstream.Consumer, heard uint64) error {
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	if info.Delivered.Consumer != heard {
		return errAckGap
	}
	if info.NumPending == 0 {
		f.catchUp()
	}
	return nil
}

// told is when a note was told. What comes as it is told must not be old because
// the server's clock is behind.
func (f *ackFollower) told(meta *jetstream.MsgMetadata) time.Time {
	if meta.Sequence.Stream > f.goal {
		return time.Now()
	}
	return meta.Timestamp
}

// pass opens a note for hear.
func (f *ackFollower) pass(payload []byte, told time.Time) {
	message, err := wire.Open(f.buffer, payload)
	note := &drainlinev1.AckNote{}
	if err == nil {
		f.buffer = message
		err = proto.Unmarshal(message, note)
	}
	if err != nil {
		if f.unread.Due() {
			f.conn.log.Error("a note on acknowledgement cannot be read: senders it was about will send again",
				"stream", f.stream, "sequence", f.last, "error", err)
		}
		return
	}
	f.hear(note, told)
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

const (
	// AckAge is how long what is told about acknowledgement is kept. Clients send
	// again what was not acknowledged within minutes.
	AckAge = 24 * time.Hour
	// AckIDAge is how long a channel's counter outlives the last request on it:
	// until nothing is known any more of an id that would be given again.
	AckIDAge = 7 * AckAge

	// noteBytes bounds one note before it is sealed, so that many requests of a
	// block are told in a few.
	noteBytes = 256 << 10

	// tellTime bounds a try to tell something: nothing that carries logs waits longer
	// for acknowledgement. hastyTime is the same when the last try failed less than
	// tellAgain ago.
	tellTime  = 2 * time.Second
	hastyTime = 50 * time.Millisecond
	tellAgain = 10 * time.Second

	// headerIncr adds to the counter that a subject of a counter stream is.
	headerIncr = "Nats-Incr"
)

// NextAckID returns the next ackId of a channel (see wire.ChannelID): 0, 1, 2 and
// so on, whichever instance asks. None is given twice, but one whose answer was
// lost is given to nobody. It tries until ctx ends (*RetryError), and fails at
// once where ackIds are not counted (*PermanentError).
func (c *Conn) NextAckID(ctx context.Context, channel wire.ID) (uint64, error) {
	ack, err := c.storeAck(ctx, c.names.AckIDStream(), &nats.Msg{
		Subject: c.names.AckIDSubject(channel), Header: nats.Header{headerIncr: {"+1"}},
	})
	if err != nil {
		return 0, err
	}
	count, err := strconv.ParseUint(ack.Value, 10, 64)
	if err != nil || count == 0 {
		return 0, &PermanentError{Err: fmt.Errorf("stream %s: %q is no count of ackIds", c.names.AckIDStream(), ack.Value)}
	}
	return count - 1, nil
}

// TellRouted tells whoever answers for acknowledgement where the parts of a block
// went, before the block's batches are published. It tries for two seconds, and
// hardly at all when it has just failed; what cannot be told then is kept, up to
// 1 MiB on a connection, and told as soon as that works, unless the process ends
// before. It fails when older notes had to go to make room (*UntoldError), when ctx
// ends first or the connection is closed (*RetryError), and without a stream of
// acknowledgement (*PermanentError); Untold says how much will never be told. What is
// told twice counts once.
func (c *Conn) TellRouted(ctx context.Context, routed []*drainlinev1.Routed) error {
	return tell(ctx, c, wire.StageTransform, routed, func(part []*drainlinev1.Routed) *drainlinev1.AckNote {
		return &drainlinev1.AckNote{Routed: part}
	})
}

// TellSettled tells that every event of these batches is delivered, dead or
// dropped, before their messages are acknowledged. It fails as TellRouted does.
func (c *Conn) TellSettled(ctx context.Context, batches []wire.ID) error {
	const most = noteBytes / (len(wire.ID{}) + 2) // with tag and length
	lost := 0
	for len(batches) > 0 {
		part := batches[:min(len(batches), most)]
		batches = batches[len(part):]
		note := &drainlinev1.AckNote{Settled: make([][]byte, len(part))}
		for i := range part {
			note.Settled[i] = part[i][:]
		}
		dropped, err := c.tellNote(ctx, wire.StageShipper, note, len(part))
		if err != nil {
			return err
		}
		lost += dropped
	}
	return untoldError(lost)
}

// TellReported tells the other instances what a sender has been told, which it is
// told once. It fails as TellRouted does.
func (c *Conn) TellReported(ctx context.Context, reported []*drainlinev1.Ack) error {
	return tell(ctx, c, wire.StageIngest, reported, func(part []*drainlinev1.Ack) *drainlinev1.AckNote {
		return &drainlinev1.AckNote{Reported: part}
	})
}

// tell puts as many items into each note as fit.
func tell[T proto.Message](ctx context.Context, c *Conn, stage string, items []T, note func([]T) *drainlinev1.AckNote) error {
	lost := 0
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && (n == 0 || size < noteBytes) {
			size += proto.Size(items[n])
			n++
		}
		dropped, err := c.tellNote(ctx, stage, note(items[:n]), n)
		if err != nil {
			return err
		}
		lost += dropped
		items = items[n:]
	}
	return untoldError(lost)
}

// tellNote tells a note about so many items, or keeps it: then it returns how many
// items of others were dropped for it.
func (c *Conn) tellNote(ctx context.Context, stage string, note *drainlinev1.AckNote, items int) (dropped int, err error) {
	message, err := proto.Marshal(note)
	if err != nil {
		return 0, &PermanentError{Err: fmt.Errorf("note on acknowledgement: %w", err)}
	}
	try, cancel := context.WithTimeout(ctx, c.untold.patience())
	defer cancel()
	err = c.storeNote(try, stage, message)
	if _, retry := errors.AsType[*RetryError](err); !retry || errors.Is(err, ErrClosed) {
		return 0, err
	}
	dropped = c.keepNote(untoldNote{stage: stage, message: message, items: items}, err)
	if ctx.Err() == nil {
		err = nil // it is told later
	}
	return dropped, err
}

// storeNote tries to store a note until ctx ends. Its id is that of what it says, so
// that a try whose answer was lost is not stored again, now or when it is told later.
func (c *Conn) storeNote(ctx context.Context, stage string, message []byte) error {
	payload := wire.Seal(nil, message)
	_, err := c.storeAck(ctx, c.names.AckStream(), &nats.Msg{
		Subject: c.names.AckSubject(stage), Data: payload,
		Header: nats.Header{wire.HeaderMsgID: {wire.PayloadID(payload).String()}},
	})
	c.untold.tried(err)
	return err
}

// storeAck stores a message about acknowledgement. It knows a stream that is not
// there from one that is away.
func (c *Conn) storeAck(ctx context.Context, stream string, m *nats.Msg) (*jetstream.PubAck, error) {
	for pause := publishPause; ; pause = min(2*pause, publishPauseMax) {
		ack, err := c.storeAckOnce(ctx, m)
		if err == nil {
			return ack, nil
		}
		if errors.Is(err, jetstream.ErrNoStreamResponse) && c.isMissing(ctx, stream) {
			return nil, &PermanentError{Err: fmt.Errorf("stream %s: %w", stream, jetstream.ErrStreamNotFound)}
		}
		if isPermanent(err) || isBadRequest(err) {
			return nil, &PermanentError{Err: fmt.Errorf("%s: %w", m.Subject, err)}
		}
		select {
		case <-time.After(pause):
		case <-c.closed:
			return nil, &RetryError{Err: fmt.Errorf("%s: %w", m.Subject, ErrClosed)}
		case <-ctx.Done():
			return nil, &RetryError{Err: fmt.Errorf("%s: %w", m.Subject, err)}
		}
	}
}

func (c *Conn) storeAckOnce(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	link := c.link.Load()
	if link == nil {
		return nil, errAway
	}
	limit := publishTry
	if c.local {
		limit = publishTryLocal
	}
	try, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// The answer is lost with the connection.
	defer context.AfterFunc(link.up, cancel)()
	ack, err := c.js.PublishMsg(try, m, jetstream.WithRetryAttempts(0))
	if err != nil && ctx.Err() == nil && link.up.Err() != nil {
		return nil, errAway
	}
	return ack, err //nolint:wrapcheck // wrapped by storeAck
}

// isMissing asks whether a stream is not there: nobody answers for one whose
// leader is being elected, either.
func (c *Conn) isMissing(ctx context.Context, stream string) bool {
	_, err := c.js.Stream(ctx, stream)
	return errors.Is(err, jetstream.ErrStreamNotFound)
}

// isBadRequest reports that the server understood a message and does not want it.
func isBadRequest(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == http.StatusBadRequest
}

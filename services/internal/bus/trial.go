package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// trialTime is for one trial: a denial comes at once, silence does not.
	trialTime = 2 * time.Second
	// expectNobody is a name that no stream has: a server stores nothing for it.
	expectNobody = "drainline_doctor_stores_nothing"
	// codeNotThatStream is the answer to that.
	codeNotThatStream = 10060

	headerStatus     = "Status"
	statusBadRequest = "400" // the answer to a malformed pull
)

// ErrDenied is what a trial returns when the user lacks a permission.
var ErrDenied = errors.New("the NATS user may not")

// ErrNobody is what a trial returns when neither a stream nor a consumer is there.
var ErrNobody = errors.New("nothing listens there")

// Server is the version of the server, and how long it takes to answer.
func (c *Conn) Server(ctx context.Context) (version string, answers time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	begun := time.Now()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return "", 0, fmt.Errorf("bus: %w", err)
	}
	return c.nc.ConnectedServerVersion(), time.Since(begun), nil
}

// TryPublish is nil when a message on a subject would be stored, and stores none: the
// server is told to expect a stream that is not there. It fails with ErrDenied when the
// user may not publish there, and with ErrNobody where no stream has the subject.
func (c *Conn) TryPublish(ctx context.Context, subject string) error {
	m := nats.NewMsg(subject)
	m.Header.Set(jetstream.ExpectedStreamHeader, expectNobody)
	answer, err := c.try(ctx, m)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", subject, err)
	}
	var said struct {
		Error struct {
			Code int `json:"err_code"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &said); err != nil || said.Error.Code != codeNotThatStream {
		return fmt.Errorf("publish to %s: unexpected answer %q", subject, answer.Data)
	}
	return nil
}

// TryConsume is nil when a consumer's messages could be had and acknowledged. It takes none:
// the pull it sends is malformed, and what it acknowledges is no message. It fails with
// ErrDenied when the user may not do either, and with ErrNobody where there is no such
// consumer.
func (c *Conn) TryConsume(ctx context.Context, stream, consumer string) error {
	name := stream + "." + consumer
	pull := nats.NewMsg("$JS.API.CONSUMER.MSG.NEXT." + name)
	pull.Data = []byte("{")
	answer, err := c.try(ctx, pull)
	if err == nil && answer.Header.Get(headerStatus) != statusBadRequest {
		err = fmt.Errorf("unexpected answer %q", answer.Header.Get(headerStatus))
	}
	if err != nil {
		return fmt.Errorf("take from %s: publish to %s: %w", name, pull.Subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	progress := nats.NewMsg("$JS.ACK." + name + ".1.0.0.0.0")
	progress.Data = []byte("+WPI")
	if err := c.send(ctx, progress); err != nil {
		return fmt.Errorf("acknowledge what is taken from %s: publish to %s: %w", name, progress.Subject, err)
	}
	return nil
}

// TrySubscribe is nil when what comes on a subject may be heard, and fails with ErrDenied
// when the user may not.
func (c *Conn) TrySubscribe(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	sub, err := c.nc.SubscribeSync(subject)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is gone
	if err = c.nc.FlushWithContext(ctx); err == nil && c.isDenied(subject) {
		err = ErrDenied
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return nil
}

// try sends a message and waits for its answer.
func (c *Conn) try(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	m.Reply = c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(m.Reply)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says of what
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is gone
	if err := c.send(ctx, m); err != nil {
		return nil, err
	}
	answer, err := sub.NextMsgWithContext(ctx)
	switch {
	case c.isDenied(m.Reply):
		return nil, fmt.Errorf("%w subscribe to answers, %s.>", ErrDenied, strings.SplitN(m.Reply, ".", 2)[0]) //nolint:mnd // first and rest
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNobody
	case err != nil:
		return nil, fmt.Errorf("no answer within %v: %w", trialTime, err)
	}
	return answer, nil
}

// send returns when the server has taken a message, or has said that it may not be sent.
func (c *Conn) send(ctx context.Context, m *nats.Msg) error {
	if err := c.nc.PublishMsg(m); err != nil {
		return err //nolint:wrapcheck // the caller says of what
	}
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return err //nolint:wrapcheck // the caller says of what
	}
	if c.isDenied(m.Subject) {
		return ErrDenied
	}
	return nil
}

// isDenied reports whether the last thing that the server refused was this subject. The
// connection knows that before the answer to a flush, and what hears its errors only later.
func (c *Conn) isDenied(subject string) bool {
	err := c.nc.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), strconv.Quote(subject))
}

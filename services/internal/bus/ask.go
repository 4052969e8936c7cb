package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Operator is the Options.Name of commands that ask services and watch what they publish.
const Operator = "operator"

// Bounds of what is taken of answers: in number, in bytes as they come, and of one when it
// is inflated.
const (
	maxAnswers   = 1000
	answersBytes = 256 << 20
	maxInflated  = 64 << 20
)

// quietShare of the time to wait is how long it may be quiet after an answer: a slow
// instance on a busy machine must not be missing.
const quietShare = 2

// Answer is what one process has answered.
type Answer struct {
	Content []byte
	// Err says why there is no content.
	Err error
}

// Ask asks all processes how they are (see Service.Answer) and returns what was answered
// within wait, or until it was quiet for half of that after an answer. There are
// 1,000 answers at most. No answer at all is no error.
func (c *Conn) Ask(ctx context.Context, wait time.Duration) ([]Answer, error) {
	subject := c.names.StatusSubject()
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }() // the connection may be gone
		err = errors.Join(sub.SetPendingLimits(maxAnswers, answersBytes), c.nc.PublishRequest(subject, inbox, nil))
	}
	if err != nil {
		return nil, fmt.Errorf("bus: asking %s: %w", subject, err)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var answers []Answer
	for len(answers) < maxAnswers {
		m, err := nextAnswer(waiting, sub, answers != nil, wait/quietShare)
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			return answers, nil
		case ctx.Err() != nil:
			return answers, fmt.Errorf("bus: asking %s: %w", subject, context.Cause(ctx))
		case errors.Is(err, context.DeadlineExceeded):
			return answers, c.denial()
		case err != nil:
			return answers, fmt.Errorf("bus: asking %s: %w", subject, err)
		}
		answers = append(answers, newAnswer(m))
	}
	return answers, nil
}

// nextAnswer waits for one more answer, after the first no longer than quiet.
func nextAnswer(ctx context.Context, sub *nats.Subscription, more bool, quiet time.Duration) (*nats.Msg, error) {
	if more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quiet)
		defer cancel()
	}
	m, err := sub.NextMsgWithContext(ctx)
	if err == nil && len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return nil, nats.ErrNoResponders
	}
	return m, err //nolint:wrapcheck // the caller does
}

func newAnswer(m *nats.Msg) Answer {
	if text := m.Header.Get(micro.ErrorHeader); text != "" {
		return Answer{Err: errors.New(text)}
	}
	if m.Header.Get(headerEncoding) != encodingS2 {
		return Answer{Content: m.Data}
	}
	n, err := s2.DecodedLen(m.Data)
	if err == nil && n > maxInflated {
		err = fmt.Errorf("it says that it has %d bytes", n)
	}
	var content []byte
	if err == nil {
		content, err = s2.Decode(nil, m.Data)
	}
	if err != nil {
		return Answer{Err: fmt.Errorf("an answer cannot be inflated: %w", err)}
	}
	return Answer{Content: content}
}

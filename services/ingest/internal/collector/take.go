package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/hec"
)

// answering is how long an answer may take to reach the client.
const answering = 10 * time.Second

// take stores the events of a request and returns the answer. It fails with a
// *hec.RefusedError, with a *busyError, with body.ErrGone, or with what keeps the
// request from being stored.
func (c *Collector) take(w http.ResponseWriter, q *request, e endpoint) ([]byte, error) {
	if c.draining.Load() {
		c.Counts.Draining.Add(1)
		return nil, &busyError{hec.ShuttingDown, pause, "the door is about to close"}
	}
	defer c.active.Add(-1)
	if n := c.active.Add(1); n > int64(q.rules.Requests) {
		c.Counts.Crowded.Add(1)
		return nil, &busyError{hec.ServerBusy, pause, "too many requests at a time"}
	}
	var channel string
	if q.token.Ack {
		var err error
		if channel, err = q.channel(); err != nil {
			return nil, err
		}
	}
	if wait := q.bound().Peek(time.Now()); wait > 0 {
		return nil, c.overRate(wait)
	}
	b, err := c.read(w, q, c.Bodies, q.rules.bodyLimits())
	if err != nil {
		return nil, err
	}
	defer b.Release()
	if wait, ok := q.bound().Allow(time.Now(), len(b.Bytes)); !ok {
		return nil, c.overRate(wait)
	}
	m, err := q.open(e, b.Bytes)
	if err != nil {
		return nil, err
	}
	return c.keep(q, m, channel)
}

// unacknowledged says that a request can be given no ackId: nothing is wrong with
// where logs are stored.
func (c *Collector) unacknowledged(ctx context.Context, err error) error {
	c.Counts.Acks.Add(1)
	if n, ok := c.unnumbered.Speak(); ok {
		c.Log.WarnContext(ctx, "requests cannot be given an ackId, clients are told to send them again", "error", err, "requests", n)
	}
	return &busyError{hec.ServerBusy, pause, "there is no ackId"}
}

func (c *Collector) overRate(wait time.Duration) error {
	c.Counts.OverRate.Add(1)
	return &busyError{hec.QueueFull, wait, "the token is over its rate"}
}

// read takes the body off the connection. Its errors are those of take.
func (c *Collector) read(w http.ResponseWriter, q *request, memory *body.Reader, limits body.Limits) (*body.Body, error) {
	gzipped, known := body.Gzipped(q.http.Header)
	if !known {
		return nil, refusal(hec.UnsupportedEncoding, "the content encoding must be gzip or none")
	}
	if !gzipped {
		limits.Compressed = limits.Inflated
	}
	if q.http.ContentLength > limits.Compressed {
		return nil, tooLarge(limits)
	}
	// The server's own limit begins with the headers, and may be less than an upload.
	end := q.received.Add(limits.Upload + q.rules.Hold + answering)
	_ = http.NewResponseController(w).SetWriteDeadline(end) // fails on a connection that reading fails on, too
	ctx, cancel := context.WithDeadline(q.http.Context(), q.received.Add(q.rules.Hold))
	defer cancel()
	b, err := memory.Read(ctx, w, q.http, limits, gzipped)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return nil, tooLarge(limits)
	case errors.Is(err, body.ErrBroken):
		return nil, fmt.Errorf("%w: %w", refusal(hec.InvalidDataFormat, err.Error()), err)
	case err != nil:
		return nil, fmt.Errorf("body: %w", err)
	}
	return b, nil
}

func tooLarge(limits body.Limits) error {
	return refusal(hec.TooLarge, fmt.Sprintf("the body is over %d bytes, or %d before it is inflated", limits.Inflated, limits.Compressed))
}

// keep stores what was found in a body. A client that hangs up meanwhile has not
// taken it back: some never wait for an answer.
func (c *Collector) keep(q *request, m *message, channel string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.http.Context()), q.rules.Hold)
	defer cancel()
	if err := parcel.Await(ctx, c.Healthy); err != nil {
		return nil, err
	}
	a := hec.NewAnswer(hec.Success)
	var ack *drainlinev1.Ack
	if channel != "" {
		var err error
		if ack, err = c.Acks.Issue(ctx, q.token.Name, channel); err != nil {
			return nil, c.unacknowledged(ctx, err)
		}
		a.AckID = int64(ack.GetId())
	}
	if err := c.Store.Store(ctx, q.parcel(m, ack)); err != nil {
		if ack != nil {
			c.Acks.Withdraw(ack)
		}
		return nil, fmt.Errorf("store: %w", err)
	}
	c.trouble.Passed()
	c.Counts.Events.Add(m.events)
	c.Counts.Bytes.Add(m.size)
	return hec.AppendAnswer(nil, a), nil
}

package door

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/logplex"
)

// take returns nil once the request is stored. It fails with a *refusal, with
// body.ErrGone, or with what keeps the request from being stored.
func (d *Door) take(w http.ResponseWriter, q *request) error {
	gzipped, known := body.Gzipped(q.http.Header)
	if !known {
		d.Counts.Unsupported.Add(1)
		return &refusal{http.StatusUnsupportedMediaType, "the content encoding must be gzip or none"}
	}
	if err := d.permit(q); err != nil {
		return err
	}
	limits := q.rules.limits(gzipped)
	switch length := q.http.ContentLength; {
	case length == 0:
		return nil
	case length > limits.Compressed:
		return d.tooLarge(limits)
	}
	// A sender that hangs up has not taken its request back.
	base := context.WithoutCancel(q.http.Context())
	ctx, cancel := context.WithDeadline(base, q.received.Add(q.rules.Hold))
	defer cancel()
	q.pace()
	leave, err := q.rules.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	b, err := d.read(ctx, w, q, limits, gzipped)
	if err != nil {
		return err
	}
	defer b.Release()
	if !q.over {
		q.Rate.Spend(time.Now(), len(b.Bytes))
	}
	if time.Until(q.received.Add(q.rules.Hold)) < parcel.LeastHold {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(base, parcel.LeastHold)
		defer cancel()
	}
	return d.keep(ctx, q, b.Bytes)
}

// permit refuses what the operator does not want, although it knows the sender.
func (d *Door) permit(q *request) error {
	if !q.maySpeak() {
		d.Counts.Foreign.Add(1)
		return &refusal{http.StatusForbidden, "the credential is limited to other apps than the one that the drain or its URL names"}
	}
	if q.unknown && q.rules.UnknownDrains == config.RejectDrains {
		d.unknowns.see(q, 0)
		d.Counts.Unlisted.Add(1)
		return &refusal{http.StatusForbidden, "the drain is not listed, and unknown drains are to be rejected"}
	}
	return nil
}

// pace delays a sender that is over its rate, before its body takes up memory.
// Nobody is refused for it, since that would lose the lines: who would have to
// wait for too long is let in and marked.
func (q *request) pace() {
	most := max(0, time.Until(q.received.Add(q.rules.Hold-parcel.LeastHold)))
	wait, ok := q.Rate.Delay(time.Now(), 0, most)
	if !ok {
		wait, q.over = most, true
		q.note(wire.MarkOverRate)
	}
	time.Sleep(wait)
}

func (d *Door) tooLarge(l body.Limits) error {
	d.Counts.TooLarge.Add(1)
	return &refusal{
		http.StatusRequestEntityTooLarge,
		fmt.Sprintf("the body is over the limit of %d bytes, or of %d as sent", l.Inflated, l.Compressed),
	}
}

func (d *Door) read(ctx context.Context, w http.ResponseWriter, q *request, l body.Limits, gzipped bool) (*body.Body, error) {
	b, err := d.bodies.Read(ctx, w, q.http, l, gzipped)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return nil, d.tooLarge(l)
	case errors.Is(err, body.ErrBroken):
		d.Counts.Malformed.Add(1)
		return nil, &refusal{http.StatusBadRequest, body.ErrBroken.Error()}
	default:
		return b, err
	}
}

// keep stores a body. A body that is framed in part, or that begins as a frame
// does, is kept whole, since a refusal would lose the good lines with the rest.
func (d *Door) keep(ctx context.Context, q *request, content []byte) error {
	frames, framed, bad := logplex.Check(content)
	switch {
	case frames > 0:
	case bad == nil: // nothing, or line ends
		return nil
	case !bad.Plausible():
		d.Counts.Malformed.Add(1)
		return &refusal{http.StatusBadRequest, bad.Error()}
	}
	d.compareCount(q.http.Header, frames)
	if q.unknown && q.rules.UnknownDrains == config.QuarantineDrains {
		q.note(wire.MarkUnknownDrain)
	}
	p := q.parcel(content, frames, framed)
	if err := parcel.Await(ctx, d.Healthy); err != nil {
		return err
	}
	if err := d.Store.Store(ctx, p); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	d.trouble.Passed()
	d.rules.Load().expected.see(q)
	d.countMarks(q, frames)
	return nil
}

// countMarks counts what was noted about a request that is stored.
func (d *Door) countMarks(q *request, frames int) {
	if q.over {
		d.Counts.OverRate.Add(1)
	}
	if q.unknown {
		d.Counts.Unknown.Add(1)
		d.unknowns.see(q, frames)
	}
}

// compareCount only counts: the header says what the sender meant to send, and
// the body is what there is.
func (d *Door) compareCount(h http.Header, frames int) {
	values := h[headerMsgCount]
	if len(values) == 0 {
		return
	}
	if n, err := strconv.Atoi(values[0]); err != nil || n != frames {
		d.Counts.Mismatches.Add(1)
	}
}

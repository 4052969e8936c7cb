package door

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/internal/logplex"
)

const (
	// storing is the least time a request has to be stored in.
	storing = 500 * time.Millisecond
	// recheck is how often a request that is held looks whether storing may go on.
	recheck = 50 * time.Millisecond
)

// take returns nil once the request is stored. It fails with a *refusal, with
// body.ErrGone, or with what keeps the request from being stored.
func (d *Door) take(w http.ResponseWriter, q *request) error {
	gzipped, err := d.gzipped(q.http.Header)
	if err != nil {
		return err
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
	overRate := d.pace(q)
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
	if !overRate {
		q.Rate.Spend(time.Now(), len(b.Bytes))
	}
	if time.Until(q.received.Add(q.rules.Hold)) < storing {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(base, storing)
		defer cancel()
	}
	return d.keep(ctx, q, b.Bytes)
}

// gzipped reads what encoding is announced. Logplex never sends one, log-shuttle
// may send gzip.
func (d *Door) gzipped(h http.Header) (bool, error) {
	switch encoding := strings.TrimSpace(first(h["Content-Encoding"])); {
	case encoding == "", strings.EqualFold(encoding, "identity"):
		return false, nil
	case strings.EqualFold(encoding, "gzip"):
		return true, nil
	default:
		d.Counts.Unsupported.Add(1)
		return false, &refusal{http.StatusUnsupportedMediaType, "the content encoding must be gzip or none"}
	}
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
func (d *Door) pace(q *request) (over bool) {
	most := max(0, time.Until(q.received.Add(q.rules.Hold-storing)))
	wait, ok := q.Rate.Delay(time.Now(), 0, most)
	if !ok {
		wait = most
		d.Counts.OverRate.Add(1)
		q.note(wire.MarkOverRate)
	}
	time.Sleep(wait)
	return !ok
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
	if q.unknown {
		d.Counts.Unknown.Add(1)
		d.unknowns.see(q, frames)
		if q.rules.UnknownDrains == config.QuarantineDrains {
			q.note(wire.MarkUnknownDrain)
		}
	}
	parcel := q.parcel(content, frames, framed)
	if err := d.healthy(ctx); err != nil {
		return err
	}
	if err := d.Store.Store(ctx, parcel); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	d.trouble.Passed()
	return nil
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

// healthy waits until requests may be stored.
func (d *Door) healthy(ctx context.Context) error {
	for {
		err := d.Healthy()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(recheck):
		case <-ctx.Done():
			return err
		}
	}
}

package shipper

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// shipment is one request on its way to Splunk. It is used again and again.
type shipment struct {
	destination *destination
	draining    <-chan struct{} // closed when a failed try is not to be repeated
	request     batch.Request
	packed      bytes.Buffer // the compressed body
	slowDown    bool
}

// reset makes the shipment ready for another request.
func (s *shipment) reset(l batch.Limits) {
	s.request.Reset(l)
	s.slowDown = false
	if s.packed.Cap() > l.MaxBytes { // a large event has been in it
		s.packed = bytes.Buffer{}
	}
}

// ship delivers every event of the request, or makes a dead letter of it, and
// settles. When it has to give up, the deliveries go back to the bus: whoever
// ships next has them at once, and need not wait until the bus misses them.
func (s *shipment) ship(ctx context.Context) {
	d := s.destination
	if !s.carry(ctx) {
		s.request.GiveBack()
		return
	}
	d.latency.record(s.request.OldestNS())
	d.settle(ctx, s.request.Settle()...)
	if s.slowDown {
		pause(d.settings().config.Retry.Initial, s.draining, nil)
	}
}

// carry reports whether every event is delivered or dead.
func (s *shipment) carry(ctx context.Context) bool {
	d := s.destination
	var source source
	spans := []batch.Span{s.request.All()}
	for len(spans) > 0 {
		last := len(spans) - 1
		span := spans[last]
		spans = spans[:last]

		err := s.deliver(ctx, span)
		var refused *endpoint.RefusedError
		switch {
		case err == nil:
			d.meters.delivered.Add(span.Len())
		case !errors.As(err, &refused):
			return false
		case span.Len() > 1:
			spans = append(spans, narrow(span, refused)...)
		case !s.buryEvent(ctx, span.From, refused, &source):
			return false
		}
	}
	return true
}

// narrow splits a refused span of several events, to find what in it was refused;
// the last part is to be sent first. Splunk names the event, counting from 0 or,
// for an incorrect index, from 1, and may have indexed those before it: they are
// sent once more and not, as by halving, again and again. Nothing is believed: the
// named event is refused alone before it dies.
func narrow(span batch.Span, refused *endpoint.RefusedError) []batch.Span {
	named := refused.Answer.InvalidEvent
	if refused.Answer.Code == hec.IncorrectIndex {
		named--
	}
	if named < 0 || named >= span.Len() || refused.Status == http.StatusRequestEntityTooLarge {
		first, second := span.Halves()
		return []batch.Span{second, first}
	}
	named += span.From
	var parts []batch.Span
	for _, part := range []batch.Span{{From: named + 1, To: span.To}, {From: named, To: named + 1}, {From: span.From, To: named}} {
		if part.Len() > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// deliver sends a span until Splunk takes or refuses it (*endpoint.RefusedError).
// Any other error means that there was no more time.
func (s *shipment) deliver(ctx context.Context, span batch.Span) error {
	d := s.destination
	body := s.request.Body(span)
	turn := d.settings().client.Turn()
	compressed := false
	for try := 0; ; try++ {
		now := d.settings() // of this try: a reload may change them before the next
		payload := body
		if now.config.Gzip {
			if !compressed {
				d.gzip.Compress(&s.packed, body)
				compressed = true
			}
			payload = s.packed.Bytes()
		}
		d.meters.requests.Add(1)
		d.meters.bytes.Add(len(body))
		d.meters.sent.Add(len(payload))
		answer, err := now.client.Send(ctx, turn+uint64(try), payload, now.config.Gzip)
		var refused *endpoint.RefusedError
		switch {
		case err == nil:
			s.slowDown = s.slowDown || endpoint.SlowDown(answer)
			return nil
		case errors.As(err, &refused), !pause(backoff(now.config.Retry, try, err), s.draining, now.replaced):
			return err
		}
		d.meters.retries.Add(1)
	}
}

// buryEvent makes a dead letter of one refused event.
func (s *shipment) buryEvent(ctx context.Context, event int, refused *endpoint.RefusedError, from *source) bool {
	d := s.destination
	ticket, position := s.request.Source(event)
	letter, err := from.letter(ticket.Delivery, position)
	if err != nil {
		// It was readable before, so this machine's memory is at fault. The message
		// is on the bus still.
		d.log.Error("a message cannot be read a second time", "id", ticket.Delivery.ID, "error", err)
		return false
	}
	letter.Destination = d.name
	letter.Reason = refused.Reason()
	letter.Sentence = "Splunk refuses the event: " + refused.Error()
	address(letter, ticket.Delivery.ID, position)
	if !d.bury(ctx, s.draining, letter) {
		return false
	}
	if d.refusals.Due() {
		d.log.Warn("Splunk refuses events, which are kept as dead letters", "error", refused)
	}
	return true
}

package shipper

import (
	"bytes"
	"context"
	"errors"

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
// settles. When it has to give up it settles nothing: what the deliveries hold
// comes again.
func (s *shipment) ship(ctx context.Context) {
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
			return
		case span.Len() > 1:
			first, second := narrow(span, refused)
			spans = append(spans, second, first)
		case !s.buryEvent(ctx, span.From, refused, &source):
			return
		}
	}
	d.latency.record(s.request.OldestNS())
	s.request.Settle()
	if s.slowDown {
		pause(d.settings().config.Retry.Initial, s.draining, nil)
	}
}

// narrow splits a refused span, to find what in it was refused. Splunk names the
// event (refused.Answer.InvalidEvent), counting from 0 or, for an incorrect index,
// from 1, and may have indexed those before it; halving needs neither to be true.
func narrow(span batch.Span, _ *endpoint.RefusedError) (first, second batch.Span) {
	return span.Halves()
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
	if d.refusals.due() {
		d.log.Warn("Splunk refuses events, which are kept as dead letters", "error", refused)
	}
	return true
}

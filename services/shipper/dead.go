package shipper

import (
	"context"
	"fmt"
	"sync"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// Reasons of dead letters, beside hec_<code> and hec_http_<status>, which are Splunk's.
const (
	// ReasonUnknownIndex is for an event whose index is not among the destination's.
	ReasonUnknownIndex = "unknown_index"
	// ReasonLargeEvent is for an event over the destination's max_event.
	ReasonLargeEvent = "large_event"
	// ReasonGaveUp is for events that could not be delivered for retry.give_up_after.
	ReasonGaveUp = "gave_up"
	// ReasonTokenRefused is for an event whose rule has chosen a token that Splunk refuses.
	// It is not sent with the destination's own, which may do more than that one.
	ReasonTokenRefused = "token_refused"
	// ReasonStreamFull is for what a full stream has no room for.
	ReasonStreamFull = "stream_full"
)

// buryTry bounds one try to store a dead letter, after which the trouble is told.
const buryTry = 2 * time.Second

// source reads events a second time, from the deliveries that are still held. It
// remembers the last delivery, since such events often come together. What it returns is
// valid until it reads of another delivery.
type source struct {
	delivery *bus.Delivery
	opened   opened
	one      wire.Event
}

func (s *source) read(delivery *bus.Delivery) error {
	if s.delivery == delivery {
		return nil
	}
	s.delivery = nil
	if err := s.opened.decode(delivery); err != nil {
		return fmt.Errorf("message %s cannot be read a second time: %w", delivery.ID, err)
	}
	s.delivery = delivery
	return nil
}

// event reads one event, valid until the next. The caller may change it, but not what it
// points to.
func (s *source) event(delivery *bus.Delivery, position int) (*wire.Event, error) {
	if err := s.read(delivery); err != nil {
		return nil, err
	}
	s.one = s.opened.batch.Events[position]
	return &s.one, nil
}

// app is the app that an event came from.
func (s *source) app(delivery *bus.Delivery, position int) (string, error) {
	if err := s.read(delivery); err != nil {
		return "", err
	}
	b := &s.opened.batch
	return b.Origins[b.Events[position].Origin].App, nil
}

// letter begins a dead letter that holds some events of a delivery, as an
// EventBatch of its own, with that id, that can be published again.
func (s *source) letter(delivery *bus.Delivery, positions []int, id wire.ID) (*drainlinev1.DeadBlock, error) {
	if err := s.read(delivery); err != nil {
		return nil, err
	}
	b := &s.opened.batch
	alone := *b
	// An id of its own: under the batch's the stream would take a replay for a
	// duplicate.
	alone.ID = id
	alone.Ack = false // whoever waits does so for the batch
	alone.Origins = nil
	oldest := b.Origins[b.Events[positions[0]].Origin]
	traced := oldest
	numbers := map[uint32]uint32{}
	var events []byte
	for _, position := range positions {
		event := b.Events[position]
		number, known := numbers[event.Origin]
		if !known {
			number = uint32(len(alone.Origins))
			numbers[event.Origin] = number
			origin := b.Origins[event.Origin]
			alone.Origins = append(alone.Origins, origin)
			if origin.ReceivedNS < oldest.ReceivedNS {
				oldest = origin
			}
			if !isTraced(&traced) {
				traced = origin
			}
		}
		event.Origin = number
		events = wire.AppendEvent(events, &event)
	}
	return &drainlinev1.DeadBlock{
		Stage:      wire.StageShipper,
		Content:    drainlinev1.Content_CONTENT_EVENT_BATCH,
		Original:   append(wire.AppendBatch(nil, &alone), events...),
		Attempts:   uint32(delivery.Attempts),
		ReceivedNs: oldest.ReceivedNS,
		Subject:    delivery.Subject,
		Trace:      &drainlinev1.Trace{Traceparent: traced.Traceparent, Tracestate: traced.Tracestate},
	}, nil
}

// bury makes dead letters of events, one for each delivery that has some of them.
func (s *shipment) bury(ctx context.Context, events batch.Selection, f fate) error {
	var (
		ticket    *batch.Ticket
		positions []int
	)
	for event := range events.Events() {
		t, position := s.contents.Source(event)
		if t != ticket && len(positions) > 0 {
			if err := s.buryTogether(ctx, ticket, positions, f); err != nil {
				return err
			}
			positions = positions[:0]
		}
		ticket, positions = t, append(positions, position)
	}
	return s.buryTogether(ctx, ticket, positions, f)
}

// buryTogether makes one dead letter of events of one delivery.
func (s *shipment) buryTogether(ctx context.Context, ticket *batch.Ticket, positions []int, f fate) error {
	d := s.destination
	these := wire.EventsID(ticket.Delivery.ID, positions)
	letter, err := s.source.letter(ticket.Delivery, positions, these)
	if err != nil {
		return err
	}
	letter.Destination, letter.Reason, letter.Sentence = d.name, f.reason, f.sentence
	// Its id is the same whenever these events die for this reason.
	id := wire.DeadID(these, letter.GetStage(), letter.GetReason())
	letter.Id = id[:]
	if !d.bury(ctx, s.running.Done(), letter) {
		return errStopped
	}
	ticket.Touch()
	d.meters.dead.Add(len(positions))
	var booked account
	for _, position := range positions {
		b := &s.source.opened.batch // which the letter was made of
		booked.add(ticket, b, &b.Events[position], dead)
	}
	d.books.Post(&booked.tally)
	return nil
}

// bury stores a dead letter, however long that takes. It reports false when ctx
// ended or shipping drains first: then nothing may be settled.
func (d *destination) bury(ctx context.Context, draining <-chan struct{}, letter *drainlinev1.DeadBlock) bool {
	for try := 0; ; try++ {
		err := d.buryOnce(ctx, letter)
		if err == nil {
			return true
		}
		if ctx.Err() != nil || !pause(backoff(d.settings().config.Retry, try, err), draining, nil, nil) {
			return false
		}
	}
}

// buryOnce is one try to store a dead letter.
func (d *destination) buryOnce(ctx context.Context, letter *drainlinev1.DeadBlock) error {
	try, cancel := context.WithTimeout(ctx, buryTry)
	defer cancel()
	err := d.bus.Dead(try, letter)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if d.burials.note(err) {
		d.log.ErrorContext(ctx, "a dead letter cannot be stored, the event is held until it can", "reason", letter.GetReason(), "error", err)
	}
	return err
}

// trouble is something that goes wrong for the destination until it does not any more.
type trouble struct {
	alarm bus.Alarm

	mu     sync.Mutex
	reason error
}

// note takes the outcome of a try and reports whether it is worth a line in the log.
func (t *trouble) note(err error) bool {
	t.mu.Lock()
	t.reason = err
	t.mu.Unlock()
	return err != nil && t.alarm.Due()
}

func (t *trouble) why() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason
}

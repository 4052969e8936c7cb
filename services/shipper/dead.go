package shipper

import (
	"context"
	"sync"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// buryTry bounds one try to store a dead letter, after which the trouble is told.
const buryTry = 2 * time.Second

// source reads events a second time, from the deliveries that are still held. It
// remembers the last delivery, since refused events often come together.
type source struct {
	delivery *bus.Delivery
	batch    wire.Batch
}

// letter begins a dead letter that holds one event of a delivery, as an
// EventBatch of its own that can be published again.
func (s *source) letter(delivery *bus.Delivery, position int) (*drainlinev1.DeadBlock, error) {
	if s.delivery != delivery {
		var o opened
		if err := o.decode(delivery); err != nil {
			return nil, err
		}
		s.delivery, s.batch = delivery, o.batch
	}
	event := s.batch.Events[position]
	origin := s.batch.Origins[event.Origin]
	event.Origin = 0
	alone := s.batch
	// An id of its own: under the batch's the stream would take a replay for a
	// duplicate.
	alone.ID = wire.PartID(delivery.ID, position)
	alone.Origins = []wire.Origin{origin}
	alone.Ack = false // whoever waits does so for the batch
	return &drainlinev1.DeadBlock{
		Stage:      wire.StageShipper,
		Content:    drainlinev1.Content_CONTENT_EVENT_BATCH,
		Original:   wire.AppendEvent(wire.AppendBatch(nil, &alone), &event),
		Attempts:   uint32(delivery.Attempts),
		ReceivedNs: origin.ReceivedNS,
		Subject:    delivery.Subject,
		Trace:      &drainlinev1.Trace{Traceparent: origin.Traceparent, Tracestate: origin.Tracestate},
	}, nil
}

// address gives a letter about one event its id, the same whenever that event
// dies for that reason.
func address(letter *drainlinev1.DeadBlock, delivery wire.ID, position int) {
	id := wire.DeadID(wire.PartID(delivery, position), letter.GetStage(), letter.GetReason())
	letter.Id = id[:]
}

// bury stores a dead letter, however long that takes. It reports false when ctx
// ended or shipping drains first: then nothing may be settled.
func (d *destination) bury(ctx context.Context, draining <-chan struct{}, letter *drainlinev1.DeadBlock) bool {
	for try := 0; ; try++ {
		tryCtx, cancel := context.WithTimeout(ctx, buryTry)
		err := d.bus.Dead(tryCtx, letter)
		cancel()
		if err == nil {
			d.burials.note(nil)
			d.meters.dead.Add(1)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if d.burials.note(err) {
			d.log.Error("a dead letter cannot be stored, the event is held until it can", "reason", letter.GetReason(), "error", err)
		}
		if !pause(backoff(d.settings().config.Retry, try, err), draining, nil) {
			return false
		}
	}
}

// burials follows whether dead letters can be stored.
type burials struct {
	alarm bus.Alarm

	mu     sync.Mutex
	reason error
}

// note takes the outcome of a try and reports whether it is worth a line in the log.
func (b *burials) note(err error) bool {
	b.mu.Lock()
	b.reason = err
	b.mu.Unlock()
	return err != nil && b.alarm.Due()
}

func (b *burials) trouble() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reason
}

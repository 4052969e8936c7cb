package shipper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// parcel is events that Splunk has accepted and not yet acknowledged as indexed.
type parcel struct {
	key      key
	contents batch.Contents
	account  *account
	accepted time.Time
	// span is that of working on what it was sent with.
	span trace.SpanContext
}

// indexed takes a parcel that Splunk has acknowledged.
func (d *destination) indexed(p *parcel) {
	d.books.Post(&p.account.tally)
	d.acks.note(nil)
	d.parking.delivered()
	d.meters.delivered.Add(p.contents.Len())
	d.meters.acknowledged.Record(context.Background(), time.Since(p.accepted).Seconds())
	d.arrived(&p.contents)
	d.settleContents(context.Background(), &p.contents)
	d.lost.wake()
}

// neverIndexed takes a parcel of which it will never be known: it is sent again.
func (d *destination) neverIndexed(p *parcel, why error) {
	d.meters.possibleDuplicates.Add(p.contents.Len())
	d.meters.lostAcks.Add(1)
	if d.acks.note(fmt.Errorf("what Splunk has accepted it does not acknowledge: %w", why)) {
		ctx := trace.ContextWithSpanContext(context.Background(), p.span)
		d.log.WarnContext(ctx, "Splunk does not acknowledge what it has accepted, which is sent again", "error", why)
	}
	if hold, ok := errors.AsType[*endpoint.HoldError](why); ok {
		// It would be accepted and not acknowledged again, and again.
		d.park(hold, d.probeLater)
	}
	d.lost.add(p)
}

// lost holds parcels until they are sent again. There are no more than may be pending.
type lost struct {
	mu      sync.Mutex
	parcels []*parcel
	changed chan struct{} // something was acknowledged or lost
}

func newLost() *lost { return &lost{changed: make(chan struct{}, 1)} }

func (l *lost) add(p *parcel) {
	l.mu.Lock()
	l.parcels = append(l.parcels, p)
	l.mu.Unlock()
	l.wake()
}

func (l *lost) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// take takes all parcels.
func (l *lost) take() []*parcel {
	l.mu.Lock()
	defer l.mu.Unlock()
	parcels := l.parcels
	l.parcels = nil
	return parcels
}

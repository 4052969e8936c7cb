package shipper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper/internal/ack"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
	"github.com/drainline/drainline/services/shipper/internal/pace"
)

// drainTimeout bounds how long requests in flight, and acknowledgement, are waited for
// when shipping ends. It is well below the bus's AckWait, within which the messages
// stay ours.
const drainTimeout = 10 * time.Second

// destination ships one stream to one Splunk.
type destination struct {
	name     string
	bus      *bus.Conn
	log      *slog.Logger
	tracer   trace.Tracer // may be nil
	meters   *meters
	latency  *latency
	books    *ledger.Ledger
	refusals bus.Alarm
	strange  bus.Alarm // tokens that the configuration does not have
	indexes  *unknownIndexes
	burials  trouble // dead letters that cannot be stored
	acks     trouble // acknowledgements that do not come
	fullness trouble // a stream without room
	untold   bus.Alarm
	parkings bus.Alarm
	channel  string
	version  string
	drain    time.Duration // how long what is in flight is waited for at the end
	// mostPending bounds the requests that Splunk has accepted and not acknowledged.
	mostPending int

	window  *pace.Window
	rate    *pace.Rate
	tracker *ack.Tracker[*parcel]
	parking *parking
	turns   chan turn
	lost    *lost
	flying  atomic.Int64 // requests in flight

	current atomic.Pointer[settings]
	started bool          // guarded by Shipper.mu
	removed chan struct{} // closed when the configuration has lost it
}

func newDestination(name string, o Options, m *meters, l *latency, books *ledger.Ledger) *destination {
	d := &destination{
		name: name, bus: o.Bus, log: o.Log.With("destination", name), tracer: o.Tracer, meters: m, latency: l, books: books,
		indexes: newUnknownIndexes(o.Metrics, name),
		channel: endpoint.NewChannel(), version: o.Version, drain: drainTimeout, mostPending: mostPending, removed: make(chan struct{}),
		window: pace.NewWindow(1, false), rate: pace.NewRate(config.RateLimit{}),
		parking: newParking(), turns: make(chan turn), lost: newLost(),
	}
	m.destination.Store(d)
	d.tracker = ack.New(ack.Options[*parcel]{Acked: d.indexed, Lost: d.neverIndexed, Log: d.log})
	return d
}

func (d *destination) settings() *settings { return d.current.Load() }

// use puts settings in force. Whoever waits for another try wakes up and makes it
// with them, and what is parked is tried again.
func (d *destination) use(s *settings) {
	d.window.SetMost(s.config.Concurrency.Max, s.config.Concurrency.Adaptive)
	d.rate.Set(s.config.RateLimit)
	d.tracker.SetTimeout(s.config.AckTimeout)
	s.client.Start()
	old := d.current.Swap(s)
	if d.parking.cure() {
		d.parking.setTold(false)
	}
	if old != nil {
		close(old.replaced)
		old.client.Close()
	}
}

// run ships until ctx ends or the destination is removed, then drains.
func (d *destination) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	// What is on its way outlives ctx, but not by much.
	flight, ground := context.WithCancel(context.WithoutCancel(ctx))
	landed := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-d.removed:
			stop()
		case <-ctx.Done():
		}
		select {
		case <-time.After(d.drain):
			ground()
		case <-landed:
		}
	})
	watching.Go(func() { d.tend(ctx) })
	watching.Go(func() { d.watchStream(ctx) })
	in := newIntake(d)
	watching.Go(func() { in.run(ctx) })

	p := newPacker(ctx, d, in)
	p.run(flight)
	for _, left := range d.tracker.Drain(flight) {
		left.contents.GiveBack()
	}
	for _, left := range d.lost.take() {
		left.contents.GiveBack()
	}

	d.books.Flush() // which settles
	close(landed)
	stop()
	watching.Wait()
	ground()
	d.settings().client.Close()
}

// healthy is nil while the destination takes events, else says why not.
func (d *destination) healthy() error {
	_, why := d.parking.state()
	if why != nil {
		why = fmt.Errorf("parked: %w", why)
	} else {
		why = d.settings().client.Healthy()
	}
	return errors.Join(why, d.acks.why(), d.burials.why(), d.fullness.why())
}

// settleContents says of contents that all is done with them, and acknowledges on the bus what
// nobody else has a part of.
func (d *destination) settleContents(ctx context.Context, c *batch.Contents) {
	d.settle(ctx, c.Settle()...)
}

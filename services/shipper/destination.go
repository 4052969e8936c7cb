package shipper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// drainTimeout bounds how long requests in flight are waited for when shipping
// ends. It is well below the bus's AckWait, within which the messages stay ours.
const drainTimeout = 10 * time.Second

// destination ships one stream to one Splunk.
type destination struct {
	name     string
	bus      *bus.Conn
	log      *slog.Logger
	meters   *meters
	latency  *latency
	gzip     *batch.Gzip
	refusals bus.Alarm
	burials  burials
	untold   bus.Alarm
	channel  string
	version  string
	drain    time.Duration // how long requests in flight are waited for at the end

	current atomic.Pointer[settings]
	started bool          // guarded by Shipper.mu
	removed chan struct{} // closed when the configuration has lost it
}

// settings are what a reload replaces, all at once.
type settings struct {
	config   config.Destination
	client   *endpoint.Client
	replaced chan struct{} // closed when others are in force
}

func newDestination(name string, o Options, m *meters, l *latency) *destination {
	return &destination{
		name: name, bus: o.Bus, log: o.Log.With("destination", name), meters: m, latency: l,
		gzip: batch.NewGzip(), channel: newGUID(), version: o.Version,
		drain: drainTimeout, removed: make(chan struct{}),
	}
}

// prepare makes settings and puts nothing in force.
func (d *destination) prepare(c config.Destination) (*settings, error) {
	client, err := endpoint.New(&c, endpoint.Options{Channel: d.channel, Version: d.version, Log: d.log})
	if err != nil {
		return nil, err
	}
	return &settings{config: c, client: client, replaced: make(chan struct{})}, nil
}

func (d *destination) settings() *settings { return d.current.Load() }

// use puts settings in force. Whoever waits for another try wakes up and makes it
// with them.
func (d *destination) use(s *settings) {
	if old := d.current.Swap(s); old != nil {
		close(old.replaced)
		old.client.Close()
	}
}

func (s *settings) limits() batch.Limits {
	return batch.Limits{MaxBytes: int(s.config.Batch.MaxBytes), MaxEvents: s.config.Batch.MaxEvents}
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

	in := newIntake(d)
	watching.Go(func() { in.run(ctx) })
	p := packer{destination: d, intake: in, draining: ctx.Done(), finished: make(chan *shipment)}
	p.run(flight)

	close(landed)
	stop()
	watching.Wait()
	ground()
	d.settings().client.Close()
}

// healthy is nil while the destination takes events, else says why not.
func (d *destination) healthy() error {
	return errors.Join(d.settings().client.Healthy(), d.burials.trouble())
}

// newGUID is a random GUID (RFC 9562, version 4) as Splunk wants it for a channel.
func newGUID() string {
	const version, variant = 0x40, 0x80
	var b wire.ID
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6] = b[6]&0x0f | version
	b[8] = b[8]&0x3f | variant
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

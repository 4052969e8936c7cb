package shipper

import (
	"context"
	"sync"
	"time"
)

// parking is whether a destination is parked: it takes nothing as it is configured, so
// that nothing is taken from the bus for it until that is put right.
type parking struct {
	mu      sync.Mutex
	why     error // nil when it is not parked
	since   time.Time
	cured   func(context.Context) error // nil when only a reload cures it
	changed chan struct{}               // closed, and another one, when it is parked or cured
	tries   int                         // to cure it, since something was last delivered
	told    bool                        // the log has heard that it is parked
	spent   time.Duration               // how long it was parked, up to the last cure
}

func newParking() *parking { return &parking{changed: make(chan struct{})} }

// park parks, or does nothing when it is parked. Cured is asked from time to time and says
// with nil that it can go on.
func (p *parking) park(why error, cured func(context.Context) error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		return false
	}
	p.why, p.cured, p.since = why, cured, time.Now()
	p.change()
	return true
}

// cure ends it, and reports whether it was parked.
func (p *parking) cure() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		return false
	}
	p.why, p.cured = nil, nil
	p.spent += time.Since(p.since)
	p.change()
	return true
}

// change wants mu held.
func (p *parking) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// delivered notes that the destination has taken events, and not only said that it would.
func (p *parking) delivered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries = 0
}

// try counts a try to cure it, and returns how many there were before.
func (p *parking) try() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	return p.tries - 1
}

// setTold notes whether the log has heard of it, and returns whether it had.
func (p *parking) setTold(told bool) (before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, p.told = p.told, told
	return before
}

// update says anew why it is parked, if it is.
func (p *parking) update(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		p.why = why
	}
}

// state is why it is parked, nil when it is not; changed is closed when that is no longer so.
func (p *parking) state() (changed <-chan struct{}, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed, p.why
}

// parkedSince is zero when it is not parked.
func (p *parking) parkedSince() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		return time.Time{}
	}
	return p.since
}

// duration is how long it was parked in all, until now if it is.
func (p *parking) duration() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		return p.spent
	}
	return p.spent + time.Since(p.since)
}

func (p *parking) probe() func(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cured
}

// park parks the destination.
func (d *destination) park(why error, cured func(context.Context) error) {
	if d.parking.park(why, cured) && d.parkings.Due() {
		d.parking.setTold(true)
		d.log.Error("destination is parked: it takes nothing, and nothing is dropped; its events wait on the bus until this is put right",
			"error", why)
	}
}

// tend looks from time to time whether a parked destination takes events again.
func (d *destination) tend(ctx context.Context) {
	for ctx.Err() == nil {
		if changed, why := d.parking.state(); why == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		d.nurse(ctx)
	}
}

// nurse returns when the destination is not parked any more or ctx ends.
func (d *destination) nurse(ctx context.Context) {
	for ctx.Err() == nil {
		s := d.settings()
		ask := d.parking.probe()
		if _, why := d.parking.state(); why == nil {
			return
		}
		if ask == nil {
			select {
			case <-s.replaced: // whoever replaced it cures it
				continue
			case <-ctx.Done():
				return
			}
		}
		if !pause(backoff(s.config.Retry, d.parking.try(), nil), ctx.Done(), s.replaced, nil) {
			return
		}
		if s != d.settings() {
			continue
		}
		if err := ask(ctx); err != nil {
			d.parking.update(err)
		} else if d.parking.cure() && d.parking.setTold(false) {
			d.log.Info("destination takes events again")
		}
	}
}

// later has what is parked tried again after the longest pause.
func (d *destination) later(ctx context.Context) error {
	s := d.settings()
	pause(s.config.Retry.Max, ctx.Done(), s.replaced, nil)
	return ctx.Err() //nolint:wrapcheck // nobody sees it
}

// probe asks whether any URL would take events.
func (d *destination) probe(ctx context.Context) error {
	return d.settings().client.Probe(ctx)
}

// probeLater is probe after the longest pause: what it says was not true the last time.
func (d *destination) probeLater(ctx context.Context) error {
	if err := d.later(ctx); err != nil {
		return err
	}
	return d.probe(ctx)
}

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
	parked  chan struct{}               // closed while it is parked
	fine    chan struct{}               // closed while it is not
	changed chan struct{}               // tells the packer of every change
}

func newParking() *parking {
	p := &parking{parked: make(chan struct{}), fine: make(chan struct{}), changed: make(chan struct{}, 1)}
	close(p.fine)
	return p
}

// park parks, or does nothing when it is parked. Cured is asked from time to time and says
// with nil that it can go on.
func (p *parking) park(why error, cured func(context.Context) error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		return false
	}
	p.why, p.cured, p.since = why, cured, time.Now()
	close(p.parked)
	p.fine = make(chan struct{})
	p.tell()
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
	p.parked = make(chan struct{})
	close(p.fine)
	p.tell()
	return true
}

// update says anew why it is parked, if it is.
func (p *parking) update(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		p.why = why
	}
}

// reason is nil when it is not parked.
func (p *parking) reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.why
}

// state is when it was parked and why.
func (p *parking) state() (since time.Time, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since, p.why
}

// whenParked is closed while it is parked.
func (p *parking) whenParked() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parked
}

// whenCured is closed while it is not parked.
func (p *parking) whenCured() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fine
}

func (p *parking) probe() func(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cured
}

// tell wants mu held.
func (p *parking) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// park parks the destination.
func (d *destination) park(why error, cured func(context.Context) error) {
	if d.parking.park(why, cured) {
		d.log.Error("destination is parked: it takes nothing, and nothing is dropped; its events wait on the bus until this is put right",
			"error", why)
	}
}

// tend looks from time to time whether a parked destination takes events again.
func (d *destination) tend(ctx context.Context) {
	for {
		select {
		case <-d.parking.whenParked():
			d.nurse(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// nurse returns when the destination is not parked any more or ctx ends.
func (d *destination) nurse(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		s := d.settings()
		ask := d.parking.probe()
		if d.parking.reason() == nil {
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
		if !pause(backoff(s.config.Retry, try, nil), ctx.Done(), s.replaced) {
			return
		}
		if s != d.settings() {
			continue
		}
		if err := ask(ctx); err != nil {
			d.parking.update(err)
		} else if d.parking.cure() {
			d.log.Info("destination takes events again")
		}
	}
}

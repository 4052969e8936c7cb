package shipper

import (
	"context"
	"time"
)

// packer fills requests with the events of deliveries and launches them. All of
// it runs in one goroutine; only shipments have their own, concurrency.max of
// them at most. With the one being filled that bounds the memory.
type packer struct {
	destination *destination
	intake      *intake
	draining    <-chan struct{}
	finished    chan *shipment

	open  *opened // what events are taken from, nil when the next delivery is waited for
	next  int     // the first event of open that is in no request
	ended bool    // the intake has nothing more

	filling  *shipment
	full     bool        // filling takes no further event
	lingered bool        // filling has waited long enough
	linger   *time.Timer // runs from filling's first event
	flying   int
	spare    []*shipment
}

// run ends when the intake has ended and every shipment has landed. Ctx ends the
// requests in flight.
func (p *packer) run(ctx context.Context) {
	p.linger = time.NewTimer(0)
	p.linger.Stop()
	for {
		s := p.destination.settings()
		p.fill(ctx, s)
		if p.due(s) && p.flying < s.config.Concurrency.Max {
			p.launch(ctx)
			continue
		}
		if p.ended && p.open == nil && p.filling == nil && p.flying == 0 {
			return
		}
		p.await(s)
	}
}

// fill moves events into the request until it is full or the delivery is used up.
func (p *packer) fill(ctx context.Context, s *settings) {
	if p.open == nil || p.full {
		return
	}
	events, origins := p.open.batch.Events, p.open.batch.Origins
	limits := s.limits()
	for ; p.next < len(events); p.next++ {
		if p.filling == nil {
			p.filling = p.shipment()
			p.linger.Reset(s.config.Batch.Linger)
		}
		e := &events[p.next]
		if !p.filling.request.Add(p.open.ticket, p.next, e, origins[e.Origin].ReceivedNS, limits) {
			p.full = true
			return
		}
	}
	if t := p.open.ticket; t.Done() { // there was no event in it
		p.destination.settle(ctx, t)
	}
	p.intake.giveBack(p.open)
	p.open = nil
}

// due reports whether the request being filled should go.
func (p *packer) due(s *settings) bool {
	if p.filling == nil {
		return false
	}
	return p.full || p.lingered || p.ended && p.open == nil || p.filling.request.Full(s.limits())
}

func (p *packer) launch(ctx context.Context) {
	sent := p.filling
	p.filling, p.full, p.lingered = nil, false, false
	p.linger.Stop()
	p.flying++
	go func() {
		sent.ship(ctx)
		p.finished <- sent
	}()
}

// await waits until there is something to do. A request that is due and finds no
// free slot goes on being filled meanwhile.
func (p *packer) await(s *settings) {
	var deliveries <-chan *opened
	if p.open == nil && !p.ended {
		deliveries = p.intake.out
	}
	select {
	case o, ok := <-deliveries:
		p.open, p.next, p.ended = o, 0, !ok
	case landed := <-p.finished:
		p.flying--
		if len(p.spare)+p.flying < s.config.Concurrency.Max {
			landed.reset(s.limits())
			p.spare = append(p.spare, landed)
		}
	case <-p.linger.C:
		p.lingered = true
	case <-s.replaced:
	}
}

func (p *packer) shipment() *shipment {
	if last := len(p.spare) - 1; last >= 0 {
		s := p.spare[last]
		p.spare = p.spare[:last]
		return s
	}
	return &shipment{destination: p.destination, draining: p.draining}
}

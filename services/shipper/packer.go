package shipper

import (
	"context"
	"slices"
	"time"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// mostFilling bounds the requests that are filled at a time: one for each token that
	// rules choose and, at the raw endpoint, for each metadata.
	mostFilling = 16
	// mostPending bounds the requests that Splunk has accepted and not acknowledged.
	mostPending = 1000
)

// packer fills requests with the events of deliveries and launches them. All of
// it runs in one goroutine; only shipments have their own, as many as the window says
// at most. With those being filled that bounds the memory.
type packer struct {
	destination *destination
	intake      *intake
	running     context.Context //nolint:containedctx // ends when a failed try is not to be repeated
	finished    chan *shipment
	encoder     *encoder

	open  *opened // what events are taken from, nil when the next delivery is waited for
	next  int     // the first event of open that is in no request
	ended bool    // the intake has nothing more

	filling []*shipment // the oldest first
	flawed  *shipment   // events of open that are not sent
	blocked bool        // no request takes the next event before another is launched
	waiting []*shipment // have been in flight, or were told to be sent again; they go first
	linger  *time.Timer // runs until the oldest request has waited long enough
	flying  int
	spare   []*shipment
}

func newPacker(running context.Context, d *destination, in *intake) *packer {
	p := &packer{destination: d, intake: in, running: running, finished: make(chan *shipment), linger: time.NewTimer(0)}
	p.linger.Stop()
	return p
}

// run ends when the intake has ended and every shipment has landed. Ctx ends the
// requests in flight.
func (p *packer) run(ctx context.Context) {
	for {
		s := p.destination.settings()
		if p.encoder == nil || p.encoder.settings != s {
			p.encoder = newEncoder(s)
		}
		p.collectLost()
		changed, why := p.destination.parking.state()
		parked := why != nil
		if parked && p.flying == 0 {
			p.release(ctx)
		}
		if !parked {
			p.fill(ctx, s)
			if p.launch(ctx, s) {
				continue
			}
		}
		if p.flying == 0 && (ctx.Err() != nil || p.ended && parked) {
			p.giveBack()
			return
		}
		if p.ended && p.flying == 0 && p.open == nil && len(p.filling) == 0 && len(p.waiting) == 0 {
			return
		}
		p.await(ctx, s, changed)
	}
}

// giveBack leaves to the bus what there was no time for.
func (p *packer) giveBack() {
	left := slices.Concat(p.waiting, p.filling)
	if p.flawed != nil {
		left = append(left, p.flawed)
	}
	for _, s := range left {
		s.contents.GiveBack()
	}
	if p.open != nil {
		p.open.ticket.GiveBack()
	}
}

// collectLost has what was lost after it was accepted sent again.
func (p *packer) collectLost() {
	for _, l := range p.destination.lost.take() {
		s := p.shipment(l.key)
		s.contents, s.account = l.contents, l.account
		s.todo = append(s.todo, attempt{events: s.contents.All()})
		p.waiting = append(p.waiting, s)
	}
}

// fill moves events into requests until one is full or the delivery is used up.
func (p *packer) fill(ctx context.Context, s *settings) {
	if p.open == nil || p.blocked {
		return
	}
	events, token := p.open.batch.Events, p.token(s)
	for ; p.next < len(events); p.next++ {
		e := &events[p.next]
		flaw := p.encoder.examine(e)
		switch flaw {
		case flawless, unknownIndex:
			if flaw == unknownIndex {
				p.note(e, p.encoder.wanted)
			}
			if !p.add(s, token, e) {
				p.blocked = true
				return
			}
		case parkingIndex:
			if s == p.destination.settings() { // else it may be cured already
				p.note(e, e.Index)
				p.destination.park(unlistedIndexError(e.Index), nil)
			}
			return
		default:
			p.doom(e, flaw)
		}
	}
	if p.flawed != nil {
		p.waiting, p.flawed = append(p.waiting, p.flawed), nil
	}
	if t := p.open.ticket; t.Done() { // there was no event in it
		p.destination.settle(ctx, t)
	}
	p.close()
}

func (p *packer) close() {
	p.intake.giveBack(p.open)
	p.open = nil
}

// add puts the next event into its request. It reports false when that, or the number of
// requests being filled, leaves no room.
func (p *packer) add(s *settings, token string, e *wire.Event) bool {
	k := p.encoder.keyOf(token, e)
	into := p.fillingFor(k)
	if into == nil {
		if len(p.filling) == mostFilling {
			p.filling[0].full = true
			return false
		}
		into = p.shipment(k.kept())
		into.opened = time.Now()
		into.body.Start(s.gzip)
		p.filling = append(p.filling, into)
	}
	encoded := p.encoder.encode(e, k.raw)
	if !s.hasRoom(&into.body, len(encoded)) {
		into.full = true
		return false
	}
	into.body.Add(encoded)
	origin := &p.open.batch.Origins[e.Origin]
	into.contents.Add(p.open.ticket, p.next, origin.ReceivedNS, loggedNS(e, origin))
	into.book(p.open.ticket, &p.open.batch, e)
	into.full = !s.hasRoom(&into.body, 1)
	return true
}

// loggedNS is the time that Heroku gave a line. HEC clients may give their events any.
func loggedNS(e *wire.Event, o *wire.Origin) int64 {
	if o.DrainToken == "" {
		return 0
	}
	return e.TimeNS
}

// token is the name of the token that a rule has chosen for the delivery in hand, if the
// configuration has it. A name may come from outside, so it is not told.
func (p *packer) token(s *settings) string {
	name := p.open.batch.Token
	if _, known := s.tokens[name]; known || name == "" {
		return name
	}
	if d := p.destination; d.strange.Due() {
		d.log.Warn("a rule chooses a token that ingest.hec.tokens does not have here: the destination's own is used")
	}
	return ""
}

func (p *packer) fillingFor(k key) *shipment {
	for _, s := range p.filling {
		if s.key == k {
			return s
		}
	}
	return nil
}

// doom notes that the next event is not sent, but becomes a dead letter.
func (p *packer) doom(e *wire.Event, flaw flaw) {
	if p.flawed == nil {
		p.flawed = p.shipment(key{})
	}
	c := &p.flawed.contents
	c.Add(p.open.ticket, p.next, p.open.batch.Origins[e.Origin].ReceivedNS, 0)
	fate := fate{reason: ReasonLargeEvent, sentence: "the event is larger than max_event"}
	if flaw == deadIndex {
		p.note(e, e.Index)
		fate = unlisted(e.Index)
	}
	p.flawed.doom(c.Len()-1, fate)
}

// note tells of an event for an index that does not exist.
func (p *packer) note(e *wire.Event, index string) {
	d := p.destination
	d.indexes.note(d.log, p.open.batch.Origins[e.Origin].App, index, 1, p.encoder.settings.config.OnUnknownIndex)
}

// launch sends the request whose turn it is, if there is one and it may.
func (p *packer) launch(ctx context.Context, s *settings) bool {
	d := p.destination
	if p.flying >= d.window.Size() || d.tracker.Pending() >= d.mostPending {
		return false
	}
	sent := p.nextDue(s)
	if sent == nil {
		return false
	}
	p.blocked = false
	p.flying++
	go func() {
		sent.ship(ctx)
		p.finished <- sent
	}()
	return true
}

// nextDue takes the next request that should go.
func (p *packer) nextDue(s *settings) *shipment {
	if len(p.waiting) > 0 {
		due := p.waiting[0]
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
		return due
	}
	for i, f := range p.filling {
		if f.full || p.ended && p.open == nil || time.Since(f.opened) >= s.config.Batch.Linger {
			p.filling = append(p.filling[:i], p.filling[i+1:]...)
			p.destination.meters.packing.Record(p.running, time.Since(f.opened).Seconds())
			f.todo = append(f.todo, attempt{events: f.contents.All(), packed: true})
			return f
		}
	}
	return nil
}

// await waits until there is something to do. A request that is due and finds no
// free slot goes on being filled meanwhile.
func (p *packer) await(ctx context.Context, s *settings, parking <-chan struct{}) {
	var ended <-chan struct{}
	if p.flying == 0 {
		ended = ctx.Done()
	}
	var deliveries <-chan *opened
	if p.open == nil && !p.ended {
		deliveries = p.intake.out
	}
	p.linger.Stop()
	if len(p.filling) > 0 {
		if wait := s.config.Batch.Linger - time.Since(p.filling[0].opened); wait > 0 {
			p.linger.Reset(wait)
		}
	}
	select {
	case o, ok := <-deliveries:
		p.open, p.next, p.ended = o, 0, !ok
	case landed := <-p.finished:
		p.flying--
		p.land(landed)
	case <-p.linger.C:
	case <-s.replaced:
	case <-p.destination.lost.changed:
	case <-parking:
	case <-ended:
	}
}

// land takes back what was in flight. What a parked destination did not take waits.
func (p *packer) land(s *shipment) {
	if s.held {
		s.held = false
		p.waiting = append(p.waiting, s)
		return
	}
	p.recycle(s)
}

func (p *packer) recycle(s *shipment) {
	if len(p.spare)+p.flying < p.destination.window.Size() {
		s.reset()
		p.spare = append(p.spare, s)
	}
}

func (p *packer) shipment(k key) *shipment {
	s := &shipment{destination: p.destination, running: p.running}
	if last := len(p.spare) - 1; last >= 0 {
		s, p.spare = p.spare[last], p.spare[:last]
	}
	s.key = k
	return s
}

// release gives back to the bus what a parked destination has taken nothing of, for others
// to ship. A delivery with a part that was taken is held, and only the rest of it is sent again.
func (p *packer) release(ctx context.Context) {
	if p.flawed != nil {
		p.waiting, p.flawed = append(p.waiting, p.flawed), nil
	}
	for _, f := range p.filling {
		f.todo = append(f.todo, attempt{events: f.contents.All()})
		p.waiting = append(p.waiting, f)
	}
	p.filling, p.blocked = nil, false
	if p.open != nil && p.open.ticket.Untouched() {
		p.open.ticket.GiveBack()
		p.close()
	}
	held := p.waiting[:0]
	for _, s := range p.waiting {
		s.release()
		if len(s.todo) > 0 {
			held = append(held, s)
			continue
		}
		p.destination.settleContents(ctx, &s.contents)
		p.recycle(s)
	}
	clear(p.waiting[len(held):])
	p.waiting = held
}

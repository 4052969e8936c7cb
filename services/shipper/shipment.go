package shipper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// shipment is one request on its way to Splunk, or the parts that it had to be cut
// into. It is used again and again.
type shipment struct {
	destination *destination
	running     context.Context //nolint:containedctx // ends when a failed try is not to be repeated
	key         key
	contents    batch.Contents
	body        batch.Body

	// Until it is launched.
	opened time.Time // when its first event came
	full   bool      // nothing more goes into it

	todo      []attempt // what is still to be delivered; the last is next
	isolation isolation
	since     time.Time // when the first try began, since it was parked
	held      bool      // the destination takes nothing
	slowDown  bool
	source    source
	encoder   *encoder // of what is sent in parts or anew
	account   *account // of all contents, as delivered; nil where that is not known
}

// attempt is some events of a shipment that are sent together, or are a dead letter.
type attempt struct {
	events batch.Selection
	packed bool // the body holds them as it is
	// accused says that Splunk has named this one event as the one it refuses.
	accused bool
	// uncounted is how many more events than were counted Splunk may have indexed when it
	// named this one, if it was the wrong one.
	uncounted int
	// oneIndex says that they are the events for one index, which Splunk has refused.
	oneIndex bool
	// fallback sends them to the index that is for those.
	fallback bool
	// fate, if there is one, is why they are not sent.
	fate *fate
}

// fate is why events become dead letters.
type fate struct{ reason, sentence string }

var (
	errHeld    = errors.New("the destination is parked")
	errStopped = errors.New("there is no more time")
	errRepack  = errors.New("the body is not compressed as it should be")
)

// gaveUpError says that events could not be delivered for as long as the destination
// waits.
type gaveUpError struct {
	after time.Duration
	err   error
}

func (e *gaveUpError) Error() string {
	return fmt.Sprintf("not delivered within %v, last: %v", e.after.Round(time.Millisecond), e.err)
}

func (e *gaveUpError) Unwrap() error { return e.err }

// reset makes the shipment ready for another request.
func (s *shipment) reset() {
	const most = 1 << 20 // a large request has been in it
	s.contents.Reset()
	s.body.Reset(most)
	clear(s.todo)
	if s.account != nil {
		s.account.reset()
	}
	*s = shipment{
		destination: s.destination, running: s.running,
		contents: s.contents, body: s.body, todo: s.todo[:0], account: s.account,
	}
}

// doom makes an event of the contents one that is not sent. Events of one fate die
// together; past so many fates, those of one reason do.
func (s *shipment) doom(event int, f fate) {
	const mostFates = 16
	for i := range s.todo {
		if *s.todo[i].fate == f || len(s.todo) >= mostFates && s.todo[i].fate.reason == f.reason {
			s.todo[i].events = s.todo[i].events.With(event)
			return
		}
	}
	s.todo = append(s.todo, attempt{events: batch.Selection(nil).With(event), fate: &f})
}

// ship delivers every event, or makes a dead letter of it, and settles. What a parked
// destination did not take is in todo still. When it has to give up, the deliveries go
// back to the bus: whoever ships next has them at once, and need not wait until the bus
// misses them.
func (s *shipment) ship(ctx context.Context) {
	d := s.destination
	ctx, span := s.process(ctx)
	defer span.End()
	for len(s.todo) > 0 {
		last := len(s.todo) - 1
		a := s.todo[last]
		s.todo = s.todo[:last]
		switch err := s.carry(ctx, &a); {
		case errors.Is(err, errHeld):
			s.todo, s.held, s.since = append(s.todo, a), true, time.Time{}
			return
		case err != nil:
			if !errors.Is(err, errStopped) {
				// This machine's memory is at fault. The message is on the bus still.
				d.log.ErrorContext(ctx, "a request cannot be made again, its events go back to the bus", "error", err)
			}
			s.contents.GiveBack()
			return
		}
	}
	d.settleContents(ctx, &s.contents)
	if s.slowDown {
		pause(d.settings().config.Retry.Initial, s.running.Done(), nil, nil)
	}
}

// carry does one attempt. It fails with errHeld, or when there is no more time.
func (s *shipment) carry(ctx context.Context, a *attempt) error {
	if a.fate != nil {
		return s.bury(ctx, a.events, *a.fate)
	}
	if rest := s.isolation.cut(a); rest != nil {
		s.todo = append(s.todo, attempt{events: rest, fallback: a.fallback})
	}
	for {
		if err := s.pack(a); err != nil {
			return err
		}
		receipt, err := s.deliver(ctx, a)
		var (
			refused *endpoint.RefusedError
			gaveUp  *gaveUpError
			foreign *endpoint.HoldError
		)
		switch {
		case err == nil:
			s.isolation.delivered(a)
			s.destination.meters.possibleDuplicates.Add(a.uncounted)
			s.took(ctx, a, receipt)
			return nil
		case errors.Is(err, errRepack):
		case errors.As(err, &refused):
			return s.refused(ctx, a, refused)
		case errors.As(err, &gaveUp):
			return s.bury(ctx, a.events, fate{ReasonGaveUp, err.Error()})
		case errors.As(err, &foreign): // the destination is well
			return s.bury(ctx, a.events, fate{ReasonTokenRefused, "the token that a rule has chosen is refused: " + err.Error()})
		default:
			return err
		}
	}
}

// pack makes the body of an attempt, of which the end is left to another one if all is
// more than a request may have.
func (s *shipment) pack(a *attempt) error {
	now := s.destination.settings()
	if a.packed && s.isPackedFor(now) {
		return nil
	}
	s.body.Start(now.gzip)
	for event := range a.events.Events() {
		e, err := s.read(event)
		if err != nil {
			return err
		}
		if a.fallback && e.Index != now.config.FallbackIndex {
			fallBack(e, now.config.FallbackIndex)
		}
		encoded := s.encoder.encode(e, s.key.raw)
		if !now.hasRoom(&s.body, len(encoded)) {
			break
		}
		s.body.Add(encoded)
	}
	first, rest := a.events.Cut(s.body.Len())
	if rest.Len() > 0 {
		s.todo = append(s.todo, attempt{events: rest, fallback: a.fallback, oneIndex: a.oneIndex})
	}
	a.events, a.packed = first, true
	return nil
}

// isPackedFor reports whether the body is compressed, or not, as the settings say.
func (s *shipment) isPackedFor(now *settings) bool {
	return (s.body.Compressed() == nil) == (now.gzip == nil)
}

// read reads an event a second time, as it was sent. It is valid until the next.
func (s *shipment) read(event int) (*wire.Event, error) {
	if now := s.destination.settings(); s.encoder == nil || s.encoder.settings != now {
		s.encoder = newEncoder(now)
	}
	t, position := s.contents.Source(event)
	e, err := s.source.event(t.Delivery, position)
	if err != nil {
		return nil, err
	}
	s.encoder.examine(e) // it was found to be sent
	return e, nil
}

// took notes that Splunk has accepted events. Those that it will acknowledge are the
// tracker's from here on.
func (s *shipment) took(ctx context.Context, a *attempt, r endpoint.Receipt) {
	d, events := s.destination, a.events
	booked := s.accountOf(a)
	s.contents.Tickets(events, (*batch.Ticket).Touch)
	s.slowDown = s.slowDown || endpoint.SlowDown(r.Answer)
	if r.Session != nil {
		if booked == s.account {
			s.account = nil // it is the parcel's
		}
		p := &parcel{key: s.key, contents: s.contents.Pick(events), account: booked, accepted: time.Now(), span: trace.SpanContextFromContext(ctx)}
		d.tracker.Track(r.Session, r.Answer.AckID, p)
		return
	}
	d.books.Post(&booked.tally)
	d.parking.delivered()
	d.meters.delivered.Add(events.Len())
	d.arrived(&s.contents)
}

// deliver sends the body until Splunk takes or refuses it (*endpoint.RefusedError). It
// fails with errHeld, errStopped, errRepack or a *gaveUpError.
func (s *shipment) deliver(ctx context.Context, a *attempt) (endpoint.Receipt, error) {
	d := s.destination
	events := a.events.Len()
	request := endpoint.Request{Raw: s.key.raw, Query: s.query(a), Body: s.body.Bytes()}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	for try := 0; ; try++ {
		now := d.settings() // of this try: a reload may change them before the next
		if !s.isPackedFor(now) {
			a.packed = false
			return endpoint.Receipt{}, errRepack
		}
		request.Gzip, request.Token = now.gzip != nil, now.tokens[s.key.token]
		if now.config.Type == config.TypeDiscard {
			d.sent(events, s.body.Size(), len(request.Body))
			return endpoint.Receipt{Answer: hec.NewAnswer(hec.Success)}, nil
		}
		if d.rate.Wait(s.running, events, s.body.Size()) != nil && try > 0 {
			return endpoint.Receipt{}, errStopped // a last try needs no leave
		}
		receipt, err := s.send(ctx, now, &request, events)
		if err == nil {
			return receipt, nil
		}
		if err := s.failed(ctx, now, try, events, err); err != nil {
			return endpoint.Receipt{}, err
		}
	}
}

// query is the metadata of an attempt as the raw endpoint takes it.
func (s *shipment) query(a *attempt) string {
	k := s.key
	if a.fallback {
		k.index = s.destination.settings().config.FallbackIndex
	}
	return k.query()
}

// send is one try to send so many events.
func (s *shipment) send(ctx context.Context, now *settings, r *endpoint.Request, events int) (endpoint.Receipt, error) {
	d := s.destination
	d.sent(events, s.body.Size(), len(r.Body))
	flying := d.flying.Add(1)
	defer d.flying.Add(-1)
	begun := time.Now()
	receipt, err := now.client.Send(ctx, r)
	var retry *endpoint.RetryError
	switch {
	case err == nil && !endpoint.SlowDown(receipt.Answer):
		d.window.Succeeded(receipt.Took, int(flying), time.Now())
	case err == nil, errors.As(err, &retry) && retry.Pressure:
		d.window.Pressed(begun, time.Now())
	}
	return receipt, err
}

// failed waits until a try that failed is to be repeated. It returns why it is not.
func (s *shipment) failed(ctx context.Context, now *settings, try, events int, err error) error {
	d := s.destination
	var (
		retry *endpoint.RetryError
		hold  *endpoint.HoldError
	)
	switch {
	case errors.As(err, &hold):
		d.meters.possibleDuplicates.Add(takenOf(hold.Taken, events))
		if now != d.settings() {
			return nil // it may be cured already
		}
		return s.refusedAll(ctx, now, try, hold)
	case !errors.As(err, &retry):
		if ctx.Err() != nil {
			return errStopped
		}
		return err
	}
	d.meters.possibleDuplicates.Add(takenOf(retry.Taken, events))
	if most := now.config.Retry.GiveUpAfter; most > 0 && time.Since(s.since) > most {
		return &gaveUpError{after: time.Since(s.since), err: err}
	}
	changed, why := d.parking.state()
	if why == nil && !retry.Elsewhere && !pause(backoff(now.config.Retry, try, err), s.running.Done(), now.replaced, changed) {
		return errStopped
	}
	if s.running.Err() != nil {
		return errStopped
	}
	if _, why := d.parking.state(); why != nil {
		return errHeld
	}
	d.meters.retries.Add(1)
	return nil
}

// refusedAll is for a try that no URL takes as the destination is configured. It returns
// nil when that is to be tried again.
func (s *shipment) refusedAll(ctx context.Context, now *settings, try int, hold *endpoint.HoldError) error {
	const (
		foreignTries = 5 // a token that was just changed is not known everywhere at once
		mostReturns  = 2 // to the bus, of events that were not taken
	)
	d := s.destination
	switch {
	case hold.Token && s.key.token != "":
		if hold.Taken != 0 || try >= foreignTries {
			return hold
		}
		if !pause(backoff(now.config.Retry, try, hold), s.running.Done(), now.replaced, nil) {
			return errStopped
		}
		return nil
	case hold.Refusal != nil && s.attempts() > mostReturns && d.probe(ctx) == nil:
		// The destination takes events, and not these, again and again: something on the way
		// dislikes one of them.
		return hold.Refusal
	case hold.Taken != 0:
		d.park(hold, d.probeLater)
	default:
		d.park(hold, d.probe)
	}
	return errHeld
}

// attempts is how many times the delivery that came most often has come.
func (s *shipment) attempts() int {
	most := 0
	s.contents.Tickets(s.contents.All(), func(t *batch.Ticket) { most = max(most, t.Delivery.Attempts) })
	return most
}

// takenOf is how many of so many events a failed try may have delivered.
func takenOf(taken, events int) int {
	if taken == endpoint.Every {
		return events
	}
	return min(taken, events)
}

// sent counts a try, of so many events and of so many bytes before compression and as sent.
func (d *destination) sent(events, size, sent int) {
	d.meters.requests.Add(1)
	d.meters.events.Record(context.Background(), float64(events))
	d.meters.sizes.Record(context.Background(), float64(size))
	d.meters.bytes.Add(size)
	d.meters.sent.Add(sent)
}

// release gives back deliveries of which nothing was taken, and keeps todo without their
// events.
func (s *shipment) release() {
	kept := s.todo[:0]
	for _, a := range s.todo {
		before := a.events.Len()
		s.contents.Tickets(a.events, func(t *batch.Ticket) {
			if t.Untouched() {
				t.GiveBack()
			}
		})
		var left batch.Selection
		for event := range a.events.Events() {
			if t, _ := s.contents.Source(event); !t.GivenBack() {
				left = left.With(event)
			}
		}
		if len(left) == 0 {
			continue
		}
		a.events, a.packed = left, a.packed && left.Len() == before
		kept = append(kept, a)
	}
	clear(s.todo[len(kept):])
	s.todo = kept
}

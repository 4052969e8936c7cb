package shipper

import (
	"context"
	"fmt"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// isolation is how what Splunk refuses in a request is found. Splunk names the event, and
// may have indexed those before it: they are sent once more, because they may not be, and
// not, as by halving, again and again. Nothing is believed: the named event is refused
// alone before it dies.
type isolation struct {
	// distrust says that an event was named and then taken: only halving helps.
	distrust bool
	// most bounds what is sent at once after a refusal; zero is no bound. It doubles
	// with each success. Without it many refused events in one request would each have
	// nearly all of it sent again.
	most int
}

// leastTogether is how many events go together however close to each other some are
// refused; mostTogether is more than any request has.
const (
	leastTogether = 16
	mostTogether  = 1 << 20
)

// cut shortens an attempt, and returns the rest.
func (i *isolation) cut(a *attempt) (rest batch.Selection) {
	if i.most == 0 || a.packed || a.oneIndex || a.events.Len() <= i.most {
		return nil
	}
	a.events, rest = a.events.Cut(i.most)
	return rest
}

// delivered notes that an attempt was taken.
func (i *isolation) delivered(a *attempt) {
	i.distrust = i.distrust || a.accused
	i.most = min(2*i.most, mostTogether)
}

// narrow splits a refused attempt at several events, to find what in it was refused;
// the last part is to be sent first.
func (i *isolation) narrow(a *attempt, r *endpoint.RefusedError) []attempt {
	events := a.events.Len()
	named := r.Event()
	if named < 0 || named >= events || i.distrust {
		first, second := a.events.Cut(events / 2) //nolint:mnd // halves
		return []attempt{{events: second, fallback: a.fallback}, {events: first, fallback: a.fallback}}
	}
	i.most = max(named, leastTogether)
	before, rest := a.events.Cut(named)
	accused, after := rest.Cut(1)
	var parts []attempt
	for _, part := range []attempt{{events: after}, {events: accused, accused: true, uncounted: events - 1 - named}, {events: before}} {
		if part.fallback = a.fallback; part.events.Len() > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// mayHave is how many events of a refused attempt Splunk may have indexed, which are sent
// once more.
func (i *isolation) mayHave(r *endpoint.RefusedError, events int) int {
	switch named := r.Event(); {
	case r.TooLarge():
		return 0
	case named < 0 || named >= events || i.distrust:
		return events - 1
	default:
		return named
	}
}

// refused goes on with an attempt that Splunk will never take as it is.
func (s *shipment) refused(ctx context.Context, a *attempt, r *endpoint.RefusedError) error {
	d := s.destination
	events := a.events.Len()
	switch {
	case events == 1, a.oneIndex && r.Answer.Code == hec.IncorrectIndex && r.Event() <= 0:
		return s.condemn(ctx, a, r)
	case r.TooLarge():
		d.settings().tooLarge(s.body.Size())
	}
	d.meters.splits.Add(1)
	d.meters.possibleDuplicates.Add(s.isolation.mayHave(r, events))
	if named := r.Event(); !a.oneIndex && r.Answer.Code == hec.IncorrectIndex && named >= 0 && named < events && !s.isolation.distrust {
		return s.byIndex(a, named)
	}
	s.todo = append(s.todo, s.isolation.narrow(a, r)...)
	return nil
}

// byIndex sends the events for the index that Splunk has refused by themselves: they are
// all refused, and the others are not.
func (s *shipment) byIndex(a *attempt, named int) error {
	_, rest := a.events.Cut(named)
	refused, err := s.indexOf(rest[0].From)
	if err != nil {
		return err
	}
	var same, others batch.Selection
	for event := range a.events.Events() {
		index, err := s.indexOf(event)
		if err != nil {
			return err
		}
		if index == refused {
			same = same.With(event)
		} else {
			others = others.With(event)
		}
	}
	if len(others) > 0 {
		s.todo = append(s.todo, attempt{events: others, fallback: a.fallback})
	}
	s.todo = append(s.todo, attempt{events: same, oneIndex: true, accused: same.Len() == 1, fallback: a.fallback})
	return nil
}

// indexOf is the index that an event was sent to.
func (s *shipment) indexOf(event int) (string, error) {
	e, err := s.read(event)
	if err != nil {
		return "", err
	}
	return e.Index, nil
}

// condemn does what is to be done with events that Splunk has refused alone.
func (s *shipment) condemn(ctx context.Context, a *attempt, r *endpoint.RefusedError) error {
	d := s.destination
	f := fate{reason: r.Reason(), sentence: "Splunk refuses the event: " + r.Error()}
	if r.Answer.Code == hec.IncorrectIndex {
		index, err := s.indexOf(a.events[0].From)
		if err != nil {
			return err
		}
		f.sentence = fmt.Sprintf("Splunk refuses the event for index %q: %v", index, r)
		if done, err := s.refusedIndex(a, index, r); done {
			return err
		}
	}
	if err := s.bury(ctx, a.events, f); err != nil {
		return err
	}
	if d.refusals.Due() {
		d.log.WarnContext(ctx, "Splunk refuses events, which are kept as dead letters", "error", r)
	}
	return nil
}

// refusedIndex follows the policy for indexes. It reports false where that is a dead letter.
func (s *shipment) refusedIndex(a *attempt, index string, r *endpoint.RefusedError) (done bool, err error) {
	d := s.destination
	c := &d.settings().config
	t, position := s.contents.Source(a.events[0].From)
	app, err := s.source.app(t.Delivery, position)
	if err != nil {
		return true, err
	}
	d.indexes.note(d.log, app, index, a.events.Len(), c.OnUnknownIndex)
	switch {
	case index == "":
		// It is the token's own default that it refuses: nothing is wrong with the event.
		d.park(fmt.Errorf("the token's default index is refused: %w: check the token's indexes in Splunk", r), d.later)
		return true, errHeld
	case c.OnUnknownIndex == config.IndexPark:
		d.park(fmt.Errorf("index %q is refused: %w: create it, or allow it for the token", index, r), d.later)
		return true, errHeld
	case c.OnUnknownIndex == config.IndexFallback && !a.fallback && c.FallbackIndex != index:
		s.todo = append(s.todo, attempt{events: a.events, fallback: true, accused: a.accused})
		return true, nil
	}
	return false, nil
}

// unlisted is what becomes of an event for an index that the configuration does not list.
func unlisted(index string) fate {
	return fate{reason: ReasonUnknownIndex, sentence: unlistedIndexError(index).Error()}
}

func unlistedIndexError(index string) error {
	return fmt.Errorf("index %q is not among the destination's indexes", index)
}

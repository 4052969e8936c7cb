package view

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Change is what a replay sets on the events of a letter; the zero value, nothing.
type Change struct{ set map[string]string }

// changes are what can be set.
var changes = map[string]func(e *wire.Event, value string){
	"index":      func(e *wire.Event, value string) { e.Index = value },
	"source":     func(e *wire.Event, value string) { e.Source = value },
	"sourcetype": func(e *wire.Event, value string) { e.Sourcetype = value },
	"host":       func(e *wire.Event, value string) { e.Host = value },
}

// changeDestination is what can be set on the batch.
const changeDestination = "destination"

// Changeable are the keys that a Change may have.
func Changeable() []string {
	return append(slices.Sorted(maps.Keys(changes)), changeDestination)
}

// NewChange reads key=value pairs.
func NewChange(pairs []string, destinations []string) (Change, error) {
	c := Change{set: map[string]string{}}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case ok && key == changeDestination:
			if !slices.Contains(destinations, value) {
				return c, fmt.Errorf("--set %s: there is no such destination", pair)
			}
		case !ok || value == "" || changes[key] == nil:
			return c, fmt.Errorf("--set %s: want one of destination, host, index, source and sourcetype, = and its value", pair)
		}
		c.set[key] = value
	}
	return c, nil
}

// String is the same for the same change.
func (c Change) String() string {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.set)) {
		fmt.Fprintf(&text, "%s=%q ", key, c.set[key])
	}
	return text.String()
}

func (c Change) empty() bool { return len(c.set) == 0 }

// Why a letter cannot be replayed as it was asked for.
var (
	errNoSubject  = errors.New("nobody noted where it came from")
	errUnreadable = errors.New("what it holds cannot be read, it would die again: purge it")
	errCut        = errors.New("it was too large to be kept whole: purge it")
	errRaw        = errors.New("it died before it was an event: rules and drains say what it gets, change those instead of events")
	errShipped    = errors.New("the lines it was made of are not kept, only events as rules have left them: it cannot go through transform again; replay it as it is, or change its events")
)

// Replay makes the message of a dead letter again. A letter of the shipper goes to its
// destination, one of transform, as a block, to transform, by today's rules. The same
// letter with the same change gives the same id. FromTransform refuses those that cannot
// go there. It gives the events that go to a destination, too; nil for those that go to
// transform.
func Replay(names wire.Names, f *Found, c Change, fromTransform bool) (bus.Msg, *wire.Batch, error) {
	d := f.Dead
	m := bus.Msg{
		ID: wire.ReplayID(wire.ToID(d.GetId()), f.Kept.Stored.UnixNano(), c.String()), Subject: d.GetSubject(),
		Traceparent: d.GetTrace().GetTraceparent(), Tracestate: d.GetTrace().GetTracestate(),
	}
	b, block, err := Open(d)
	switch {
	case d.GetSubject() == "":
		return m, nil, errNoSubject
	case err != nil && len(d.GetOriginal()) == wire.MaxPayload:
		return m, nil, errCut
	case err != nil:
		return m, nil, errUnreadable
	case b != nil && fromTransform:
		return m, nil, errShipped
	case block != nil && !c.empty():
		return m, nil, errRaw
	case d.GetContent() != drainlinev1.Content_CONTENT_RAW_BLOCK && d.GetContent() != drainlinev1.Content_CONTENT_EVENT_BATCH && c.empty():
		m.Payload = d.GetOriginal()
	case block != nil:
		// Under the id it died with, its batches could be taken for those of before.
		block.Id = m.ID[:]
		message, err := proto.Marshal(block)
		if err != nil {
			return m, nil, fmt.Errorf("block: %w", err)
		}
		m.Payload = wire.Seal(nil, message)
	default:
		c.apply(names, b, &m)
	}
	return m, b, nil
}

// apply makes a batch again, changed, under the id of its message.
func (c Change) apply(names wire.Names, b *wire.Batch, m *bus.Msg) {
	b.ID, b.Ack = m.ID, false
	if to, ok := c.set[changeDestination]; ok {
		b.Destination, m.Subject = to, names.EventsSubject(to)
		b.Token = "" // of another destination's Splunk
	}
	message := wire.AppendBatch(nil, b)
	for i := range b.Events {
		for key, value := range c.set {
			if set := changes[key]; set != nil {
				set(&b.Events[i], value)
			}
		}
		message = wire.AppendEvent(message, &b.Events[i])
	}
	m.Payload = wire.Seal(nil, message)
}

package transform

import (
	"fmt"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// Filter is a condition in the language of rules, asked about events that are in a batch.
// What a batch does not tell is empty: query, marks and request_id. Fields are parsed out
// of what is shipped, lines of the platform by their kind. It is used by one goroutine.
type Filter struct {
	condition *condition.Condition
	machine   condition.Machine
	event     event.Event
	request   drainlinev1.Request
}

// NewFilter compiles a condition. The error says where it is wrong.
func NewFilter(text string) (*Filter, error) {
	c, err := condition.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	return &Filter{condition: c}, nil
}

// notNothing stands for a frame that is not kept: the event was one.
//
//nolint:gochecknoglobals // a constant
var notNothing = []byte{' '}

// Match says whether the condition is true of an event of a batch. The error says what the
// condition makes too much of.
func (f *Filter) Match(b *wire.Batch, shipped *wire.Event) (bool, error) {
	from := &b.Origins[shipped.Origin]
	e := &f.event
	e.Reset()
	f.request.Door, f.request.Credential, f.request.DrainToken = from.Door, from.Credential, from.DrainToken
	e.Event, e.App, e.Request = *shipped, from.App, &f.request
	if from.Door == drainlinev1.Door_DOOR_LOGPLEX {
		e.Frame = notNothing
		e.Meaning = heroku.Line{
			Kind: heroku.Kind(shipped.Kind), Code: []byte(shipped.Code), Dyno: []byte(shipped.Dyno), Process: []byte(shipped.Process),
		}
	} else {
		e.App = namedApp(shipped.Fields)
	}
	return f.condition.Match(&f.machine, e)
}

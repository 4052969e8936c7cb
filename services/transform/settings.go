package transform

import (
	"errors"
	"fmt"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/transform/internal/rules"
)

// settings are a configuration as transform uses it. They do not change: a
// reload makes new ones.
type settings struct {
	destinations []string
	// formats are those that a destination asks for whatever a rule says, in the order
	// of the destinations; empty leaves the choice to drain and rules.
	formats []string
	rules   *rules.Set
	drains  map[string]*drain
	// appFrom is where an app's name is looked for, in order.
	appFrom []string
	// unknownIndex is for events of drains that are not listed; empty leaves them
	// where others go.
	unknownIndex string
	// traceField is the field with the id of the trace of traced requests; empty for none.
	traceField string
}

// newSettings fails when there is no destination: blocks would come to nothing. Its
// error says everything that is wrong with rules, conditions and joins, a line each.
func newSettings(c *config.Config) (*settings, error) {
	if err := c.RequireDestination(); err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	s := &settings{
		destinations: topology.Destinations(c), drains: make(map[string]*drain, len(c.Drains)),
		appFrom: c.Ingest.Identity.AppFrom, unknownIndex: c.Ingest.Logplex.UnknownIndex, traceField: c.Telemetry.Traces.Field,
	}
	for _, name := range s.destinations {
		s.formats = append(s.formats, c.Destinations[name].Format)
	}
	var mistakes []error
	set, err := rules.Compile(c)
	if err != nil {
		mistakes = append(mistakes, err)
	}
	s.rules = set
	for i := range c.Drains {
		d, err := newDrain(&c.Drains[i], c.Joins, s.destinations)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("drains[%d].join: %w", i, err))
		}
		s.drains[c.Drains[i].Token] = d
	}
	return s, errors.Join(mistakes...)
}

// Check says everything that is wrong with the rules, the destinations' conditions and
// the joins of a configuration, one mistake a line.
func Check(c *config.Config) error {
	_, err := newSettings(c)
	return err
}

// drain is what is known of the drain with that token; of one that is not listed
// it is nothing.
func (s *settings) drain(token string) *drain {
	if d, ok := s.drains[token]; ok {
		return d
	}
	return unlisted
}

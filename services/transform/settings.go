package transform

import (
	"fmt"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/topology"
)

// settings are a configuration as transform uses it. They do not change: a
// reload makes new ones.
type settings struct {
	destinations []string
	drains       map[string]*drain
	// appFrom is where an app's name is looked for, in order.
	appFrom []string
	// unknownIndex is for events of drains that are not listed; empty leaves them
	// where others go.
	unknownIndex string
}

// newSettings fails when there is no destination: blocks would come to nothing.
func newSettings(c *config.Config) (*settings, error) {
	if err := c.RequireDestination(); err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	s := &settings{
		destinations: topology.Destinations(c), drains: make(map[string]*drain, len(c.Drains)),
		appFrom: c.Ingest.Identity.AppFrom, unknownIndex: c.Ingest.Logplex.UnknownIndex,
	}
	for i := range c.Drains {
		s.drains[c.Drains[i].Token] = newDrain(&c.Drains[i])
	}
	return s, nil
}

// drain is what is known of the drain with that token; of one that is not listed
// it is nothing.
func (s *settings) drain(token string) *drain {
	if d, ok := s.drains[token]; ok {
		return d
	}
	return unlisted
}

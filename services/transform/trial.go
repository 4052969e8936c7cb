package transform

import (
	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// Trial is what transform does, without a bus: rules are tried on it before they are
// put in force.
type Trial struct{}

// NewTrial makes a trial. Its errors are those of Check; it needs no destination's
// secrets.
func NewTrial(c *config.Config) (*Trial, error) { return &Trial{}, nil }

// TrialOutput is what requests become.
type TrialOutput struct {
	// Batches are what would be published, as the shipper reads them: one or more for
	// each destination, their events in order.
	Batches []wire.Batch
	// Filtered counts events that rules dropped, or that no destination wants where
	// unrouted is drop.
	Filtered int
	Dead     []*drainlinev1.DeadBlock
}

// Run gives what the requests become together. Lines that wait to be joined do not wait
// beyond its end.
func (t *Trial) Run(requests []*drainlinev1.Request) (TrialOutput, error) { return TrialOutput{}, nil }

// Check says everything that is wrong with the rules, the destinations' conditions and
// the joins of a configuration, one mistake a line.
func Check(c *config.Config) error { return nil }

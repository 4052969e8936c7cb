package transform

import (
	"fmt"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// Trial is what transform does, without a bus: rules are tried on it before they are
// put in force.
type Trial struct {
	settings *settings
	blocks   uint32
}

// NewTrial makes a trial. Its errors are those of Check; it needs no destination's
// secrets.
func NewTrial(c *config.Config) (*Trial, error) {
	s, err := newSettings(c)
	if err != nil {
		return nil, err
	}
	return &Trial{settings: s}, nil
}

// TrialOutput is what requests become.
type TrialOutput struct {
	// Batches are what would be published, as the shipper reads them: one or more for
	// each destination, their events in order; those that rules chose a token for in
	// batches of it.
	Batches []wire.Batch
	// Filtered counts events that rules dropped, or that no destination wants where
	// unrouted is drop.
	Filtered int
	Dead     []*drainlinev1.DeadBlock
}

// Run gives what the requests become together, as one block of an ordered shard. Lines
// that wait to be joined do not wait beyond its end.
func (t *Trial) Run(requests []*drainlinev1.Request) (TrialOutput, error) {
	tr := newTransformer(t.settings)
	tr.joining = joining{joiner: join.New[heldLine](maxHeld), delivery: &heldDelivery{}}
	t.blocks++
	tr.start(wire.BatchID(wire.ID{}, "trial", t.blocks))
	for _, r := range requests {
		tr.request(r)
	}
	tr.joining.joiner.Flush(tr.shipGroup)
	out, err := tr.finish()
	if err != nil {
		return TrialOutput{}, err
	}
	result := TrialOutput{Filtered: out.Counts.Filtered, Dead: out.Dead}
	for _, sealed := range out.Batches {
		message, err := wire.Open(nil, sealed.Payload)
		if err != nil {
			return TrialOutput{}, fmt.Errorf("batch for %s: %w", sealed.Destination, err)
		}
		var b wire.Batch
		if err := wire.ScanBatch(message, &b); err != nil {
			return TrialOutput{}, fmt.Errorf("batch for %s: %w", sealed.Destination, err)
		}
		result.Batches = append(result.Batches, b)
	}
	return result, nil
}

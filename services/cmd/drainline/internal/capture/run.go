package capture

import (
	"errors"
	"io"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
	"github.com/drainline/drainline/services/transform"
)

// Run is one or several captures that run through a configuration, and through an older
// one where there is one to compare with.
type Run struct {
	// sides are the configurations, the older first.
	sides       []*side
	undecodable int64
}

type side struct {
	sender *sender.Sender
	trial  *transform.Trial
	tally  *tally
}

// New prepares a run. The older configuration may be nil. Facts are what the captures do
// not say of their requests.
func New(settings, older *config.Config, facts sender.Facts) (*Run, error) {
	r := &Run{}
	for _, c := range []*config.Config{older, settings} {
		if c == nil {
			continue
		}
		trial, err := transform.NewTrial(c)
		if err != nil {
			return nil, err
		}
		s, err := sender.New(c, facts)
		if err != nil {
			return nil, err
		}
		r.sides = append(r.sides, &side{sender: s, trial: trial, tally: newTally()})
	}
	return r, nil
}

// Add runs a capture, a block at a time.
func (r *Run) Add(in io.Reader) error {
	reader := NewReader(in)
	for {
		bodies, err := reader.Next()
		if errors.Is(err, io.EOF) {
			r.undecodable += reader.Undecodable()
			return nil
		}
		if err != nil {
			return err
		}
		for _, s := range r.sides {
			out, err := s.trial.Run(s.sender.Requests(bodies))
			if err != nil {
				return err
			}
			if err := s.tally.Add(&out); err != nil {
				return err
			}
		}
	}
}

// Report reports what there was so far.
func (r *Run) Report() *Report {
	if len(r.sides) == 1 {
		return newReport(nil, r.sides[0].tally, r.undecodable)
	}
	return newReport(r.sides[0].tally, r.sides[1].tally, r.undecodable)
}

package capture

import (
	"errors"
	"fmt"
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

// InputError says why something cannot be measured: it is no capture, or ingest would
// refuse its requests from who is said to send them.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// Add runs a capture, a block at a time. It fails with an *InputError where that is not
// what it has got.
func (r *Run) Add(in io.Reader) error {
	reader := NewReader(in)
	for blocks := 0; ; blocks++ {
		bodies, err := reader.Next()
		skipped := reader.Undecodable()
		switch {
		case errors.Is(err, io.EOF) && blocks == 0 && skipped > 0:
			return &InputError{fmt.Errorf("this is no capture: in its %d bytes there is no frame of a Heroku drain and no line with "+
				"a HEC envelope; see drainline test --help", skipped)}
		case errors.Is(err, io.EOF):
			r.undecodable += skipped
			return nil
		case err != nil:
			return err
		}
		for _, s := range r.sides {
			if err := s.run(bodies); err != nil {
				return err
			}
		}
	}
}

func (s *side) run(bodies []sender.Body) error {
	requests, err := s.sender.Requests(bodies)
	if err != nil {
		return &InputError{err}
	}
	out, err := s.trial.Run(requests)
	if err != nil {
		return err
	}
	return s.tally.Add(&out)
}

// Report reports what there was so far.
func (r *Run) Report() *Report {
	if len(r.sides) == 1 {
		return newReport(nil, r.sides[0].tally, r.undecodable)
	}
	return newReport(r.sides[0].tally, r.sides[1].tally, r.undecodable)
}

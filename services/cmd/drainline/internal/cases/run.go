package cases

import (
	"fmt"
	"strconv"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
	"github.com/drainline/drainline/services/transform"
)

// Result is what came of a case.
type Result struct {
	Name string `json:"name"`
	File string `json:"file"`
	Line int    `json:"line"`
	OK   bool   `json:"ok"`
	// Differences say why it is not OK.
	Differences []Difference `json:"differences,omitempty"`
	Outcome
}

// Run runs the case. It fails where the case does not fit the configuration: ingest
// would refuse its requests.
func (c *Case) Run(settings *config.Config) (Result, error) {
	s, err := sender.New(settings, c.facts)
	if err != nil {
		return Result{}, fmt.Errorf("%s:%d: %s: %w", c.File, c.Line, strconv.Quote(c.Name), err)
	}
	trial, err := transform.NewTrial(settings) // anew: what limits have counted is of no concern to the next case
	if err != nil {
		return Result{}, err
	}
	requests, err := s.Requests(c.input)
	if err != nil {
		return Result{}, fmt.Errorf("%s:%d: %s: %w", c.File, c.Line, strconv.Quote(c.Name), err)
	}
	out, err := trial.Run(requests)
	if err != nil {
		return Result{}, fmt.Errorf("%s:%d: %s: %w", c.File, c.Line, strconv.Quote(c.Name), err)
	}
	return c.judge(&out)
}

// judge compares what came out with what is expected.
func (c *Case) judge(out *transform.TrialOutput) (Result, error) {
	o, err := newOutcome(out)
	if err != nil {
		return Result{}, fmt.Errorf("%s:%d: %s: %w", c.File, c.Line, strconv.Quote(c.Name), err)
	}
	r := Result{Name: c.Name, File: c.File, Line: c.Line, Outcome: o, Differences: c.want.compare(&o)}
	r.OK = len(r.Differences) == 0
	return r, nil
}

package rules

import (
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// way is a destination with a condition.
type way struct {
	step string // for people
	bit  uint64
	when *condition.Condition
}

// Route says which destinations get the event, a bit each in the order of their names:
// those that it names, those whose condition it meets, and, if it names none, those
// without a condition. An event for none is dropped or a dead letter, as the
// configuration says; so is a dead letter one that a condition fails on.
func (r *Runner) Route(e *event.Event) (mask uint64, v Verdict) {
	mask = e.Named
	if mask == 0 {
		mask = r.set.open
	}
	if len(r.set.ways) == 0 {
		return mask, Verdict{}
	}
	mask, err := r.match(e, mask)
	switch {
	case err != nil:
		return 0, Verdict{Fate: Bury, Reason: ReasonFailed, Sentence: err.Error()}
	case mask != 0:
		return mask, Verdict{}
	}
	r.Unrouted++
	if r.set.drops {
		return 0, Verdict{Fate: Filter}
	}
	return 0, Verdict{Fate: Bury, Reason: ReasonUnrouted, Sentence: "no destination's when is true of the event, and no rule or drain names one"}
}

// match adds the destinations whose condition the event meets to the mask.
func (r *Runner) match(e *event.Event, mask uint64) (uint64, error) {
	for i := range r.set.ways {
		w := &r.set.ways[i]
		if mask&w.bit != 0 {
			continue
		}
		match, err := w.when.Match(&r.machine, e)
		if err != nil {
			return 0, failedIn(w.step, err)
		}
		if match {
			mask |= w.bit
		}
	}
	return mask, nil
}

package rules

import (
	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// Runner applies a set. It is used by one goroutine at a time.
type Runner struct {
	// Counts are what the rules have done since they were last cleared, one each in order.
	Counts []Count
	// Unrouted counts events that no destination wanted, as Counts does.
	Unrouted int

	set     *Set
	machine condition.Machine
	// memory holds what rules have made of the event in hand.
	memory []byte
	// begin is where what the rule in hand has made begins.
	begin  int
	values [][]byte
	before before
	marks  []byte // the rules that failed on the event in hand, as a list in JSON
}

// NewRunner makes a runner.
func (s *Set) NewRunner() *Runner { return &Runner{set: s, Counts: make([]Count, len(s.rules))} }

// keptMemory is how much a rare large event may leave behind, in bytes.
const keptMemory = 1 << 20

// Apply applies the rules in order. What they make of the event is valid until the next
// call.
func (r *Runner) Apply(e *event.Event) Verdict {
	if cap(r.memory) > keptMemory {
		r.memory = nil
	}
	r.memory, r.marks, r.before.rule = r.memory[:0], r.marks[:0], nil
	rules := r.set.of(e.App)
	for len(rules) > 0 {
		at, v, err := r.run(e, rules)
		if err == nil {
			return v
		}
		if v = r.fail(e, rules[at], err); v.Fate != Ship {
			return v
		}
		rules = rules[at+1:]
	}
	return Verdict{}
}

// run applies rules until one ends the event's way or fails, and says which failed.
func (r *Runner) run(e *event.Event, rules []*rule) (at int, v Verdict, err error) {
	defer func() {
		if recover() != nil {
			// Nobody knows what it was doing.
			r.machine, err = condition.Machine{}, errDefect
		}
	}()
	for at = range rules {
		next := rules[at]
		r.begin = len(r.memory)
		if next.when != nil {
			match, err := next.when.Match(&r.machine, e)
			if err != nil {
				return at, Verdict{}, failedIn("when", err)
			}
			if !match {
				continue
			}
		}
		if end, v, err := r.apply(e, next); end || err != nil {
			return at, v, err
		}
	}
	return 0, Verdict{}, nil
}

// apply does what the rule says, and says whether that ends the event's way through the
// rules.
func (r *Runner) apply(e *event.Event, a *rule) (end bool, v Verdict, err error) {
	count := &r.Counts[a.number]
	count.Matched++
	if a.fallible && !a.buries {
		r.before.keep(e, a)
	}
	e.Redacted = e.Redacted || a.redactor != nil
	r.machine.Most = min(r.begin+maxEvent, maxMade)
	if err := r.change(e, a); err != nil {
		return false, Verdict{}, err
	}
	if a.sample != nil {
		kept, err := r.sample(e, a.sample)
		if err != nil {
			return false, Verdict{}, err
		}
		if !kept {
			count.Sampled++
			return true, Verdict{Fate: Filter}, nil
		}
	}
	if a.limit != nil {
		if v, err := r.limit(e, a); err != nil || v.Fate != Ship {
			return true, v, err
		}
	}
	if a.drop {
		count.Dropped++
		return true, Verdict{Fate: Filter}, nil
	}
	e.Named |= a.to
	return a.stop, Verdict{}, nil
}

// change makes of the event what the rule says, in the order that rules have.
func (r *Runner) change(e *event.Event, a *rule) error {
	most := maxEvent
	if a.grows {
		most = max(most, size(e)) // one that comes larger is not the rule's fault
	}
	if a.parser != nil && (!a.autoParse || !isParsed(e)) {
		e.ParseWith(a.parser)
	}
	if len(a.set) > 0 {
		if err := r.assign(e, a.set); err != nil {
			return err
		}
	}
	if !a.fields.none() {
		if err := r.changeFields(e, &a.fields); err != nil {
			return err
		}
	}
	if a.jsonBody {
		r.bodyOfFields(e)
	}
	if a.redactor != nil {
		r.redact(e, a.redactor)
	}
	if a.format != "" {
		e.Format = a.format
	}
	if a.metrics != "" {
		e.Metrics, e.MetricsIndex = a.metrics, a.metricsIndex
	}
	if a.grows && (size(e) > most || len(r.memory) > maxMade) {
		return errTooMuch
	}
	return nil
}

// isParsed says whether a line of the platform has fields, which are better than those
// that a guess finds.
func isParsed(e *event.Event) bool { return e.Kind != "app" && len(e.Parsed().All()) > 0 }

// limit says what becomes of an event by a rule's limit.
func (r *Runner) limit(e *event.Event, a *rule) (Verdict, error) {
	within, err := r.within(e, a.limit)
	if err != nil || within {
		return Verdict{}, err
	}
	count := &r.Counts[a.number]
	switch a.limit.over {
	case config.OverDead:
		count.Dead++
		return Verdict{Fate: Bury, Reason: ReasonLimit, Sentence: a.limit.sentence}, nil
	case config.OverSample:
		if kept, err := r.sample(e, a.limit.sample); err != nil || kept {
			return Verdict{}, err
		}
	}
	count.Limited++
	return Verdict{Fate: Filter}, nil
}

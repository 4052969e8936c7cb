package rules

import (
	"errors"
	"fmt"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// ErrorField is the indexed field that names the rules which failed on an event: one
// text, or an array of several.
const ErrorField = "drainline_rule_error"

// isOwn says whether an indexed field is Drainline's own account of the event, which
// rules can read and not change.
func isOwn(field string) bool { return field == wire.MarkField || field == ErrorField }

// failure is why a rule failed, without anything of the event.
type failure struct{ step, why string }

func failed(step, why string) error { return &failure{step, why} }

func (f *failure) Error() string {
	if f.step == "" {
		return f.why
	}
	return f.step + ": " + f.why
}

// failedIn is a failure of an expression. What its error says could be of the event.
func failedIn(step string, err error) error {
	const why = "the expression cannot be evaluated for this event"
	if errors.Is(err, condition.ErrTooMuch) {
		return failed(step, tooMuch)
	}
	if at, ok := errors.AsType[*condition.Error](err); ok {
		return failed(step, fmt.Sprintf("column %d: %s", at.Column, why))
	}
	return failed(step, why)
}

var errDefect = failed("", "a defect of Drainline, please report it")

// fail ends a rule that failed: the event is as it was before it and says so, or it is a
// dead letter. That is also one in which a defect may have left half of the rule.
func (r *Runner) fail(e *event.Event, a *rule, err error) Verdict {
	count := &r.Counts[a.number]
	count.Failed++
	kept := r.before.rule == a
	if a.buries || !kept && errors.Is(err, errDefect) {
		count.Dead++
		return Verdict{Fate: Bury, Reason: ReasonFailed, Sentence: `rule "` + a.name + `" failed: ` + err.Error()}
	}
	if kept {
		r.before.restore(e)
	}
	r.memory = r.memory[:r.begin] // nothing of the event is there any more
	r.mark(e, a)
	return Verdict{}
}

// maxMarks bounds the names of rules that failed on an event, in bytes. The first count.
const maxMarks = 16 << 10

// mark names a rule that failed in the event, behind those that failed before. The list
// grows in place, so that many failures cost no more than their names.
func (r *Runner) mark(e *event.Event, a *rule) {
	switch n := len(r.marks); {
	case n == 0:
		r.marks = append(append(append(r.marks, '['), a.marker...), ']')
		setField(e, ErrorField, a.marker)
		return
	case n+len(a.marker) < maxMarks:
		r.marks = append(append(append(r.marks[:n-1], ','), a.marker...), ']')
	}
	setField(e, ErrorField, r.marks)
}

// made is what was appended to the memory from begin on.
func (r *Runner) made(begin int) []byte { return r.memory[begin:len(r.memory):len(r.memory)] }

// before is an event as it was before a rule.
type before struct {
	rule   *rule // nil for none
	event  event.Event
	fields []wire.Field
}

func (b *before) keep(e *event.Event, a *rule) {
	b.rule, b.event, b.fields = a, *e, append(b.fields[:0], e.Fields...)
}

func (b *before) restore(e *event.Event) {
	e.Fields = append(e.Fields[:0], b.fields...)
	fields := e.Fields
	*e = b.event
	e.Fields = fields
	// The memory of the parsed fields may have been written to since: parse again.
	if len(e.JSON) > 0 {
		e.SetJSON(e.JSON)
	} else {
		e.SetText(e.Text)
	}
}

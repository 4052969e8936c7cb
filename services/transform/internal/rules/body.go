package rules

import (
	"bytes"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/redact"
)

// bodyOfFields makes the fields that were parsed the body. A line that is one JSON
// object is kept as it was written; one without fields is left alone.
func (r *Runner) bodyOfFields(e *event.Event) {
	if len(e.JSON) > 0 || len(e.Parsed().All()) == 0 {
		return
	}
	if text := bytes.TrimSpace(e.Text); hec.IsObject(text) {
		e.SetJSON(text)
		return
	}
	begin := len(r.memory)
	r.memory = e.Parsed().AppendJSON(r.memory)
	e.SetJSON(r.made(begin))
}

// redact replaces secrets in the body and in the values of indexed fields. What is
// parsed afterwards is what is left.
func (r *Runner) redact(e *event.Event, redactor *redact.Redactor) {
	begin := len(r.memory)
	var found bool
	if len(e.JSON) > 0 {
		if r.memory, found = redactor.AppendJSON(r.memory, "", e.JSON); found {
			e.SetJSON(r.made(begin))
		}
	} else if r.memory, found = redactor.AppendText(r.memory, e.Text); found {
		e.SetText(r.made(begin))
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		if len(f.JSON) == 0 {
			continue
		}
		begin = len(r.memory)
		if r.memory, found = redactor.AppendJSON(r.memory, f.Name, f.JSON); found {
			f.JSON = r.made(begin)
		}
	}
}

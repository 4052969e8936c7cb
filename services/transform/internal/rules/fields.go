package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/glob"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// maxFields is how many indexed fields rules can give an event.
const maxFields = 256

var errTooMany = failed("fields.add", fmt.Sprintf("the event would have more than %d indexed fields", maxFields))

// fieldChanges are made to indexed fields, in this order.
type fieldChanges struct {
	rename []renaming
	remove []string // globs
	add    []addition
}

type renaming struct{ from, to string }

// addition is a field with its value; where the template is nil, literal is the value as
// one JSON text.
type addition struct {
	name, step string
	literal    []byte
	value      *condition.Template
}

func (c *fieldChanges) none() bool { return len(c.rename)+len(c.remove)+len(c.add) == 0 }

func (k *compiler) fields(c *config.FieldChanges) fieldChanges {
	var changes fieldChanges
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		to := c.Rename[from]
		k.notOwn("fields.rename", from, to)
		if slices.ContainsFunc(changes.rename, func(r renaming) bool { return r.to == to }) {
			k.wrong("fields.rename", fmt.Errorf("two fields would be renamed to %s", to))
		}
		changes.rename = append(changes.rename, renaming{from, to})
	}
	k.notOwn("fields.remove", c.Remove...)
	changes.remove = c.Remove
	for _, name := range slices.Sorted(maps.Keys(c.Add)) {
		k.notOwn("fields.add", name)
		changes.add = append(changes.add, k.addition(name, c.Add[name]))
	}
	return changes
}

func (k *compiler) notOwn(key string, names ...string) {
	for _, name := range names {
		if isOwn(name) {
			k.wrong(key, fmt.Errorf("%s is Drainline's own, rules can read it but not change it", name))
		}
	}
}

func (k *compiler) addition(name, text string) addition {
	a := addition{name: name, step: "fields.add." + name}
	if !strings.Contains(text, "{{") {
		a.literal = hec.AppendString(nil, []byte(text))
		return a
	}
	var err error
	if a.value, err = condition.CompileText(text); err != nil {
		k.wrong(a.step, err)
	}
	return a
}

// changeFields changes indexed fields. Templates see those that were renamed and what
// was not removed, and none that another template adds.
func (r *Runner) changeFields(e *event.Event, c *fieldChanges) error {
	renameFields(e, c.rename)
	if len(c.remove) > 0 {
		e.Fields = slices.DeleteFunc(e.Fields, func(f wire.Field) bool {
			return !isOwn(f.Name) && glob.Match(c.remove, f.Name)
		})
	}
	r.values = r.values[:0]
	for i := range c.add {
		value, err := r.fieldValue(e, &c.add[i])
		if err != nil {
			return err
		}
		r.values = append(r.values, value)
	}
	for i, value := range r.values {
		if len(value) > 0 {
			setField(e, c.add[i].name, value)
		}
	}
	if len(c.add) > 0 && len(e.Fields) > maxFields {
		return errTooMany
	}
	return nil
}

func (r *Runner) fieldValue(e *event.Event, a *addition) ([]byte, error) {
	if a.value == nil {
		return a.literal, nil
	}
	begin := len(r.memory)
	memory, err := a.value.AppendJSON(&r.machine, r.memory, e)
	if err != nil {
		return nil, failedIn(a.step, err)
	}
	r.memory = memory
	value := r.made(begin)
	if !isFlat(value) {
		return nil, failed(a.step, "the value is an object or has lists in a list, which HEC refuses for indexed fields")
	}
	return value, nil
}

// renameFields gives fields their new names, all at once, in place of other fields that
// had them.
func renameFields(e *event.Event, list []renaming) {
	if len(list) == 0 {
		return
	}
	e.Fields = slices.DeleteFunc(e.Fields, func(f wire.Field) bool {
		replaced, stays := false, true
		for _, r := range list {
			replaced = replaced || r.to == f.Name && r.from != f.Name && indexOf(e.Fields, r.from) >= 0
			stays = stays && r.from != f.Name
		}
		return replaced && stays
	})
	for i := range e.Fields {
		for _, r := range list {
			if e.Fields[i].Name == r.from {
				e.Fields[i].Name = r.to
				break
			}
		}
	}
}

// indexOf is the position of the field with the name, -1 for none.
func indexOf(list []wire.Field, name string) int {
	return slices.IndexFunc(list, func(f wire.Field) bool { return f.Name == name })
}

// setField gives the event an indexed field, in place of one that has the name.
func setField(e *event.Event, name string, value []byte) {
	at := indexOf(e.Fields, name)
	if at < 0 {
		e.Fields = append(e.Fields, wire.Field{Name: name, JSON: value})
		return
	}
	e.Fields[at].JSON = value
}

// isFlat says whether a JSON value is a scalar or an array of scalars, which is what HEC
// takes for an indexed field.
func isFlat(value []byte) bool {
	if len(value) == 0 || value[0] != '[' && value[0] != '{' {
		return true
	}
	if value[0] == '{' {
		return false
	}
	text := false
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case !text && (c == '[' || c == '{'):
			return false
		}
	}
	return true
}

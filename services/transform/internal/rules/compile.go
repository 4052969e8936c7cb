package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/parse"
	"github.com/drainline/drainline/services/transform/internal/redact"
)

// Compile compiles the rules and the conditions of destinations. The error has
// everything that is wrong, one mistake a line: file, rule, column.
func Compile(c *config.Config) (*Set, error) {
	k := compiler{destinations: topology.Destinations(c), key: []byte(c.Redaction.Key.Reveal())}
	s := &Set{byApp: map[string][]*rule{}, drops: c.Unrouted == config.UnroutedDrop}
	for i := range c.Rules {
		r := k.rule(&c.Rules[i])
		r.number = len(s.rules)
		s.rules, s.names = append(s.rules, r), append(s.names, r.name)
		if apps, limited := appsOf(&c.Rules[i]); limited {
			s.limitTo(apps, r)
		} else {
			s.add(r)
		}
	}
	for i, name := range k.destinations {
		if w, conditional := k.way(name, c.Destinations[name].When, 1<<i); conditional {
			s.ways = append(s.ways, w)
		} else {
			s.open |= 1 << i
		}
	}
	if len(k.mistakes) > 0 {
		return nil, errors.Join(k.mistakes...)
	}
	return s, nil
}

// appsOf are the apps that a rule is limited to, by itself and by its file.
func appsOf(c *config.Rule) (apps []string, limited bool) {
	switch {
	case c.Scope == nil:
		return c.Apps, len(c.Apps) > 0
	case len(c.Apps) == 0:
		return c.Scope, true
	default:
		return slices.DeleteFunc(slices.Clone(c.Apps), func(app string) bool { return !slices.Contains(c.Scope, app) }), true
	}
}

// compiler gathers mistakes.
type compiler struct {
	destinations []string
	key          []byte
	place        string // of the rule in hand
	mistakes     []error
}

// wrong notes a mistake in a key of the rule in hand.
func (k *compiler) wrong(key string, err error) {
	k.mistakes = append(k.mistakes, fmt.Errorf("%s.%s: %w", k.place, key, err))
}

func (k *compiler) rule(c *config.Rule) *rule {
	k.place = c.Path + " (" + c.Name + ")"
	if c.File != "" {
		k.place = c.File + ": " + k.place
	}
	r := &rule{
		name: c.Name, marker: hec.AppendString(nil, []byte(c.Name)),
		// A secret never leaks because a rule failed.
		buries:   c.OnError == config.OnErrorDead || len(c.Redact) > 0,
		when:     k.condition(c.When),
		set:      k.set(c.Set),
		fields:   k.fields(&c.Fields),
		jsonBody: c.Body == config.BodyJSON,
		format:   c.Format, metrics: c.Metrics, metricsIndex: c.MetricsIndex,
		sample: k.sample(c), limit: k.limit(c),
		drop: c.Drop, to: k.to(c.To), stop: c.Stop,
	}
	k.parser(r, c.Parse)
	k.redactor(r, c.Redact)
	r.grows = !r.fields.none() || r.jsonBody || r.redactor != nil ||
		slices.ContainsFunc(r.set, func(s setting) bool { return s.key == "message" })
	r.fallible = r.grows || c.Sample.Key != "" || c.Limit.Key != "" ||
		r.parser != nil && slices.ContainsFunc(r.set, func(s setting) bool { return s.text != nil })
	return r
}

func (k *compiler) condition(source string) *condition.Condition {
	if source == "" {
		return nil
	}
	c, err := condition.Compile(source)
	if err != nil {
		k.wrong("when", err)
	}
	return c
}

// expression compiles the key of a sample or a limit; it is nil for none.
func (k *compiler) expression(key, source string) *condition.Template {
	if source == "" {
		return nil
	}
	t, err := condition.CompileKey(source)
	if err != nil {
		k.wrong(key, err)
	}
	return t
}

func (k *compiler) parser(r *rule, how string) {
	if how == "" {
		return
	}
	p, err := parse.New(how)
	if err != nil {
		k.wrong("parse", err)
	}
	r.parser, r.autoParse = p, how == config.ParseAuto
}

func (k *compiler) redactor(r *rule, list []config.Redaction) {
	if len(list) == 0 {
		return
	}
	var err error
	if r.redactor, err = redact.New(list, k.key); err != nil {
		k.wrong("redact", err)
	}
}

func (k *compiler) set(templates map[string]string) []setting {
	list := make([]setting, 0, len(templates))
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		s, err := newSetting(key, templates[key])
		if err != nil {
			k.wrong("set."+key, err)
		}
		list = append(list, s)
	}
	return list
}

func (k *compiler) to(names []string) uint64 {
	mask := uint64(0)
	for _, name := range names {
		i := slices.Index(k.destinations, name)
		if i < 0 {
			k.wrong("to", fmt.Errorf("%s is not the name of a destination", name))
			continue
		}
		mask |= 1 << i
	}
	return mask
}

// way compiles the condition of a destination, where it has one.
func (k *compiler) way(name, when string, bit uint64) (w way, conditional bool) {
	k.place = "destinations." + name
	return way{step: k.place + ".when failed", bit: bit, when: k.condition(when)}, when != ""
}

// Package rules applies the operator's rules to events, and finds the destinations
// that events go to.
package rules

import (
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/parse"
	"github.com/drainline/drainline/services/transform/internal/redact"
)

// Set is a compiled list of rules, with the ways to destinations. It may be used from
// any goroutine. Its limits count for all of its runners together, and begin anew with
// each set.
type Set struct {
	rules []*rule
	names []string
	// byApp has the rules of each app that a rule is limited to, in order; other are those
	// for any other app.
	byApp map[string][]*rule
	other []*rule

	ways []way
	// open are the destinations without a condition, a bit each.
	open uint64
	// drops says that an event which no destination wants is dropped, not a dead letter.
	drops bool
}

// Names are the names of the rules, in order. They must not be changed.
func (s *Set) Names() []string { return s.names }

// Empty says that there are no rules and no destination has a condition. Apply then
// changes nothing.
func (s *Set) Empty() bool { return len(s.rules) == 0 && len(s.ways) == 0 }

// of are the rules for an app, in order.
func (s *Set) of(app string) []*rule {
	if rules, limited := s.byApp[app]; limited {
		return rules
	}
	return s.other
}

// limitTo puts a rule behind those for the apps that it is limited to.
func (s *Set) limitTo(apps []string, r *rule) {
	for _, app := range apps {
		rules, known := s.byApp[app]
		if !known {
			rules = append([]*rule(nil), s.other...)
		}
		s.byApp[app] = append(rules, r)
	}
}

// add puts a rule behind those for every app.
func (s *Set) add(r *rule) {
	s.other = append(s.other, r)
	for app, rules := range s.byApp {
		s.byApp[app] = append(rules, r)
	}
}

// rule is one compiled rule. What it does not do is nil, empty or false.
type rule struct {
	name   string
	number int // in the set
	// marker is the name as one JSON text.
	marker []byte
	// buries makes a dead letter of an event that the rule fails on.
	buries bool
	// grows says that the rule may make the body or the indexed fields larger.
	grows bool
	// fallible says that the rule can fail when it has changed something already.
	fallible bool

	when         *condition.Condition
	parser       parse.Parser
	autoParse    bool
	set          []setting
	fields       fieldChanges
	jsonBody     bool
	redactor     *redact.Redactor
	format       string
	metrics      string
	metricsIndex string
	sample       *sample
	limit        *limit
	drop         bool
	to           uint64
	stop         bool
}

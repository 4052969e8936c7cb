package rules

import (
	"testing"

	"github.com/drainline/drainline/services/transform/internal/event"
)

// typical are five rules as operators have them.
var typical = these{
	`when: 'kind == "router" && fields.path == "/healthz" && fields.status < 400', drop: true`,
	`when: 'kind == "router" && fields.status >= 500', set: {sourcetype: 'heroku:router:error'}`,
	`set: {index: heroku, source: '{{ app }}/{{ process }}'}`,
	`redact: [{pattern: 'sk_live_', with: '***'}]`,
	`when: 'kind == "system"', drop: true`,
}

var mixed = []string{
	`heroku/router: at=info method=GET path="/orders/17?page=2" host=shop.example.com request_id=4f6e1b2c-8d7a-4c39-9b1e-2d3f4a5b6c7d ` +
		`fwd="203.0.113.7" dyno=web.1 connect=0ms service=31ms status=200 bytes=4821 protocol=https`,
	`app/web.1: [4f6e1b2c-8d7a-4c39-9b1e-2d3f4a5b6c7d] Completed 200 OK in 31ms (Views: 18.2ms | ActiveRecord: 7.4ms | Allocations: 12034) ` +
		`user=17 plan=gold region=eu`,
	`heroku/router: at=error code=H12 desc="Request timeout" method=GET path="/slow" host=shop.example.com ` +
		`request_id=4f6e1b2c-8d7a-4c39-9b1e-2d3f4a5b6c7e fwd="203.0.113.7" dyno=web.2 connect=1ms service=30000ms status=503 bytes=0 protocol=https`,
	`app/worker.1: charged card with sk_live_51H8 for order 17, 42.50 EUR`,
}

// applied puts the same lines through the rules again and again.
func applied(tb testing.TB, rules these) func() {
	tb.Helper()
	runner := newTrial(tb, rules.yaml()).runner
	var events [4]*event.Event
	for i, in := range mixed {
		events[i] = input(tb, in)
	}
	work := make([]event.Event, len(events))
	return func() {
		for i := range work {
			e := &work[i]
			e.Reset()
			fields := e.Fields
			e.Event, e.App, e.Request, e.Number = events[i].Event, events[i].App, events[i].Request, events[i].Number
			e.Line, e.Frame, e.Meaning = events[i].Line, events[i].Frame, events[i].Meaning
			e.Fields = fields
			e.Fields = append(e.Fields, events[i].Fields...)
			if runner.Apply(e).Fate == Ship {
				runner.Route(e)
			}
		}
	}
}

func TestTypicalRulesDoNotAllocate(t *testing.T) {
	apply := applied(t, typical)
	apply() // buffers grow
	if n := testing.AllocsPerRun(100, apply); n > 0 {
		t.Errorf("%v allocations for %d events", n, len(mixed))
	}
}

func BenchmarkTypicalRules(b *testing.B) {
	apply := applied(b, typical)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N / len(mixed) {
		apply()
	}
}

// BenchmarkNoRule is what the benchmark itself costs.
func BenchmarkNoRule(b *testing.B) {
	apply := applied(b, these{`apps: [other], drop: true`})
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N / len(mixed) {
		apply()
	}
}

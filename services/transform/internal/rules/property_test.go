package rules

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// pool has rules that can follow each other in any order.
var pool = []string{
	`when: 'kind == "router" && fields.status < 400', drop: true`,
	`when: 'fields.user.id == 17', set: {index: seventeen}`,
	`when: 'message contains "joe"', stop: true`,
	`when: 'level == "error"', drop: true`,
	`parse: auto`,
	`parse: json, body: json`,
	`parse: '(?P<first>\w+)', fields: {add: {first: '{{ fields.first }}'}}`,
	`set: {source: '{{ process }}-{{ fields.user }}', message: '{{ message }}!'}`,
	`set: {time: '{{ fields.ts }}'}`,
	`fields: {rename: {heroku_app: app, heroku_kind: kind}, remove: ['*dyno'], add: {size: '{{ len(message) }}'}}`,
	`redact: [email, {pattern: '[0-9]+', with: N}]`,
	`format: json, metrics: both`,
	`sample: {rate: 2}`,
	`sample: {rate: 3, key: message}`,
	`set: {index: '{{ message }}'}, fields: {remove: ['*']}`,
	`set: {index: '{{ message }}'}, on_error: dead`,
	`when: 'app == "shop"', set: {host: '{{ dyno }}'}`,
	`set: {token: '{{ process }}'}`,
}

// inputs are a generator of a test's own: rapid's describe themselves as they are used, and
// two tests at a time must not share one.
func inputs() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{web, router, object, pairs, sent, "app/web.1: ", "heroku/web.1: Error R14 (Memory quota exceeded)"}),
		rapid.Map(rapid.String(), func(s string) string { return "app/web.1: " + strings.ReplaceAll(s, "\n", " ") }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return "app/run.7: " + string(bytes.ReplaceAll(b, []byte("\n"), nil)) }),
	)
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := these(rapid.SliceOfN(rapid.SampledFrom(pool), 1, 8).Draw(rt, "rules")).yaml()
		one, other := newTrial(t, text), newTrial(t, text)
		for _, in := range rapid.SliceOfN(inputs(), 1, 5).Draw(rt, "inputs") {
			if got, want := one.run(input(t, in)), other.run(input(t, in)); got != want {
				rt.Fatalf("%s\n%s", got, want)
			}
		}
	})
}

// A list of rules does what its rules do one after another.
func TestOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		mayFail := func(rule string) bool { return strings.Contains(rule, "index: '{{") || strings.Contains(rule, "time:") }
		rules := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.DeleteFunc(slices.Clone(pool), mayFail)), 1, 8, rapid.ID).Draw(rt, "rules")
		in := inputs().Draw(rt, "input")
		whole, part := input(t, in), input(t, in)
		set, err := Compile(load(t, these(rules).yaml()))
		if err != nil {
			rt.Fatal(err)
		}
		want := set.NewRunner().Apply(whole)
		// One after another, each with memory of its own.
		got := Verdict{}
		for _, next := range set.rules {
			alone := &Set{rules: set.rules, other: []*rule{next}}
			runner := alone.NewRunner()
			if got = runner.Apply(part); got.Fate != Ship || next.stop && runner.Counts[next.number].Matched > 0 {
				break
			}
		}
		if got != want {
			rt.Fatalf("%v together, %v one by one", want, got)
		}
		if !slices.Equal(encode(whole), encode(part)) {
			rt.Fatalf("together %q\none by one %q", encode(whole), encode(part))
		}
	})
}

// A rule that fails changes nothing for those that follow, whatever it has made before.
func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	const half = `parse: auto, set: {message: '{{ message }} and more'}, fields: {remove: ['*'], add: {a: '{{ [[1]] }}'}}, format: json, to: [splunk]`
	isRisky := func(rule string) bool {
		return strings.Contains(rule, "index: '{{") || strings.Contains(rule, "time:") || strings.Contains(rule, "sample:")
	}
	sound := slices.DeleteFunc(slices.Clone(pool), isRisky)
	rapid.Check(t, func(rt *rapid.T) {
		var with, without these
		for _, rule := range rapid.SliceOfN(rapid.SampledFrom(sound), 1, 6).Draw(rt, "rules") {
			with, without = append(with, half, rule), append(without, rule)
		}
		in := inputs().Draw(rt, "input")
		got, want := input(t, in), input(t, in)
		v, other := newTrial(t, with.yaml()).runner.Apply(got), newTrial(t, without.yaml()).runner.Apply(want)
		got.Fields = slices.DeleteFunc(got.Fields, func(f wire.Field) bool { return f.Name == ErrorField })
		if v != other || got.Named != want.Named || !slices.Equal(encode(got), encode(want)) {
			rt.Fatalf("%v %q\nwithout %v %q", v, encode(got), other, encode(want))
		}
	})
}

// An event that no rule matches is shipped as it was, byte for byte.
func TestUnmatchedIsUnchanged(t *testing.T) {
	t.Parallel()
	rules := these{
		`apps: [other], drop: true`, `when: 'app == "other"', redact: [email], body: json, parse: auto`,
		`when: 'fields.nothing == 1', set: {message: x}`,
	}
	runner := newTrial(t, rules.yaml()).runner
	rapid.Check(t, func(rt *rapid.T) {
		e := input(t, inputs().Draw(rt, "input"))
		before := wire.AppendEvent(nil, &e.Event)
		if v := runner.Apply(e); v != (Verdict{}) || !bytes.Equal(wire.AppendEvent(nil, &e.Event), before) {
			rt.Fatalf("%v, %+v", v, e.Event)
		}
		if _, v := runner.Route(e); v != (Verdict{}) {
			rt.Fatal(v)
		}
	})
	for i, c := range runner.Counts {
		if c != (Count{}) {
			t.Errorf("rule %d: %+v", i, c)
		}
	}
}

// Whatever comes, each event is shipped, filtered or a dead letter, and a rule says so.
func TestEveryEventIsAccountedFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := these(rapid.SliceOfN(rapid.SampledFrom(pool), 1, 8).Draw(rt, "rules")).yaml() +
			`destinations: {a: {urls: ["https://a:8088"], token: t, when: 'len(message) > 10'}}` +
			"\nunrouted: " + rapid.SampledFrom([]string{"drop", "dead"}).Draw(rt, "unrouted") + "\n"
		runner := newTrial(t, text).runner
		events := rapid.SliceOf(inputs()).Draw(rt, "inputs")
		var fates [Bury + 1]int
		for _, in := range events {
			e := input(t, in)
			v := runner.Apply(e)
			if v.Fate == Ship {
				_, v = runner.Route(e)
			}
			fates[v.Fate]++
			if (v.Fate == Bury) != (v.Reason != "" && v.Sentence != "") {
				rt.Fatalf("%+v", v)
			}
		}
		filtered, dead := 0, 0
		for _, c := range runner.Counts {
			filtered += c.Dropped + c.Sampled + c.Limited
			dead += c.Dead
		}
		if fates[Filter]+fates[Bury] != filtered+dead+runner.Unrouted || fates[Ship]+fates[Filter]+fates[Bury] != len(events) {
			rt.Fatalf("%v of %d, %d filtered, %d dead, %d unrouted", fates, len(events), filtered, dead, runner.Unrouted)
		}
	})
}

// Runners of one set do not disturb each other: each gives what one alone does.
func TestRunnersAreIndependent(t *testing.T) {
	t.Parallel()
	c := load(t, these(pool).yaml())
	set, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{web, router, object, pairs, sent}
	var want []string
	for _, in := range lines {
		want = append(want, (&trial{set.NewRunner(), []string{"splunk"}}).run(input(t, in)))
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			one := &trial{set.NewRunner(), []string{"splunk"}}
			for i := range 200 {
				in := lines[i%len(lines)]
				if got := one.run(input(t, in)); got != want[i%len(lines)] {
					t.Errorf("%s: %s", in, got)
				}
			}
		})
	}
	group.Wait()
}

// bursting is a parser with a defect.
type bursting struct{}

func (bursting) Parse(*fields.List, []byte) bool { panic("a secret of the event") }

// A defect ends the rule, not the process, and the event is as it was before.
func TestDefect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rules, want string }{
		{`set: {index: a}, body: json`, failedOn + `"r1"`},
		{`set: {index: a}, body: json, on_error: dead`, `dead, rule_failed: rule "r1" failed: a defect of Drainline, please report it`},
		{`redact: [email], body: json`, `dead, rule_failed: rule "r1" failed: a defect of Drainline, please report it`},
	} {
		trial := newTrial(t, these{c.rules, `set: {source: '{{ message }}'}`}.yaml())
		trial.runner.set.rules[0].parser = bursting{}
		want := c.want
		if !strings.HasPrefix(want, "dead") {
			want = "source=order 17 by joe@example.com " + want
		}
		if got := trial.run(input(t, web)); got != want {
			t.Errorf("%s: %s", c.rules, got)
		}
	}
}

// A defect in a rule of which nothing was kept leaves nobody knows what.
func TestDefectOfWhatIsNotKept(t *testing.T) {
	t.Parallel()
	trial := newTrial(t, these{`set: {index: a}, limit: {events: 9}`, `set: {index: b}`}.yaml())
	trial.runner.set.rules[0].limit.buckets = nil
	want := `dead, rule_failed: rule "r1" failed: a defect of Drainline, please report it`
	if got := trial.run(input(t, web)); got != want {
		t.Error(got)
	}
	if got := trial.runner.Counts[0]; got != (Count{Matched: 1, Failed: 1, Dead: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestDefectOfDestination(t *testing.T) {
	t.Parallel()
	trial := newTrial(t, `destinations: {a: {urls: ["https://a:8088"], token: t, when: 'fields.x == 1'}, b: {urls: ["https://a:8088"], token: t}}`)
	e := input(t, web)
	e.ParseWith(parse.Parser(bursting{}))
	want := `dead, rule_failed: destinations.a.when failed: the expression cannot be evaluated for this event`
	if got := trial.run(e); got != want {
		t.Error(got)
	}
}

// An event that comes with many indexed fields keeps them; rules add none to them.
func TestTooMany(t *testing.T) {
	t.Parallel()
	many := func(n int) *event.Event {
		e := input(t, "hec: text")
		for i := range n {
			e.Fields = append(e.Fields, wire.Field{Name: "f" + strings.Repeat("x", i), JSON: []byte("1")})
		}
		return e
	}
	for _, c := range []struct {
		fields int
		rule   string
		want   string
	}{
		{maxFields - 1, `fields: {add: {a: b}}`, `+a="b"`},
		{maxFields, `fields: {add: {a: b}}`, failedOn + `"r1"`},
		{maxFields, `fields: {add: {a: b}, remove: [f]}`, `+a="b" -f`},
		{maxFields + 9, `fields: {rename: {f: g}}`, `+g=1 -f`},
		{maxFields + 9, `sample: {rate: 2, key: '"a0"'}`, `+sample_rate=2`},
	} {
		if got := newTrial(t, these{c.rule}.yaml()).run(many(c.fields)); got != c.want {
			t.Errorf("%d fields, %s: %s", c.fields, c.rule, got)
		}
	}
}

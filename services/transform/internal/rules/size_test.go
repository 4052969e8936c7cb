package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// The size is no less than that of the encoded event, and not much more.
func TestSize(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(0, 300, -1)
	rapid.Check(t, func(rt *rapid.T) {
		var e event.Event
		for _, s := range []*string{&e.Host, &e.Source, &e.Sourcetype, &e.Index, &e.Kind, &e.Code, &e.Dyno, &e.Process} {
			*s = text.Draw(rt, "text")
		}
		e.TimeNS, e.Origin = rapid.Int64().Draw(rt, "time"), rapid.Uint32().Draw(rt, "origin")
		e.Facility, e.Severity = rapid.Byte().Draw(rt, "facility"), rapid.Byte().Draw(rt, "severity")
		e.Text = bytes.Repeat([]byte("x"), rapid.IntRange(0, 1<<20).Draw(rt, "body"))
		for range rapid.IntRange(0, 20).Draw(rt, "fields") {
			e.Fields = append(e.Fields, wire.Field{Name: text.Draw(rt, "name"), JSON: []byte(text.Draw(rt, "value"))})
		}
		encoded, got := len(wire.AppendEvent(nil, &e.Event)), size(&e)
		if got < encoded || got > encoded+100+20*len(e.Fields) {
			rt.Fatalf("%d for %d bytes", got, encoded)
		}
	})
}

const (
	message = `{{ message }}`
	failing = failedOn + `"r1"`
)

// No rule makes an event that is too large, and none fails because it came like that.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	const half = maxEvent / 2
	const dead = `dead, rule_failed: rule "r1" failed: `
	for _, c := range []struct {
		body  int // of the event
		rules these
		want  string
	}{
		{half - 1000, these{`set: {message: '` + message + message + `'}`}, `message=`},
		{half, these{`set: {message: '` + message + message + `'}`}, failing},
		{half, these{`set: {message: '` + message + message + `'}, on_error: dead`}, dead + tooMuch},
		{half, these{`set: {message: '` + message + message + message + `'}, on_error: dead`}, dead + "set.message: " + tooMuch},
		{half, these{`fields: {add: {a: '` + message + `'}}`}, failing},
		{half, these{`fields: {add: {a: '` + message + `'}}, on_error: dead`}, dead + tooMuch},
		{half / 2, these{`fields: {add: {a: '` + message + `', b: '` + message + `', c: '` + message + `', d: '` + message + `'}}`}, failing},
		{half, these{`set: {message: '` + message + `!'}`, `set: {message: '` + message + message + `'}`}, failedOn + `"r2"`},
		{half, these{`redact: [{pattern: x, with: zz}]`}, dead + tooMuch},
		{maxEvent - 1000, these{`set: {source: '{{ "` + strings.Repeat("s", 999) + `" }}'}`}, `source=`},
		{maxEvent, these{`set: {message: '` + message + `!'}`}, failing},
		{maxEvent, these{`set: {message: short}`}, `message=short`},
		{maxEvent + 9, these{`redact: [{pattern: xx, with: z}]`}, `message=`},
		{maxEvent + 9, these{`fields: {remove: [heroku_app]}`}, `-heroku_app`},
		{maxEvent + 9, these{`set: {index: a}`, `parse: auto`, `format: json`}, `format=json`},
	} {
		e := input(t, "app/web.1: "+strings.Repeat("x", c.body))
		got := newTrial(t, c.rules.yaml()).run(e)
		if !strings.Contains(got, c.want) || strings.Contains(got, failedOn) != strings.HasPrefix(c.want, failedOn) {
			t.Errorf("%d bytes, %.60s: %.200s; want %s", c.body, c.rules[0], got, c.want)
		}
		const notes = 2000 // host, source, sourcetype, index and the rule's name
		if !strings.HasPrefix(got, "dead") && size(e) > max(c.body, maxEvent)+notes {
			t.Errorf("%d bytes, %.60s: %d bytes", c.body, c.rules[0], size(e))
		}
	}
}

// Rules that make much of a large event stop before they have made it.
func TestMemory(t *testing.T) {
	t.Parallel()
	many := func(n int) string {
		var add []string
		for i := range n {
			add = append(add, fmt.Sprintf("f%d: '%s'", i, message))
		}
		return `fields: {add: {` + strings.Join(add, ", ") + `}}`
	}
	repeated := func(n int, rule string) these { return slices.Repeat(these{rule}, n) }
	for _, c := range []struct {
		rules  these
		failed int
		most   int
	}{
		{these{`set: {message: '` + strings.Repeat(message, 760) + `'}`}, 1, maxEvent},
		{these{many(500)}, 1, maxEvent},
		{repeated(5, many(500)), 5, maxEvent},
		{repeated(100, `set: {message: 'a`+message+`'}`), 100 - maxMade/(500<<10), maxMade},
		{these{`sample: {rate: 2, key: '` + strings.Repeat("message + ", 20) + `message'}`}, 1, maxEvent},
		{these{`limit: {events: 2, key: '` + strings.Repeat("message + ", 20) + `message'}`}, 1, maxEvent},
	} {
		runner := newTrial(t, c.rules.yaml()).runner
		e := input(t, "app/web.1: "+strings.Repeat("x", 500<<10))
		runner.Apply(e)
		failed := 0
		for _, count := range runner.Counts {
			failed += count.Failed
		}
		if failed < c.failed-2 || failed > c.failed {
			t.Errorf("%.60s: %d rules failed, want %d", c.rules[0], failed, c.failed)
		}
		if cap(runner.memory) > 2*c.most {
			t.Errorf("%.60s: memory of %d KiB", c.rules[0], cap(runner.memory)>>10)
		}
	}
}

// However many rules fail, their names take no more than themselves, and are bounded.
func TestManyFailures(t *testing.T) {
	t.Parallel()
	runner := newTrial(t, slices.Repeat(these{`set: {index: 'A{{ app }}'}`}, 5000).yaml()).runner
	e := input(t, web)
	if v := runner.Apply(e); v != (Verdict{}) {
		t.Fatal(v)
	}
	value := string(e.Fields[indexOf(e.Fields, ErrorField)].JSON)
	if !strings.HasPrefix(value, `["r1","r2",`) || !strings.HasSuffix(value, `"]`) || len(value) > maxMarks || len(value) < maxMarks-20 {
		t.Errorf("%.50s, %d bytes", value, len(value))
	}
	if cap(runner.memory) > 1000 || cap(runner.marks) > 2*maxMarks {
		t.Errorf("memory of %d and %d bytes", cap(runner.memory), cap(runner.marks))
	}
}

// What a rule looked for secrets in says so, found or not, failed or not.
func TestRedacted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules string
		want  bool
	}{
		{`redact: [email]`, true},
		{`redact: [jwt]`, true},
		{`redact: [email], set: {time: 'x{{ app }}'}`, true},
		{`when: 'app == "other"', redact: [email]`, false},
		{`set: {index: a}`, false},
		{`set: {time: 'x{{ app }}'}, format: splunk_raw`, false},
	} {
		e := input(t, web)
		newTrial(t, these{`set: {source: s}`, c.rules, `set: {index: 'A{{ app }}'}`}.yaml()).run(e)
		if e.Redacted != c.want {
			t.Errorf("%s: redacted %t", c.rules, e.Redacted)
		}
	}
}

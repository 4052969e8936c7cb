package rules

import (
	"fmt"
	"math"
	"testing"
)

// Of many keys about one of rate is kept, and events of one key together.
func TestSampleRate(t *testing.T) {
	t.Parallel()
	const events = 5_000
	for _, c := range []struct {
		rule string
		rate float64
	}{
		{`sample: {rate: 10}`, 10},
		{`sample: {rate: 3}`, 3},
		{`sample: {rate: 10, key: message}`, 10},
		{`sample: {rate: 10, key: code}`, 10}, // empty: each by itself
		{`limit: {events: 1, over: sample, rate: 10}`, 10},
	} {
		runner, again := newTrial(t, these{c.rule}.yaml()).runner, newTrial(t, these{c.rule}.yaml()).runner
		kept := 0
		for i := range events {
			e, twin := input(t, fmt.Sprintf("app/web.1: %d", i)), input(t, fmt.Sprintf("app/web.1: %d", i))
			e.Number, twin.Number = uint32(i), uint32(i)
			v := runner.Apply(e)
			if other := again.Apply(twin); v != other {
				t.Fatalf("%s: %v and %v for one event", c.rule, v, other)
			}
			if v.Fate == Ship {
				kept++
			}
		}
		want := events / c.rate
		if deviation := math.Sqrt(want); math.Abs(float64(kept)-want) > 5*deviation {
			t.Errorf("%s: %d of %d events kept", c.rule, kept, events)
		}
		count := runner.Counts[0]
		if count.Matched != events || count.Sampled+count.Limited != events-kept {
			t.Errorf("%s: %+v", c.rule, count)
		}
	}
}

func TestSampleKey(t *testing.T) {
	t.Parallel()
	runner := newTrial(t, these{`sample: {rate: 4, key: request_id}`}.yaml()).runner
	for id := range 50 {
		kept := 0
		for n := range 10 {
			e := input(t, web)
			e.Request.RequestId, e.Number = fmt.Sprint(id), uint32(n)
			if runner.Apply(e).Fate == Ship {
				kept++
			}
		}
		if kept != 0 && kept != 10 {
			t.Errorf("%d of 10 events of request %d kept", kept, id)
		}
	}
}

// What is kept says of how many, over several rules and the sender's own sampling.
func TestSampleNotes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules these
		want  string
	}{
		{these{`sample: {rate: 10, key: '"a0"'}`}, "10"},
		{these{`sample: {rate: 10, key: '"a0"'}`, `sample: {rate: 2, key: '"a0"'}`}, "20"},
		{these{`fields: {add: {sample_rate: '{{ 5 }}'}}`, `sample: {rate: 10, key: '"a0"'}`}, "50"},
		{these{`fields: {add: {sample_rate: often}}`, `sample: {rate: 10, key: '"a0"'}`}, "10"},
		{these{`fields: {add: {sample_rate: '{{ 0 }}'}}`, `sample: {rate: 10, key: '"a0"'}`}, "10"},
		{these{`fields: {add: {sample_rate: '{{ 9000000000000 }}'}}`, `sample: {rate: 10, key: '"a0"'}`}, "10"},
	} {
		if got := newTrial(t, c.rules.yaml()).run(input(t, web)); got != "+sample_rate="+c.want {
			t.Errorf("%q: %s", c.rules, got)
		}
	}
}

// Two rules that take each event by itself choose independently of each other.
func TestSamplesAreIndependent(t *testing.T) {
	t.Parallel()
	runner := newTrial(t, these{`sample: {rate: 4}`, `sample: {rate: 4}`, `limit: {events: 1, over: sample, rate: 4}`}.yaml()).runner
	const events = 16_000
	kept := 0
	for i := range events {
		e := input(t, web)
		e.Number = uint32(i)
		if runner.Apply(e).Fate == Ship {
			kept++
		}
	}
	if want := events / 64; kept < want/2 || kept > want*2 {
		t.Errorf("%d of %d kept, not about %d", kept, events, want)
	}
}

package splunk_test

import (
	"fmt"
	"testing"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// poisoned refuses the event x for a code.
func poisoned(code int) func(splunk.Event) int {
	return func(e splunk.Event) int {
		if e.Text() == "x" {
			return code
		}
		return 0
	}
}

func TestPoison(t *testing.T) {
	t.Parallel()
	const envelopes, lines = `{"event":"a"}{"event":"b"}{"event":"x"}{"event":"c"}`, "a\nb\nx\nc"
	for _, c := range []struct {
		code    int
		numbers splunk.Numbers
		nothing bool // AllOrNothing
		answer  string
		events  int64
	}{
		{6, splunk.NumbersRight, false, `{"text":"Invalid data format","code":6,"invalid-event-number":2}`, 2},
		{12, splunk.NumbersRight, false, `{"text":"Event field is required","code":12,"invalid-event-number":2}`, 2},
		{13, splunk.NumbersRight, true, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":2}`, 0},
		{15, splunk.NumbersRight, false, `{"text":"Error in handling indexed fields","code":15,"invalid-event-number":2}`, 2},
		{7, splunk.NumbersRight, false, `{"text":"Incorrect index","code":7,"invalid-event-number":3}`, 2},
		{7, splunk.NumbersWrong, false, `{"text":"Incorrect index","code":7,"invalid-event-number":0}`, 2},
		{6, splunk.NumbersWrong, true, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`, 0},
		{6, splunk.NumbersMissing, false, `{"text":"Invalid data format","code":6}`, 2},
	} {
		for endpoint, body := range map[string]string{"event": envelopes, "raw": lines} {
			t.Run(fmt.Sprint(endpoint, c.code, c.numbers, c.nothing), func(t *testing.T) {
				t.Parallel()
				o := options()
				o.Poison, o.Numbers, o.AllOrNothing = poisoned(c.code), c.numbers, c.nothing
				sim := splunk.New(o)
				status, answer := do(t, sim, body, path("/services/collector/"+endpoint))
				if status != 400 || answer != c.answer || sim.Count() != c.events || sim.Stats().Unconfirmed != c.events {
					t.Errorf("got %d %s and %+v, want %s and %d events", status, answer, sim.Stats(), c.answer, c.events)
				}
			})
		}
	}
}

func TestThrownAway(t *testing.T) {
	t.Parallel()
	o := options()
	o.Indexes = []string{"main"}
	var told []string
	o.OnEvent = func(e splunk.Event) { told = append(told, e.Text()) }
	sim := splunk.New(o)
	anyIndex := header("Authorization", "Splunk "+good)
	const body = `{"event":"id=a"}{"event":"id=b","index":"nope"}{"event":"id=c","index":"main"}`
	if status, answer := do(t, sim, body, anyIndex); status != 200 || answer != success {
		t.Errorf("got %d %s", status, answer)
	}
	if status, answer := do(t, sim, "id=d\nid=e", anyIndex, path("/services/collector/raw"), query("index=nope")); status != 200 {
		t.Errorf("raw: got %d %s", status, answer)
	}
	if status, _ := do(t, sim, `{"event":"id=f","index":"nope"}`); status != 400 {
		t.Errorf("with a list of indexes got %d", status)
	}
	got := sim.Stats()
	if got.Events != 2 || got.ThrownAway != 3 || got.DistinctIDs != 2 || fmt.Sprint(told) != "[id=a id=c]" || len(sim.Events()) != 2 {
		t.Errorf("got %+v, told %v", got, told)
	}
	if missing := sim.ThrownAway().Missing([]string{"b", "d", "e"}); len(missing) > 0 || sim.ThrownAway().Distinct() != 3 {
		t.Errorf("missing %v", missing)
	}
}

func TestSetTokens(t *testing.T) {
	t.Parallel()
	sim := splunk.New(options())
	for _, c := range []struct {
		tokens map[string]splunk.Token
		status int
		answer string
	}{
		{map[string]splunk.Token{good: {}}, 403, `{"text":"Invalid token","code":4}`},
		{map[string]splunk.Token{limited: {Disabled: true}}, 403, `{"text":"Token disabled","code":1}`},
		{map[string]splunk.Token{limited: {UseACK: true}}, 400, `{"text":"Data channel is missing","code":10}`},
		{map[string]splunk.Token{limited: {}}, 200, success},
	} {
		sim.SetTokens(c.tokens)
		if status, answer := do(t, sim, `{"event":"a"}`); status != c.status || answer != c.answer {
			t.Errorf("got %d %s, want %d %s", status, answer, c.status, c.answer)
		}
	}
}

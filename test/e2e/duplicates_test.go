package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// texts are what Splunk has indexed, sorted.
func (s *splunkServer) texts() []string {
	var texts []string
	for _, e := range s.Events() {
		texts = append(texts, e.Text())
	}
	slices.Sort(texts)
	return texts
}

// copies is how often a text is indexed.
func (s *splunkServer) copies(text string) int {
	n := 0
	for _, indexed := range s.texts() {
		if indexed == text {
			n++
		}
	}
	return n
}

// A batch that Logplex sends again, because it did not see the answer, is taken
// and not indexed again: the same frame id under the same drain token.
func TestRetries(t *testing.T) {
	t.Parallel()
	const other = "d.00000000-0000-4000-8000-000000000000"
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	run := service(t, "drainline run", append(to(sim.url), "bus.url="+url)...).start(t).ready()
	drain, bus := run.drainURL(secret), lookAt(t, url)

	body := frame("again\n")
	for range 2 {
		mustPost(t, drain, body, "Logplex-Frame-Id", "R2")
	}
	for _, token := range []string{drainToken, other} {
		mustPost(t, drain, frame("two drains\n"), "Logplex-Frame-Id", "R3", "Logplex-Drain-Token", token)
	}
	mustPost(t, drain, frame("with L10\n"), "Logplex-Frame-Id", "R4")
	for range 2 {
		mustPost(t, drain, slices.Concat(l10(3), frame("with L10\n")), "Logplex-Frame-Id", "R4", "Logplex-Msg-Count", "2")
	}
	mustPost(t, drain, slices.Concat(l10(7), frame("with L10\n")), "Logplex-Frame-Id", "R4", "Logplex-Msg-Count", "2")
	bus.settle()
	want := []string{lost(3), lost(7), "again", "two drains", "two drains", "with L10"}
	if got := sim.texts(); !slices.Equal(got, want) {
		t.Errorf("indexed %q, want %q", got, want)
	}
}

// lost is the text of l10(n).
func lost(n int) string {
	_, text, _ := bytes.Cut(l10(n), []byte(" - "))
	return string(text)
}

// Instances of ingest tell each other what they have stored. They do so after
// the answer, so the test first sees to it that they have: what one tells
// arrives in order.
func TestRetryAtAnotherInstance(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	settings := append(to(sim.url), "bus.url="+url)
	for _, name := range []string{"transform", "shipper"} {
		service(t, name, settings...).start(t).ready()
	}
	first, second := service(t, "ingest", settings...).start(t), service(t, "ingest", settings...).start(t)
	one, two := first.ready().drainURL(secret), second.ready().drainURL(secret)
	bus := lookAt(t, url)

	mustPost(t, one, frame("told\n"), "Logplex-Frame-Id", "told")
	canaries := 0
	eventually(t, "the second has heard of a request at the first", func() bool {
		canaries++
		id := fmt.Sprintf("canary %d", canaries)
		for _, drain := range []string{one, two} {
			mustPost(t, drain, frame(id), "Logplex-Frame-Id", id)
		}
		bus.settle()
		return sim.copies(id) == 1
	})
	mustPost(t, two, frame("told\n"), "Logplex-Frame-Id", "told")
	bus.settle()
	if copies := sim.copies("told"); copies != 1 {
		t.Errorf("the request is indexed %d times", copies)
	}
	t.Logf("heard after %d requests", canaries)
}

// An instance that starts learns what the others have stored from the bus.
func TestRetryAtANewInstance(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	settings := append(to(sim.url), "bus.url="+url)
	first := service(t, "ingest", settings...).start(t).ready()
	mustPost(t, first.drainURL(secret), frame("kept\n"))
	first.kill()
	second := first.again().ready()
	mustPost(t, second.drainURL(secret), frame("kept\n"))
	for _, name := range []string{"transform", "shipper"} {
		service(t, name, settings...).start(t).ready()
	}
	lookAt(t, url).settle()
	if got, want := sim.texts(), []string{"kept"}; !slices.Equal(got, want) {
		t.Errorf("indexed %q, want %q", got, want)
	}
}

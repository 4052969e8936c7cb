package transform

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// named is a rule that has an event sent with the token that its body names: t=NAME.
func named(c *config.Config) {
	c.Rules = append(c.Rules, config.Rule{Name: "token", Parse: `t=(?P<t>\w+)`, Set: map[string]string{"token": "{{ fields.t }}"}})
}

// byToken are the bodies that each destination gets, under "destination token".
func byToken(t *testing.T, out output) map[string][]string {
	t.Helper()
	all, ids := map[string][]string{}, map[wire.ID]bool{}
	for _, sealed := range out.Batches {
		b := scan(t, sealed)
		if ids[b.ID] {
			t.Errorf("two batches have the id %v", b.ID)
		}
		ids[b.ID] = true
		key := b.Destination + " " + b.Token
		for _, e := range b.Events {
			all[key] = append(all[key], string(e.Text)+string(e.JSON))
		}
	}
	return all
}

func TestTokens(t *testing.T) {
	lines := []string{"t=a 1", "t=b 2", "3", "t=a 4", "t=b sample#x=5", "t=GUID 6"}
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   map[string][]string
	}{
		{"no rule", func(*config.Config) {}, map[string][]string{"splunk ": lines}},
		{"one for all", func(c *config.Config) {
			c.Rules = []config.Rule{{Name: "r", Set: map[string]string{"token": "{{ credential }}"}}}
		}, map[string][]string{"splunk team_a": lines}},
		{"by what is in a line", named, map[string][]string{
			"splunk ": {lines[2], lines[5]}, "splunk a": {lines[0], lines[3]}, "splunk b": {lines[1], lines[4]},
		}},
		{"destinations by token", func(c *config.Config) {
			named(c)
			c.Destinations["other"] = config.Destination{When: `fields.t == "a"`}
		}, map[string][]string{
			"splunk ": {lines[2], lines[5]}, "splunk a": {lines[0], lines[3]}, "splunk b": {lines[1], lines[4]}, "other a": {lines[0], lines[3]},
		}},
		{"formats", func(c *config.Config) {
			named(c)
			c.Destinations["other"] = config.Destination{Format: config.FormatJSON, When: `message contains "4" || message contains "3"`}
		}, map[string][]string{
			"splunk ": {lines[2], lines[5]}, "splunk a": {lines[0], lines[3]}, "splunk b": {lines[1], lines[4]},
			"other ": {`{"message":"3"}`}, "other a": {`{"t":"a"}`},
		}},
		{"metrics", func(c *config.Config) {
			named(c)
			c.Rules = append(c.Rules, config.Rule{Name: "m", When: `fields.t == "b"`, Parse: "logfmt", Metrics: config.MetricsBoth})
		}, map[string][]string{
			"splunk ": {lines[2], lines[5]}, "splunk a": {lines[0], lines[3]}, "splunk b": {lines[1], lines[4], `"metric"`},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ruled(t, func(cfg *config.Config) {
				delete(cfg.Destinations, "other")
				c.change(cfg)
			})
			r := request(func(r *drainlinev1.Request) { r.Credential = "team_a" })
			for _, line := range lines {
				r.Body = append(r.Body, frame("<190>1 - host app web.1 - "+line)...)
			}
			if diff := cmp.Diff(c.want, byToken(t, transformedBy(t, s, block(r)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// tokenOf is the token that a body names.
func tokenOf(body string) string {
	if m := tokenInBody.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

var tokenInBody = regexp.MustCompile(`t=(\w+)`)

// However many tokens the events of a block have, alone or joined, each event is in a batch
// of its token, once a destination, and the same block gives the same batches.
func TestEveryEventHasItsToken(t *testing.T) {
	s := ruled(t, func(c *config.Config) {
		named(c)
		c.Destinations["other"] = config.Destination{Format: config.FormatVector, When: `message contains "7"`}
		c.Drains = []config.Drain{{Token: "d.1", Join: []string{"java"}}}
		c.Rules = append(c.Rules, config.Rule{Name: "metrics", Parse: "logfmt", Metrics: config.MetricsBoth})
	})
	rapid.Check(t, func(t *rapid.T) {
		requests, lines := manyTokens(t)
		run := func() TrialOutput {
			out, err := (&Trial{settings: s}).Run(requests)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		out := run()
		ids, copies := map[wire.ID]bool{}, map[string]map[string]int{"splunk": {}, "other": {}}
		for _, b := range out.Batches {
			if ids[b.ID] {
				t.Fatalf("two batches have the id %v", b.ID)
			}
			ids[b.ID] = true
			for i := range b.Events {
				body := string(b.Events[i].Text) + string(b.Events[i].JSON)
				if body == `"metric"` {
					continue
				}
				if b.Token != tokenOf(body) {
					t.Fatalf("%q is sent with %q", body, b.Token)
				}
				countLines(copies[b.Destination], []byte(body))
			}
		}
		if len(copies["splunk"]) != lines {
			t.Fatalf("%d of %d lines", len(copies["splunk"]), lines)
		}
		for destination, times := range copies {
			for line, n := range times {
				if n != 1 {
					t.Fatalf("%s gets line %s %d times", destination, line, n)
				}
			}
		}
		if diff := cmp.Diff(out, run(), protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// manyTokens draws lines that name many tokens, or none, and says how many lines there are.
func manyTokens(t *rapid.T) (requests []*drainlinev1.Request, lines int) {
	line := rapid.Custom(func(t *rapid.T) []byte {
		lines++
		text := rapid.SampledFrom([]string{"plain", "sample#x=1", "java.lang.Error:", "\tat x.Y.z(Y.java:1)"}).Draw(t, "text")
		if token := rapid.IntRange(0, 3*sectionTokens).Draw(t, "token"); token > 0 {
			text += fmt.Sprintf(" t=t%d", token)
		}
		return frame(fmt.Sprintf("<190>1 - host app web.%d - %s n=%d", rapid.IntRange(1, 3).Draw(t, "dyno"), text, lines))
	})
	for i := range rapid.IntRange(1, 3).Draw(t, "requests") {
		requests = append(requests, request(func(r *drainlinev1.Request) {
			r.Id[0], r.DrainToken = byte(i), rapid.SampledFrom([]string{"d.1", "d.2"}).Draw(t, "drain")
			r.Body = bytes.Join(rapid.SliceOfN(line, 1, 60).Draw(t, "lines"), nil)
		}))
	}
	return requests, lines
}

// A block has a batch for each of as many tokens as a section may have. More are more
// sections.
func TestManyTokens(t *testing.T) {
	for _, c := range []struct{ tokens, batches int }{
		{1, 1},
		{sectionTokens - 1, sectionTokens - 1},
		{sectionTokens, 3 * sectionTokens}, // each event begins with the token that the section before it had first
	} {
		r := request(nil)
		for n := range 3 * c.tokens {
			r.Body = append(r.Body, frame(fmt.Sprintf("<190>1 - host app web.1 - t=t%d n=%d", n%c.tokens, n))...)
		}
		s := ruled(t, func(cfg *config.Config) { delete(cfg.Destinations, "other"); named(cfg) })
		out := transformedBy(t, s, block(r))
		events := 0
		for key, bodies := range byToken(t, out) {
			events += len(bodies)
			if len(bodies) != 3 || "splunk "+tokenOf(bodies[0]) != key {
				t.Errorf("%d tokens: %s has %q", c.tokens, key, bodies)
			}
		}
		if len(out.Batches) != c.batches || events != 3*c.tokens {
			t.Errorf("%d tokens: %d batches, %d events", c.tokens, len(out.Batches), events)
		}
	}
}

// A line that has waited is sent with the token of the request that it came in, and batches
// of different tokens differ in their ids though frames of different blocks have one number.
func TestTokensOfWaitingLines(t *testing.T) {
	s := ruled(t, func(c *config.Config) {
		delete(c.Destinations, "other")
		c.Drains = []config.Drain{{Token: "d.1", Join: []string{"java"}}}
		c.Rules = []config.Rule{{Name: "r", Set: map[string]string{"token": "{{ credential }}"}}}
	})
	tr := newTransformer(s)
	tr.joining = joining{joiner: join.New[heldLine](maxHeld), delivery: &heldDelivery{}}
	want := map[string][]string{}
	for n, credential := range []string{"one", "two", "one", "two"} {
		text := fmt.Sprintf("java.lang.Error: %d", n)
		blk := block(request(func(r *drainlinev1.Request) { r.Credential = credential }, fmt.Sprintf("<190>1 - host app web.%d - %s", n, text)))
		if out, err := tr.transform(blk); err != nil || len(out.Batches) > 0 {
			t.Fatal(len(out.Batches), err)
		}
		want["splunk "+credential] = append(want["splunk "+credential], text)
	}
	tr.start(wire.ID{})
	tr.joining.joiner.Flush(tr.shipGroup)
	out, err := tr.finish()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, byToken(t, out)); diff != "" {
		t.Error(diff)
	}
}

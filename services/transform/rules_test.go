package transform

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// ruled are settings with rules, for destinations splunk and other.
func ruled(t fataler, change func(*config.Config)) *settings {
	c := &config.Config{
		Destinations: map[string]config.Destination{"splunk": {}, "other": {}},
		Ingest:       config.Ingest{Identity: config.Identity{AppFrom: everywhere}},
	}
	change(c)
	s, err := newSettings(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	routerLine  = `<158>1 2024-05-01T12:00:00+00:00 host heroku router - at=info method=GET path="/a" dyno=web.1 service=3ms status=200`
	healthLine  = `<158>1 2024-05-01T12:00:00+00:00 host heroku router - at=info method=GET path="/healthz" dyno=web.1 service=3ms status=200`
	helloLine   = "<190>1 2024-05-01T12:00:00+00:00 host app web.1 - hello"
	metricsLine = "<45>1 2024-05-01T12:00:00+00:00 host heroku web.1 - source=web.1 sample#load_avg_1m=2.46 sample#memory_total=1.00MB"
)

// texts are the bodies that each destination gets.
func texts(t *testing.T, out output) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, b := range out.Batches {
		for _, e := range scan(t, b).Events {
			all[b.Destination] = append(all[b.Destination], string(e.Text)+string(e.JSON))
		}
	}
	return all
}

func body(line string) string { return line[strings.Index(line, " - ")+3:] }

// Where events go, by the conditions of destinations, by drains and by rules, and what
// becomes of those that nobody wants.
func TestRouting(t *testing.T) {
	router, other := `kind == "router"`, config.Rule{Name: "r", When: `message == "hello"`, To: []string{"other"}}
	for _, c := range []struct {
		name     string
		change   func(*config.Config)
		splunk   []string
		other    []string
		filtered int
		dead     string
	}{
		{"everywhere", func(*config.Config) {}, []string{routerLine, helloLine}, []string{routerLine, helloLine}, 0, ""},
		{"a condition", func(c *config.Config) {
			c.Destinations["other"] = config.Destination{When: router}
		}, []string{routerLine, helloLine}, []string{routerLine}, 0, ""},
		{"a rule names one", func(c *config.Config) {
			c.Rules = []config.Rule{other}
		}, []string{routerLine}, []string{routerLine, helloLine}, 0, ""},
		{"a rule and a condition", func(c *config.Config) {
			c.Destinations["splunk"] = config.Destination{When: `kind == "app"`}
			c.Destinations["other"] = config.Destination{When: router}
			c.Rules, c.Unrouted = []config.Rule{other}, config.UnroutedDead
		}, []string{helloLine}, []string{routerLine, helloLine}, 0, ""},
		{"a drain and a rule", func(c *config.Config) {
			c.Drains = []config.Drain{{Token: "d.1", Destinations: []string{"splunk"}}}
			c.Rules = []config.Rule{other}
		}, []string{routerLine, helloLine}, []string{helloLine}, 0, ""},
		{"unwanted is dropped", func(c *config.Config) {
			c.Destinations["splunk"] = config.Destination{When: router}
			c.Destinations["other"] = config.Destination{When: router}
			c.Unrouted = config.UnroutedDrop
		}, []string{routerLine}, []string{routerLine}, 1, ""},
		{"unwanted is dead", func(c *config.Config) {
			c.Destinations["splunk"] = config.Destination{When: router}
			c.Destinations["other"] = config.Destination{When: router}
			c.Unrouted = config.UnroutedDead
		}, []string{routerLine}, []string{routerLine}, 0, "unrouted"},
		{"a rule drops", func(c *config.Config) {
			c.Rules = []config.Rule{{Name: "r", When: router, Drop: true}}
		}, []string{helloLine}, []string{helloLine}, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := transformedBy(t, ruled(t, c.change), block(request(nil, routerLine, helloLine)))
			got := texts(t, out)
			for name, lines := range map[string][]string{"splunk": c.splunk, "other": c.other} {
				var want []string
				for _, line := range lines {
					want = append(want, body(line))
				}
				if !slices.Equal(got[name], want) {
					t.Errorf("%s gets %q, want %q", name, got[name], want)
				}
			}
			if out.Counts.Filtered != c.filtered || out.Counts.Events != 2 {
				t.Errorf("%+v", out.Counts)
			}
			var dead string
			for _, letter := range out.Dead {
				dead = letter.GetReason()
				if original := reopened(t, letter).GetRequests()[0].GetBody(); string(original) != string(frame(helloLine)) {
					t.Errorf("the dead letter has %q", original)
				}
			}
			if dead != c.dead {
				t.Errorf("dead letter %q, want %q", dead, c.dead)
			}
		})
	}
}

// Destinations get one event in the formats that each asks for, or else a rule, or else
// the drain.
func TestFormats(t *testing.T) {
	s := ruled(t, func(c *config.Config) {
		c.Destinations["other"] = config.Destination{Format: config.FormatJSON}
		c.Drains = []config.Drain{{Token: "d.1", Format: config.FormatSplunkRaw}}
		c.Rules = []config.Rule{{Name: "r", When: `kind == "router"`, Format: config.FormatText}}
	})
	got := texts(t, transformedBy(t, s, block(request(nil, routerLine, helloLine))))
	want := map[string][]string{
		"splunk": {body(routerLine), string(frame(helloLine))},
		"other":  {`{"at":"info","method":"GET","path":"/a","dyno":"web.1","service":3,"status":200}`, `{"message":"hello"}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Metrics are batches of their own: their events have the numbers of the lines that they
// were made of.
func TestMetrics(t *testing.T) {
	for _, c := range []struct {
		as     string
		events []string
		index  []string
	}{
		{config.MetricsEvents, []string{body(metricsLine), "hello"}, []string{"", ""}},
		{config.MetricsMetrics, []string{"hello", `"metric"`}, []string{"", "m"}},
		{config.MetricsBoth, []string{body(metricsLine), "hello", `"metric"`}, []string{"", "", "m"}},
	} {
		t.Run(c.as, func(t *testing.T) {
			s := ruled(t, func(cfg *config.Config) {
				cfg.Rules = []config.Rule{{Name: "r", Metrics: c.as, MetricsIndex: "m"}}
			})
			out := transformedBy(t, s, block(request(nil, metricsLine, helloLine)))
			ids := map[wire.ID]bool{}
			for _, b := range out.Batches {
				ids[b.ID] = true
			}
			if len(ids) != len(out.Batches) {
				t.Errorf("%d ids for %d batches", len(ids), len(out.Batches))
			}
			if got := texts(t, out)["splunk"]; !slices.Equal(got, c.events) {
				t.Errorf("got %q, want %q", got, c.events)
			}
			for i, e := range events(t, out, "splunk") {
				if e.Index != c.index[i] {
					t.Errorf("event %d goes to %q, want %q", i, e.Index, c.index[i])
				}
				if string(e.JSON) == `"metric"` && !slices.ContainsFunc(e.Fields, func(f wire.Field) bool {
					return strings.HasPrefix(f.Name, "metric_name:") && strings.HasSuffix(f.Name, "load_avg_1m") && string(f.JSON) == "2.46"
				}) {
					t.Errorf("measures %v", e.Fields)
				}
			}
		})
	}
}

// Other rules give other batches and letters for the same block: none may be taken for
// one of before.
func TestChangedRulesChangeIDs(t *testing.T) {
	ids := func(rules ...config.Rule) (batch wire.ID, letter string) {
		s := ruled(t, func(c *config.Config) {
			delete(c.Destinations, "other")
			c.Rules = rules
		})
		out := transformedBy(t, s, block(request(nil, routerLine, helloLine, healthLine)))
		if len(out.Dead) > 0 {
			letter = string(out.Dead[0].GetId())
		}
		return out.Batches[0].ID, letter
	}
	dead := func(when string) config.Rule {
		return config.Rule{Name: "r", When: when, Limit: config.Limit{Bytes: 1, Over: config.OverDead}, Redact: nil}
	}
	all, _ := ids()
	some, _ := ids(config.Rule{Name: "r", When: `kind == "app"`, Drop: true})
	others, _ := ids(config.Rule{Name: "r", When: `message contains "healthz"`, Drop: true})
	if all == some || some == others {
		t.Error("batches with other frames have one id")
	}
	_, one := ids(dead(`kind == "router"`))
	_, two := ids(dead(`kind == "router" || kind == "app"`))
	if one == "" || one == two {
		t.Error("letters with other frames have one id")
	}
}

// An event of an array that is split dies with the whole envelope, which is kept once.
func TestSplitArraysDieOnce(t *testing.T) {
	s := ruled(t, func(c *config.Config) {
		c.Destinations = map[string]config.Destination{"splunk": {When: "false"}}
		c.Unrouted = config.UnroutedDead
	})
	envelope := `{"event":[` + strings.Repeat(`{"a":1},`, 999) + `{"a":1}]}`
	r := request(func(r *drainlinev1.Request) {
		r.Encoding, r.Body = drainlinev1.Encoding_ENCODING_HEC_EVENTS, []byte(envelope)
		r.Defaults = &drainlinev1.Defaults{SplitArrays: true}
	})
	out := transformedBy(t, s, block(r))
	if len(out.Dead) != 1 || string(reopened(t, out.Dead[0]).GetRequests()[0].GetBody()) != envelope || out.Counts.Events != 1000 {
		t.Errorf("%d letters, %+v", len(out.Dead), out.Counts)
	}
}

// reopened is the block in a dead letter.
func reopened(t *testing.T, letter *drainlinev1.DeadBlock) *drainlinev1.RawBlock {
	t.Helper()
	var b drainlinev1.RawBlock
	if err := proto.Unmarshal(letter.GetOriginal(), &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

// An event that its format makes too large for a message goes as it is, with a mark; one
// that is too large as it is dies alone.
func TestTooLarge(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	noise := func(n int) string {
		text := make([]byte, n)
		random.Read(text)
		for i := range text {
			text[i] = text[i]%18 + 14 // takes six bytes in JSON
		}
		return string(text)
	}
	s := ruled(t, func(c *config.Config) {
		c.Destinations["other"] = config.Destination{Format: config.FormatJSON}
	})
	f := func(size int, splunk, other, dead int) {
		t.Helper()
		out := transformedBy(t, s, block(rawLines(func(*drainlinev1.Request) {}, "innocent\n"+noise(size)+"\ninnocent too")))
		got := texts(t, out)
		if len(got["splunk"]) != splunk || len(got["other"]) != other || len(out.Dead) != dead {
			t.Errorf("%d bytes: %d for one destination, %d for the other, %d dead", size, len(got["splunk"]), len(got["other"]), len(out.Dead))
		}
		for _, b := range out.Batches {
			if len(b.Payload) > wire.MaxPayload {
				t.Errorf("%d bytes: a payload has %d", size, len(b.Payload))
			}
		}
		for _, letter := range out.Dead {
			if letter.GetReason() != reasonTooLarge {
				t.Errorf("%d bytes: %s", size, letter.GetReason())
			}
		}
		marked := 0
		for _, e := range events(t, out, "other") {
			if hasField(e.Fields, wire.MarkField) {
				marked++
			}
		}
		if large := size > wire.MaxBlock; large && dead == 0 && marked != 1 {
			t.Errorf("%d bytes: %d are marked", size, marked)
		}
	}
	f(1000, 3, 3, 0)
	f(700<<10, 3, 3, 0)
	f(1<<20, 2, 2, 1)
}

// Rules of a scope meet events of HEC whose token, or sender, names the app.
func TestScopeOfHECEvents(t *testing.T) {
	s := ruled(t, func(c *config.Config) {
		c.Rules = []config.Rule{{Name: "r", Scope: []string{"shop"}, Set: map[string]string{"index": "shop"}}}
	})
	r := envelopes(func(r *drainlinev1.Request) {
		r.Defaults = &drainlinev1.Defaults{Fields: []*drainlinev1.Field{field(fieldApp, `"shop"`)}}
	}, `{"event":"a"}{"event":"b","fields":{"heroku_app":"other","drainline_rule_error":"forged"}}`)
	var indexes []string
	for _, e := range events(t, transformedBy(t, s, block(r)), "splunk") {
		indexes = append(indexes, e.Index)
		if hasField(e.Fields, "drainline_rule_error") {
			t.Error("a sender can say that a rule has failed")
		}
	}
	if !slices.Equal(indexes, []string{"shop", ""}) {
		t.Errorf("indexes %q", indexes)
	}
}

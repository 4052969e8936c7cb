package transform

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// listing are settings with some drains listed, for destinations splunk and other.
func listing(t *testing.T, drains ...config.Drain) *settings {
	t.Helper()
	c := &config.Config{
		Destinations: map[string]config.Destination{"splunk": {}, "other": {}}, Drains: drains,
		Ingest: config.Ingest{Identity: config.Identity{AppFrom: everywhere}, Logplex: config.Logplex{UnknownIndex: "quarantine"}},
	}
	s, err := newSettings(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func defaults(d *drainlinev1.Defaults) func(*drainlinev1.Request) {
	return func(r *drainlinev1.Request) { r.Defaults = d }
}

func field(name, json string) *drainlinev1.Field {
	return &drainlinev1.Field{Name: name, Json: []byte(json)}
}

// Of the request's defaults, the drain's entry and Drainline's own choice the first
// that says something counts.
func TestWhatADrainSays(t *testing.T) {
	const (
		line = "<190>1 - host app web.1 - hello"
		own  = `heroku_process="web" heroku_dyno="web.1" heroku_kind="app"`
	)
	marked := func(marks ...string) func(*drainlinev1.Request) {
		return func(r *drainlinev1.Request) { r.Marks = marks }
	}
	entry := config.Drain{
		Token: "d.1", App: "shop", Index: "web", Source: "drain", Sourcetype: "heroku",
		Fields: map[string]string{"env": "prod \"1\"", "team": "a"},
	}
	for _, c := range []struct {
		name   string
		drain  config.Drain
		change func(*drainlinev1.Request)
		want   string
	}{
		{"nothing", config.Drain{Token: "d.1"}, nil, `d.1 web heroku:app heroku_app="d.1" ` + own + ` | hello`},
		{"another drain's entry", config.Drain{Token: "d.2", App: "shop"}, nil, `d.1 web heroku:app heroku_app="d.1" ` + own + ` | hello`},
		{"all", entry, nil, `shop drain heroku index:web heroku_app="shop" ` + own + ` env="prod \"1\"" team="a" | hello`},
		{
			"defaults over the entry", entry,
			defaults(&drainlinev1.Defaults{
				Host: "h", Source: "s", Sourcetype: "st", Index: "i",
				Fields: []*drainlinev1.Field{field("env", `7`), field("heroku_kind", `["mine"]`)},
			}),
			`h s st index:i heroku_app="shop" heroku_process="web" heroku_dyno="web.1" env=7 heroku_kind=["mine"] team="a" | hello`,
		},
		{
			"defaults without an entry",
			config.Drain{Token: "d.2"},
			defaults(&drainlinev1.Defaults{Sourcetype: "heroku"}),
			`d.1 web heroku heroku_app="d.1" ` + own + ` | hello`,
		},
		{"a mark", config.Drain{Token: "d.2"}, marked(wire.MarkOverRate), `d.1 web heroku:app heroku_app="d.1" ` + own + ` drainline_mark="over_rate" | hello`},
		{
			"marks over fields of that name",
			config.Drain{Token: "d.1", Fields: map[string]string{wire.MarkField: "drain"}},
			func(r *drainlinev1.Request) {
				r.Marks = []string{"over_rate", "odd \"1\""}
				r.Defaults = &drainlinev1.Defaults{Fields: []*drainlinev1.Field{field(wire.MarkField, `"defaults"`), field("env", `1`)}}
			},
			`d.1 web heroku:app heroku_app="d.1" ` + own + ` drainline_mark=["over_rate","odd \"1\""] env=1 | hello`,
		},
		{
			"quarantine",
			config.Drain{Token: "d.2"},
			marked(wire.MarkUnknownDrain),
			`d.1 web heroku:app index:quarantine heroku_app="d.1" ` + own + ` drainline_mark="unknown_drain" | hello`,
		},
		{
			"quarantine over the index that a URL names",
			config.Drain{Token: "d.2"},
			func(r *drainlinev1.Request) {
				r.Marks, r.Defaults = []string{wire.MarkOverRate, wire.MarkUnknownDrain}, &drainlinev1.Defaults{Index: "i"}
			},
			`d.1 web heroku:app index:quarantine heroku_app="d.1" ` + own + ` drainline_mark=["over_rate","unknown_drain"] | hello`,
		},
		{
			"listed since ingest took it",
			config.Drain{Token: "d.1", Index: "web"},
			marked(wire.MarkUnknownDrain),
			`d.1 web heroku:app index:web heroku_app="d.1" ` + own + ` drainline_mark="unknown_drain" | hello`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := transformedBy(t, listing(t, c.drain), block(request(c.change, line)))
			if diff := cmp.Diff([]string{c.want}, shown(t, out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The demonstration of issue 3: what a drain URL for Splunk says in its query.
func TestRouterLineWithTheQueryOfASplunkDrain(t *testing.T) {
	r := request(defaults(&drainlinev1.Defaults{Host: "checkout.herokuapp.com", Source: "checkout", Sourcetype: "heroku"}))
	r.Door, r.Body = drainlinev1.Door_DOOR_HEC, logplextest.Body(t, "N6")
	e := events(t, transformedBy(t, listing(t), block(r)), "splunk")
	if len(e) != 1 || e[0].TimeNS != 1714564800_223456000 || e[0].Kind != "router" ||
		e[0].Host != "checkout.herokuapp.com" || e[0].Source != "checkout" || e[0].Sourcetype != "heroku" {
		t.Errorf("%+v", e)
	}
}

func TestStructuredData(t *testing.T) {
	const line = `<190>1 - host app web.1 - [a b="c"] - text`
	const never, always, unspecified = drainlinev1.StructuredData_STRUCTURED_DATA_NEVER,
		drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS, drainlinev1.StructuredData_STRUCTURED_DATA_UNSPECIFIED
	for _, c := range []struct {
		drain      string
		credential drainlinev1.StructuredData
		agent      string
		stripped   bool
	}{
		{"", unspecified, "Logplex/v72", false},
		{"", unspecified, "log-shuttle/1", true},
		{"", always, "Logplex/v72", true},
		{"", never, "log-shuttle/1", false},
		{"auto", always, "Logplex/v72", true},
		{"never", always, "log-shuttle/1", false},
		{"always", never, "Logplex/v72", true},
	} {
		r := request(func(r *drainlinev1.Request) {
			r.Facts = &drainlinev1.Facts{UserAgent: c.agent, StructuredData: c.credential}
		}, line)
		e := events(t, transformedBy(t, listing(t, config.Drain{Token: "d.1", StructuredData: c.drain}), block(r)), "splunk")
		if stripped := string(e[0].Text) == "- text"; stripped != c.stripped {
			t.Errorf("%+v: %s", c, e[0].Text)
		}
	}
}

// What another ships is counted, by the time of the line: from is the first of
// ours, until the first that is not.
func TestHandOver(t *testing.T) {
	const stamp = "2024-05-01T12:00:0%d+00:00"
	second := func(n int) time.Time { return at(t, fmt.Sprintf(stamp, n)) }
	lines := []string{}
	for n := range 6 {
		lines = append(lines, fmt.Sprintf("<190>1 "+stamp+" host app web.1 - %d", n, n))
	}
	lines = append(lines, "<190>1 - host app web.1 - no time", "<190>1 2024-13-01T00:00:00Z host app web.1 - bad time", "no frame")
	for _, c := range []struct {
		name          string
		from, until   time.Time
		want          string
		before, after int
	}{
		{"always ours", time.Time{}, time.Time{}, "0 1 2 3 4 5 no time bad time", 0, 0},
		{"from", second(2), time.Time{}, "2 3 4 5", 4, 0}, // received at 0
		{"until", time.Time{}, second(2), "0 1 no time bad time", 0, 4},
		{"both", second(1), second(3).Add(time.Nanosecond), "1 2 3", 3, 2},
		{"an offset", second(2).In(time.FixedZone("", 3600)), time.Time{}, "2 3 4 5", 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := transformedBy(t, listing(t, config.Drain{Token: "d.1", From: c.from, Until: c.until}), block(request(nil, lines...)))
			var texts []string
			for _, e := range events(t, out, "splunk") {
				texts = append(texts, string(e.Text))
			}
			if got := strings.Join(texts, " "); got != c.want || out.Counts.Before != c.before || out.Counts.After != c.after || out.Counts.Bad != 1 {
				t.Errorf("got %s, counts %+v", got, out.Counts)
			}
		})
	}
}

func at(t *testing.T, stamp string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestDestinationsOfADrain(t *testing.T) {
	s := listing(t, config.Drain{Token: "d.2", Destinations: []string{"other"}}, config.Drain{Token: "d.3", Destinations: []string{"other", "splunk"}})
	var requests []*drainlinev1.Request
	for _, token := range []string{"d.1", "d.2", "d.3", "d.2", "d.1"} {
		requests = append(requests, request(func(r *drainlinev1.Request) { r.DrainToken = token }, "<190>1 - host app web.1 - "+token))
	}
	out := transformedBy(t, s, block(requests...))
	for destination, want := range map[string]string{"splunk": "d.1 d.3 d.1", "other": "d.1 d.2 d.3 d.2 d.1"} {
		var got []string
		for _, sealed := range out.Batches {
			if sealed.Destination != destination {
				continue
			}
			b := scan(t, sealed)
			for _, e := range b.Events {
				if b.Origins[e.Origin].DrainToken != string(e.Text) {
					t.Errorf("%s: origin %+v", e.Text, b.Origins[e.Origin])
				}
				got = append(got, string(e.Text))
			}
			for i := range b.Origins {
				if destination == "splunk" && b.Origins[i].DrainToken == "d.2" {
					t.Error("a destination hears of a drain that does not go there")
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", destination, got, want)
		}
	}
	if out.Counts.Events != 5 {
		t.Errorf("%d events, want 5", out.Counts.Events)
	}
}

// Ten thousand drains are ready in a blink, and a request costs one look.
func TestManyDrains(t *testing.T) {
	drains := make([]config.Drain, 10_000)
	for i := range drains {
		drains[i] = config.Drain{Token: fmt.Sprintf("d.%d", i), App: fmt.Sprintf("app%d", i)}
	}
	s := listing(t, drains...)
	r := request(func(r *drainlinev1.Request) { r.DrainToken = "d.9999" }, "<190>1 - host app web.1 - x")
	if e := events(t, transformedBy(t, s, block(r)), "splunk"); e[0].Host != "app9999" {
		t.Errorf("host %s", e[0].Host)
	}
}

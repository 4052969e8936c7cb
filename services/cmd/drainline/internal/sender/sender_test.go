package sender

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// settings have one of everything that requests are compared with.
func settings() *config.Config {
	c := &config.Config{Drains: []config.Drain{{Token: "d.1"}}}
	c.Ingest.Logplex.QueryFields = []string{"app", "utm_*"}
	c.Ingest.Logplex.Credentials = map[string]config.Credential{
		"team_a": {Apps: []string{"shop"}, StructuredData: config.StructuredDataAlways},
	}
	c.Ingest.HEC.Tokens = map[string]config.Token{
		"web": {Index: "web", Host: "h", Fields: map[string]string{"env": "prod"}, SplitArrays: true},
	}
	return c
}

var received = time.Unix(1, 0)

const (
	frames    = drainlinev1.Encoding_ENCODING_FRAMES
	hecEvents = drainlinev1.Encoding_ENCODING_HEC_EVENTS
	atHEC     = drainlinev1.Door_DOOR_HEC
	atLogplex = drainlinev1.Door_DOOR_LOGPLEX
)

func TestRequests(t *testing.T) {
	t.Parallel()
	facts := func(app string, apps ...string) *drainlinev1.Facts {
		return &drainlinev1.Facts{PathApp: app, UserAgent: "Logplex/v73", RemoteAddr: "192.0.2.1", Apps: apps}
	}
	structured := facts("shop", "shop")
	structured.StructuredData = drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS
	env := []*drainlinev1.Field{{Name: "env", Json: []byte(`"prod"`)}}
	for _, c := range []struct {
		name     string
		facts    Facts
		encoding drainlinev1.Encoding
		want     *drainlinev1.Request
	}{
		{"nothing", Facts{}, frames, &drainlinev1.Request{Door: atLogplex, Credential: "default", Facts: facts("")}},
		{
			"a credential",
			Facts{Credential: "team_a", App: "shop", Query: map[string]string{"utm_x": "1"}},
			frames,
			&drainlinev1.Request{Door: atLogplex, Credential: "team_a", Facts: structured, Query: map[string]string{"utm_x": "1"}},
		},
		{
			"a listed drain",
			Facts{Drain: "d.1", Marks: []string{"over_rate"}},
			frames,
			&drainlinev1.Request{Door: atLogplex, Credential: "default", Facts: facts(""), DrainToken: "d.1", Marks: []string{"over_rate"}},
		},
		{
			"an unknown drain",
			Facts{Drain: "d.2"},
			frames,
			&drainlinev1.Request{Door: atLogplex, Credential: "default", Facts: facts(""), DrainToken: "d.2", Marks: []string{wire.MarkUnknownDrain}},
		},
		{
			"a drain at the HEC door",
			Facts{Credential: "web", Door: atHEC, Drain: "d.2", Query: map[string]string{"source": "s", "app": "shop"}},
			frames,
			&drainlinev1.Request{
				Door: atHEC, Credential: "web", Facts: facts(""),
				DrainToken: "d.2", Query: map[string]string{"app": "shop"}, Marks: []string{wire.MarkUnknownDrain},
				Defaults: &drainlinev1.Defaults{Host: "h", Source: "s", Index: "web", Fields: env},
			},
		},
		{
			"a HEC token",
			Facts{Credential: "web", Door: atHEC, Query: map[string]string{"index": "other", "time": "12"}},
			hecEvents,
			&drainlinev1.Request{Door: atHEC, Credential: "web", Facts: facts(""), Defaults: &drainlinev1.Defaults{
				Host: "h", Source: "http:web", Sourcetype: "httpevent", Index: "other", Fields: env, SplitArrays: true, TimeNs: 12e9,
			}},
		},
		{
			"a HEC token, told by what is sent",
			Facts{Credential: "web"},
			hecEvents,
			&drainlinev1.Request{Door: atHEC, Credential: "web", Facts: facts(""), Defaults: &drainlinev1.Defaults{
				Host: "h", Source: "http:web", Sourcetype: "httpevent", Index: "web", Fields: env, SplitArrays: true,
			}},
		},
		{
			"a HEC client without a token",
			Facts{Door: atHEC},
			hecEvents,
			&drainlinev1.Request{Door: atHEC, Credential: "default", Facts: facts(""), Defaults: &drainlinev1.Defaults{
				Host: "192.0.2.1", Source: "http:default", Sourcetype: "httpevent",
			}},
		},
	} {
		s, err := New(settings(), c.facts)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := s.Requests([]Body{{c.encoding, []byte("x"), received}, {c.encoding, []byte("y"), received}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if one, two := Number(wire.ToID(got[0].GetId())), Number(wire.ToID(got[1].GetId())); one != 1 || two != 2 {
			t.Errorf("%s: numbers %d and %d", c.name, one, two)
		}
		c.want.Id, c.want.Encoding, c.want.Body, c.want.ReceivedNs = got[0].GetId(), c.encoding, []byte("x"), 1e9
		if diff := cmp.Diff(c.want, got[0], protocmp.Transform()); diff != "" {
			t.Errorf("%s (- wanted, + got):\n%s", c.name, diff)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	strict := settings()
	strict.Ingest.Logplex.UnknownDrains = config.RejectDrains
	for _, c := range []struct {
		settings *config.Config
		facts    Facts
		want     string
	}{
		{settings(), Facts{Credential: "taem_a"}, "credential taem_a: it is no entry of ingest.logplex.credentials or ingest.hec.tokens, the nearest is \"team_a\""},
		{settings(), Facts{Credential: "taem_a", Door: atLogplex}, "credential taem_a: it is no entry of ingest.logplex.credentials, the nearest is \"team_a\""},
		{settings(), Facts{Credential: "weeb"}, "credential weeb: it is no entry of ingest.logplex.credentials or ingest.hec.tokens, the nearest is \"web\""},
		{settings(), Facts{Credential: "web", Query: map[string]string{"time": "x"}}, "query time: HEC refuses it: "},
		{settings(), Facts{Credential: "weeb", Door: atHEC}, "credential weeb: it is no entry of ingest.hec.tokens, the nearest is \"web\""},
		{&config.Config{}, Facts{Credential: "x"}, "credential x: it is no entry of ingest.logplex.credentials"},
		{settings(), Facts{Credential: "team_a", App: "blog"}, "app blog: ingest refuses it, the credential team_a is limited to shop"},
		{settings(), Facts{Door: atLogplex, Query: map[string]string{"env": "x"}}, "query env: ingest does not keep it, ingest.logplex.query_fields has app, utm_*"},
		{settings(), Facts{Door: atHEC, Query: map[string]string{"time": "x"}}, "query time: HEC refuses it: "},
		{strict, Facts{Drain: "d.2"}, "drain d.2: ingest refuses it, it is not listed and ingest.logplex.unknown_drains is reject"},
	} {
		if _, err := New(c.settings, c.facts); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// What is sent says which door it is for, and so where its credential stands.
func TestRefusedForWhatIsSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		facts    Facts
		encoding drainlinev1.Encoding
		want     string
	}{
		{Facts{Credential: "web"}, frames, "credential web: it is no entry of ingest.logplex.credentials"},
		{Facts{Credential: "team_a"}, hecEvents, "credential team_a: it is no entry of ingest.hec.tokens"},
		{Facts{Credential: "team_a", Door: atLogplex}, hecEvents, "credential team_a: it is no entry of ingest.hec.tokens"},
		{Facts{Query: map[string]string{"env": "x"}}, frames, "query env: ingest does not keep it"},
	} {
		s, err := New(settings(), c.facts)
		if err != nil {
			t.Errorf("%v: %v", c.facts, err)
			continue
		}
		if _, err := s.Requests([]Body{{c.encoding, []byte("x"), received}}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

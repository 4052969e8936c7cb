package transform_test

import (
	"strings"
	"testing"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform"
)

func TestFilterAsksAboutShippedEvents(t *testing.T) {
	t.Parallel()
	line := wire.Event{
		Kind: "router", Code: "H12", Process: "router", Dyno: "web.1", Host: "shop", Index: "main", Severity: 6,
		Text: []byte("at=error code=H12 method=GET path=/a status=503"), Fields: []wire.Field{{Name: "team", JSON: []byte(`"blue"`)}},
	}
	sent := wire.Event{
		Kind: "app", JSON: []byte(`{"user":{"id":7}}`), Origin: 1, Fields: []wire.Field{{Name: "heroku_app", JSON: []byte(`"blog"`)}},
	}
	batch := &wire.Batch{Origins: []wire.Origin{
		{Door: drainlinev1.Door_DOOR_LOGPLEX, App: "shop", DrainToken: "d.1", Credential: "team_a"}, {Door: drainlinev1.Door_DOOR_HEC, Credential: "web"},
	}}
	for _, c := range []struct {
		when       string
		line, sent bool
	}{
		{`app == "shop"`, true, false},
		{`app == "blog"`, false, true},
		{`kind == "router" && code == "H12" && dyno == "web.1" && severity == 6`, true, false},
		{`fields.status >= 500`, true, false},
		{`fields.user.id == 7`, false, true},
		{`indexed.team == "blue"`, true, false},
		{`door == "logplex" && drain == "d.1" && credential == "team_a"`, true, false},
		{`door == "hec" && credential == "web"`, false, true},
		{`request_id == "" && query.x == nil`, true, true},
		{`message contains "status"`, true, false},
	} {
		f, err := transform.NewFilter(c.when)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the one before leaves nothing behind
			for e, want := range map[*wire.Event]bool{&line: c.line, &sent: c.sent} {
				if got, err := f.Match(batch, e); err != nil || got != want {
					t.Errorf("%s of %s%s: %v, %v", c.when, e.Text, e.JSON, got, err)
				}
			}
		}
	}
}

func TestFilterTellsMistakes(t *testing.T) {
	t.Parallel()
	if _, err := transform.NewFilter(`kindd == "app"`); err == nil || !strings.Contains(err.Error(), "kindd") {
		t.Errorf("%v", err)
	}
}

package transform

import (
	"slices"
	"testing"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// Lines that report loss are forwarded as any other, and what they report is counted for
// the app, or else the drain or the credential.
func TestLossIsCounted(t *testing.T) {
	shuttle := func(r *drainlinev1.Request) { r.DrainToken, r.Facts.UserAgent = "", "log-shuttle/0.22" }
	for _, c := range []struct {
		name   string
		change func(*drainlinev1.Request)
		body   []byte
		events int
		want   []lost
	}{
		{"N4", nil, logplextest.Body(t, "N4"), 2, []lost{{"d.1", "L10", 3}}},
		{"N5", nil, logplextest.Body(t, "N5"), 1, []lost{{"d.1", "L10", 1}}},
		{"N24", shuttle, logplextest.Body(t, "N24"), 1, []lost{{"default", "L13", 7}}},
		{
			"both of log-shuttle's", shuttle,
			frame("<172>1 - heroku token log-shuttle - - Error L12: 5 messages dropped since x", "<172>1 - heroku token log-shuttle - - Error L13: 2 messages lost since x"),
			2,
			[]lost{{"default", "L12", 5}, {"default", "L13", 2}},
		},
		{
			"an app that prints one", nil, frame("<190>1 - host app web.1 - Error L10 (output buffer overflow): 3 messages dropped since x"),
			1, nil,
		},
		{"of an app", func(r *drainlinev1.Request) { r.Facts.PathApp = "shop" }, logplextest.Body(t, "N5"), 1, []lost{{"shop", "L10", 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.change)
			r.Body = c.body
			out := transformed(t, []string{"splunk"}, block(r))
			if !slices.Equal(out.Lost, c.want) || out.Counts.Events != c.events {
				t.Errorf("%d events, lost %+v, want %+v", out.Counts.Events, out.Lost, c.want)
			}
		})
	}
}

// The side that ships a line also counts it.
func TestLossOfAnotherIsNotCounted(t *testing.T) {
	r := request(nil)
	r.Body = logplextest.Body(t, "N4")
	s := listing(t, config.Drain{Token: "d.1", Until: at(t, "2024-05-01T00:00:00Z")})
	if got := transformedBy(t, s, block(r)).Counts; got != (counts{After: 2}) {
		t.Errorf("%+v", got)
	}
}

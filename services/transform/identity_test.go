package transform

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

func TestAppFrom(t *testing.T) {
	const syslog = "d.aaaaaaaa-0000-4000-8000-000000000000"
	usual := strings.Join(everywhere, " ")
	// A request says each of these; a case takes some away, or changes one.
	said := func() *drainlinev1.Request {
		return request(func(r *drainlinev1.Request) {
			r.Credential, r.Facts.PathApp, r.Query = "team", "path", map[string]string{"app": "query"}
		})
	}
	type change = func(r *drainlinev1.Request, d *config.Drain, host *string)
	without := func(names ...string) change {
		return func(r *drainlinev1.Request, d *config.Drain, host *string) {
			for _, name := range names {
				switch name {
				case "drain":
					d.App = ""
				case "path":
					r.Facts.PathApp = ""
				case "query":
					r.Query = nil
				case "hostname":
					*host = "host"
				case "credential":
					r.Credential = config.DefaultCredential
				case "token":
					r.DrainToken = ""
				}
			}
		}
	}
	only := func(apps ...string) change {
		return func(r *drainlinev1.Request, d *config.Drain, _ *string) {
			r.Facts.Apps, d.App = apps, ""
		}
	}
	for _, c := range []struct {
		name   string
		order  string
		change change
		want   string
	}{
		{"all of them", usual, without(), "drain"},
		{"no drain", usual, without("drain"), "path"},
		{"no path", usual, without("drain", "path"), "query"},
		{"no query", usual, without("drain", "path", "query"), "frame"},
		{"no hostname", usual, without("drain", "path", "query", "hostname"), "team"},
		{"no credential", usual, without("drain", "path", "query", "hostname", "credential"), "d.1"},
		{"nothing", usual, without(everywhere...), ""},
		{"token first", "token credential hostname query path drain", without(), "d.1"},
		{"token first, but there is none", "token credential hostname query path drain", without("token"), "team"},
		{"hostname first", "hostname drain path", without(), "frame"},
		{"hostname first, but it says nothing", "hostname drain path", without("hostname"), "drain"},
		{"no hostname wanted", "query path", without("query"), "path"},
		{"none of those wanted", "drain", without("drain"), ""},
		{"the credential's app", "credential path", only("one"), "one"},
		{"the credential's apps", "credential path", only("one", "two"), "team"},
		{"path of another app", usual, only("query", "frame"), "query"},
		{"query of another app", usual, only("two", "frame"), "frame"},
		{"hostname of another app", usual, only("one", "two"), "team"},
		{"hostname of another app than the only one", usual, only("one"), "one"},
		{
			"token of a syslog drain", usual,
			func(r *drainlinev1.Request, d *config.Drain, host *string) {
				without(everywhere...)(r, d, host)
				*host = syslog
			}, syslog,
		},
		{
			"token of a syslog drain, not wanted", "drain path hostname credential",
			func(r *drainlinev1.Request, d *config.Drain, host *string) {
				without(everywhere...)(r, d, host)
				*host = syslog
			}, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, d, host := said(), config.Drain{Token: "d.1", App: "drain"}, "frame"
			c.change(r, &d, &host)
			r.Body = frame("<190>1 - " + host + " app web.1 - x")
			s := listing(t, d)
			s.appFrom = strings.Fields(c.order)
			e := events(t, transformedBy(t, s, block(r)), "splunk")
			if e[0].Host != c.want {
				t.Errorf("%q, want %q", e[0].Host, c.want)
			}
		})
	}
}

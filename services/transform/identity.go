package transform

import (
	"slices"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// identity is what a request says about the app its lines belong to.
type identity struct {
	app *word
	// byLine lets the hostname of a line's frame name another app.
	byLine bool
	// byToken lets the hostname be the drain token that the request lacks, where
	// there is no app: that is what syslog drains write there.
	byToken bool
	// apps are the only ones that a hostname may name; none means any.
	apps []string
}

// identify looks for the app in the configured order. What a URL or a frame says
// counts only if the credential may speak for that app.
func (t *transformer) identify(r *drainlinev1.Request, d *drain) identity {
	id := identity{app: &t.names.none, apps: r.GetFacts().GetApps()}
	for _, from := range t.settings.appFrom {
		name := ""
		switch from {
		case config.AppFromDrain:
			name = d.app
		case config.AppFromPath:
			name = id.permitted(r.GetFacts().GetPathApp())
		case config.AppFromQuery:
			name = id.permitted(r.GetQuery()[wire.QueryApp])
		case config.AppFromHostname:
			id.byLine = true
		case config.AppFromCredential:
			name = credentialApp(r)
		case config.AppFromToken:
			name = r.GetDrainToken()
			id.byToken = name == ""
		}
		if name != "" {
			id.app = t.names.word([]byte(name))
			break
		}
	}
	return id
}

// credentialApp is the one app that a credential may speak for, or else its name. A
// credential made at start says nothing of an app.
func credentialApp(r *drainlinev1.Request) string {
	if apps := r.GetFacts().GetApps(); len(apps) == 1 {
		return apps[0]
	}
	if r.GetCredential() == config.DefaultCredential {
		return ""
	}
	return r.GetCredential()
}

func (id *identity) permitted(app string) string {
	if len(id.apps) > 0 && !slices.Contains(id.apps, app) {
		return ""
	}
	return app
}

// line is the app of one line, by the hostname of its frame.
func (id *identity) line(host []byte, names *names) *word {
	if id.byLine {
		if app := heroku.HostApp(host); len(app) > 0 && id.may(app) {
			return names.word(app)
		}
	}
	if id.byToken && id.app.text == "" && heroku.IsDrainToken(host) {
		return names.word(host)
	}
	return id.app
}

// may is permitted without a string made of the name.
func (id *identity) may(app []byte) bool {
	return len(id.apps) == 0 || slices.ContainsFunc(id.apps, func(known string) bool { return known == string(app) })
}

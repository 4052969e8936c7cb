package ingest

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// secretVariable is the config var that holds the secret in the drain URL.
const secretVariable = "DRAINLINE_DRAIN_SECRET"

// herokuHost is the host that Heroku gives an app: its name, and since 2023 something that nobody can guess.
var herokuHost = regexp.MustCompile(`^https?://[^/]*@([a-z][a-z0-9-]*?)(?:-[0-9a-f]{12})?\.herokuapp\.com(?:/|$)`)

// HerokuCommand adds a log drain for an app when ingest itself runs on Heroku; it is empty elsewhere. What a dyno
// prints is in its log, so the command has the secret asked for where it is typed.
func (i *Ingest) HerokuCommand() string { return herokuCommand(i.DrainURL(false), os.Getenv) }

// herokuCommand goes by what a dyno has in its environment: DYNO always, and HEROKU_APP_NAME where the app has dyno
// metadata (devcenter.heroku.com/articles/dyno-metadata). Else the app's name is in its host.
func herokuCommand(drainURL string, env func(string) string) string {
	if env("DYNO") == "" || env(secretVariable) == "" || drainURL == "" {
		return ""
	}
	host := ""
	if found := herokuHost.FindStringSubmatch(drainURL); found != nil {
		host = found[1]
	}
	app := cmp.Or(env("HEROKU_APP_NAME"), host)
	if app == "" {
		return ""
	}
	secret := fmt.Sprintf("$(heroku config:get %s --app %s)", secretVariable, app)
	return fmt.Sprintf(`heroku drains:add "%s/APP" --app APP`, strings.Replace(drainURL, "***", secret, 1))
}
